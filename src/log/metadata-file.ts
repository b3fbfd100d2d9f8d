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
import type { FloorMetadata } from './floor-file.ts';
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
  if (other !== undefined) checkOrder(disk, other, newest);
  const { version, term, votedFor } = newest;
  const expected = version - 1;
  const doubt =
    (other?.version ?? 0) === expected
      ? undefined
      : `metadata version ${version} stands beside ${other?.version ?? 'nothing'}, not beside ${expected}`;
  return { version, term, vote: votedFor, doubt };
}

/** There is no checksum, but neither do terms fall, nor does a vote change within a term. */
function checkOrder(disk: Disk, older: Metadata, newer: Metadata): void {
  const place = { directory: disk.path, file: metadataFileName(newer.version) };
  if (newer.term < older.term) {
    const what = `its term ${newer.term} is lower than term ${older.term} of the version before it, or that one is damaged`;
    throw logDamaged(place, what, AFFECTED);
  }
  if (newer.term === older.term && older.votedFor !== 0n && newer.votedFor !== older.votedFor) {
    const what = `in term ${newer.term} it votes for ${newer.votedFor}, the version before it for ${older.votedFor}`;
    throw logDamaged(place, what, AFFECTED);
  }
}

/** What the durable floor remembers of this version must be what was found. Throws LOG_DAMAGED. */
export function checkAgainstFloor(disk: Disk, found: LoadedMetadata, floor: FloorMetadata): void {
  if (floor.version !== found.version || found.version === 0) return;
  if (floor.term === found.term && floor.vote === found.vote) return;
  const place = { directory: disk.path, file: metadataFileName(found.version) };
  const what = `it says term ${found.term} and vote ${found.vote}, but term ${floor.term} and vote ${floor.vote} were durable`;
  throw logDamaged(place, what, AFFECTED);
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
    const metadata = decodeMetadata(bytes);
    if (metadataFileName(metadata.version) === file) return metadata;
    throw logDamaged(place, `version ${metadata.version} belongs into the other file`, AFFECTED);
  } catch (error) {
    if (error instanceof DecodeError) throw logDamaged(place, error.message, AFFECTED);
    throw error;
  }
}

/** Writes term and vote alternately into the two files. */
export class MetadataFile {
  readonly #disk: Disk;
  #current: FloorMetadata;

  constructor(disk: Disk, found: FloorMetadata) {
    this.#disk = disk;
    const { version, term, vote } = found;
    this.#current = { version, term, vote };
  }

  /** What is durable; version 0 = nothing was ever written. */
  get current(): FloorMetadata {
    return this.#current;
  }

  /** Durable when it resolves. */
  async write(term: Term, vote: NodeId): Promise<void> {
    const version = this.#current.version + 1;
    assert(Number.isSafeInteger(version), 'metadata versions are used up');
    const bytes = encodeMetadata({ version, term, votedFor: vote });
    await writeInPlace(this.#disk, metadataFileName(version), bytes);
    this.#current = { version, term, vote };
  }
}
