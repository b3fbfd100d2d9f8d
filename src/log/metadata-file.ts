import {
  assert,
  DecodeError,
  type Disk,
  type NodeId,
  type Term,
  term as toTerm,
} from '../base/index.ts';
import {
  decodeMetadata,
  encodeMetadata,
  METADATA_BYTES,
  type Metadata,
  metadataFileName,
} from '../wire/index.ts';
import { formatUnsupported, logDamaged } from './errors.ts';
import { readWhole, writeInPlace } from './whole-file.ts';

const AFFECTED = 'the term and the vote of this node';

/** Term and vote as found at start. */
export interface LoadedMetadata {
  /** 0 = there is none. */
  readonly version: number;
  readonly term: Term;
  readonly vote: NodeId;
  /** Why a newer copy may have been lost; a vote given in it would be forgotten (M15). */
  readonly doubt: string | undefined;
}

/**
 * Loads `metadata1` and `metadata2` (disk-format.md §3): the higher version wins. A short or
 * zero file is an unfinished first write. Throws LOG_DAMAGED or FORMAT_UNSUPPORTED.
 */
export async function loadMetadata(
  disk: Disk,
  sizes: ReadonlyMap<string, number>,
): Promise<LoadedMetadata> {
  const copies = [
    await loadCopy(disk, sizes, 'metadata1'),
    await loadCopy(disk, sizes, 'metadata2'),
  ];
  const [newest, other] = copies.sort((a, b) => (b?.version ?? 0) - (a?.version ?? 0));
  if (!newest) return { version: 0, term: toTerm(0), vote: 0n, doubt: undefined };
  if (other?.version === newest.version) {
    const place = { directory: disk.path, file: 'metadata1' };
    throw logDamaged(place, `metadata2 has the same version ${newest.version}`, AFFECTED);
  }
  const { version, term, votedFor } = newest;
  const expected = version - 1;
  const doubt =
    (other?.version ?? 0) === expected
      ? undefined
      : `metadata version ${version} stands beside ${other?.version ?? 'nothing'}, not beside ${expected}`;
  return { version, term, vote: votedFor, doubt };
}

async function loadCopy(
  disk: Disk,
  sizes: ReadonlyMap<string, number>,
  file: 'metadata1' | 'metadata2',
): Promise<Metadata | undefined> {
  const size = sizes.get(file);
  if (size === undefined || size < METADATA_BYTES) return undefined;
  const place = { directory: disk.path, file };
  if (size > METADATA_BYTES) throw logDamaged(place, `it has ${size} bytes`, AFFECTED);
  const bytes = await readWhole(disk, file, size);
  // The first write of a node that creates the file in place: its length came before its content.
  if (bytes.every((byte) => byte === 0)) return undefined;
  if (bytes[0] > 1 && bytes.subarray(1, 8).every((byte) => byte === 0)) {
    throw formatUnsupported(place, `its format is ${bytes[0]}`);
  }
  try {
    return decodeMetadata(bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw logDamaged(place, error.message, AFFECTED);
    throw error;
  }
}

/** Writes term and vote alternately into the two files. */
export class MetadataFile {
  readonly #disk: Disk;
  #version: number;

  constructor(disk: Disk, version: number) {
    this.#disk = disk;
    this.#version = version;
  }

  /** Version of what is durable; 0 = nothing was ever written. */
  get version(): number {
    return this.#version;
  }

  /** Durable when it resolves. */
  async write(term: Term, vote: NodeId): Promise<void> {
    const version = this.#version + 1;
    assert(Number.isSafeInteger(version), 'metadata versions are used up');
    const bytes = encodeMetadata({ version, term, votedFor: vote });
    await writeInPlace(this.#disk, metadataFileName(version), bytes);
    this.#version = version;
  }
}
