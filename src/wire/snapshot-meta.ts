import {
  ByteReader,
  ByteWriter,
  type Configuration,
  DecodeError,
  type LogIndex,
  logIndex,
} from '../base/index.ts';
import { decodeConfiguration, encodeConfiguration } from './configuration.ts';
import { crc32 } from './crc32.ts';

const FORMAT = 1;
const HEADER_BYTES = 32;
const CONFIGURATION_BYTES_MAX = 1024 * 1024;

/** Content of a `snapshot-T-I-S.meta` file (disk-format.md §8.1). */
export interface SnapshotMeta {
  readonly configurationIndex: LogIndex;
  readonly configuration: Configuration;
}

/** Encodes a `.meta` file, checksum included. */
export function encodeSnapshotMeta(meta: SnapshotMeta): Uint8Array<ArrayBuffer> {
  const configuration = encodeConfiguration(meta.configuration);
  const checked = new ByteWriter(16 + configuration.length)
    .safe(meta.configurationIndex)
    .safe(configuration.length)
    .raw(configuration)
    .finish();
  return new ByteWriter(16 + checked.length)
    .safe(FORMAT)
    .safe(crc32(checked))
    .raw(checked)
    .finish();
}

/** Decodes a `.meta` file; bytes after the configuration are not read. Throws DecodeError on any damage. */
export function decodeSnapshotMeta(bytes: Uint8Array): SnapshotMeta {
  if (bytes.length < HEADER_BYTES) {
    throw new DecodeError(`snapshot metadata of ${bytes.length} bytes`);
  }
  const reader = new ByteReader(bytes);
  const format = reader.u64();
  if (format !== BigInt(FORMAT)) throw new DecodeError(`snapshot format ${format} is not known`);
  const checksum = reader.u64();
  const configurationIndex = reader.safe();
  const length = reader.safe();
  if (length === 0 || length > CONFIGURATION_BYTES_MAX || length > reader.remaining) {
    throw new DecodeError(`a configuration of ${length} bytes in snapshot metadata`);
  }
  const actual = crc32(bytes.subarray(16, HEADER_BYTES + length));
  if (checksum !== BigInt(actual)) throw new DecodeError('snapshot metadata has a wrong checksum');
  return {
    configurationIndex: logIndex(configurationIndex),
    configuration: decodeConfiguration(reader.take(length)),
  };
}
