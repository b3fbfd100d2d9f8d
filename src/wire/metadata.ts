import {
  assert,
  ByteReader,
  ByteWriter,
  DecodeError,
  type NodeId,
  type Term,
  term,
} from '../base/index.ts';

/** Length of `metadata1` and `metadata2` (disk-format.md §3). */
export const METADATA_BYTES = 32;
const FORMAT = 1;

/** Content of a metadata file. */
export interface Metadata {
  /** Counts the writes, from 1. Odd versions belong into `metadata1`, even ones into `metadata2`. */
  readonly version: number;
  readonly term: Term;
  /** Id of the node voted for in this term; 0n = nobody. */
  readonly votedFor: NodeId;
}

/** Name of the file that holds this version. */
export function metadataFileName(version: number): 'metadata1' | 'metadata2' {
  return version % 2 === 1 ? 'metadata1' : 'metadata2';
}

/** Encodes a metadata file: 32 bytes. */
export function encodeMetadata(metadata: Metadata): Uint8Array<ArrayBuffer> {
  assert(metadata.version > 0, 'metadata versions start at 1');
  return new ByteWriter(METADATA_BYTES)
    .safe(FORMAT)
    .safe(metadata.version)
    .safe(metadata.term)
    .u64(metadata.votedFor)
    .finish();
}

/** Decodes a metadata file. Throws DecodeError unless it has 32 bytes, format 1 and a version above 0. */
export function decodeMetadata(bytes: Uint8Array): Metadata {
  if (bytes.length !== METADATA_BYTES) {
    throw new DecodeError(`metadata of ${bytes.length} bytes instead of ${METADATA_BYTES}`);
  }
  const reader = new ByteReader(bytes);
  const format = reader.u64();
  if (format !== BigInt(FORMAT)) throw new DecodeError(`metadata format ${format} is not known`);
  const version = reader.safe();
  if (version === 0) throw new DecodeError('metadata version 0');
  return { version, term: term(reader.safe()), votedFor: reader.u64() };
}
