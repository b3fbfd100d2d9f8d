import { ByteReader, ByteWriter, type Disk, type NodeId } from '../base/index.ts';
import { crc32 } from '../wire/index.ts';
import { readWhole, writeInPlace } from './whole-file.ts';

/** Name of the file. */
export const FLOOR_NAME = 'quorate-floor';
const BYTES = 56;
const FORMAT = 2;

/** A log position that was durable: a log that ends before it has lost something (M15). */
export interface Floor {
  readonly index: number;
  readonly term: number;
  /** It counts only while the directory's metadata has this version: a C node that truncates raises it. */
  readonly metadata: FloorMetadata;
}

/** The metadata that was durable then: the files that hold it have no checksum. */
export interface FloorMetadata {
  readonly version: number;
  readonly term: number;
  readonly vote: NodeId;
}

/**
 * The durable floor, written lazily: often enough that lost entries are noticed, too seldom to cost
 * anything. A file of our own; C nodes ignore it.
 *
 * Layout, little-endian u64 each: format 2, index, term, version, term and vote of the metadata, CRC of the first 48 bytes.
 */
export class FloorFile {
  readonly #disk: Disk;
  #current: Floor | undefined;
  /** Version of the metadata that the last complete write vouches for; -1 while it is not known. */
  #vouched: number;

  constructor(disk: Disk, current: Floor | undefined) {
    this.#disk = disk;
    this.#current = current;
    this.#vouched = current?.metadata.version ?? -1;
  }

  /** Whether the file surely vouches for this version of the metadata. */
  vouchesFor(version: number): boolean {
    return this.#vouched === version;
  }

  get current(): Floor | undefined {
    return this.#current;
  }

  async write(floor: Floor): Promise<void> {
    // Until the write ends it is unknown which of the two is on disk: remember the higher one.
    if ((this.#current?.index ?? 0) < floor.index) this.#current = floor;
    this.#vouched = -1;
    await writeInPlace(this.#disk, FLOOR_NAME, encode(floor));
    this.#current = floor;
    this.#vouched = floor.metadata.version;
  }

  /** Before entries from `end + 1` on are removed: the floor must not demand them. */
  async lower(end: Floor): Promise<void> {
    if (this.#current !== undefined && this.#current.index > end.index) await this.write(end);
  }
}

/** The floor of a directory; undefined when there is none or it cannot be read. */
export async function loadFloor(
  disk: Disk,
  sizes: ReadonlyMap<string, number>,
): Promise<Floor | undefined> {
  if (sizes.get(FLOOR_NAME) !== BYTES) return undefined;
  return decode(await readWhole(disk, FLOOR_NAME, BYTES));
}

/** Forgets the floor, for a directory without a log that is given to a new node. */
export async function removeFloor(disk: Disk): Promise<void> {
  await disk.remove(FLOOR_NAME);
  await disk.syncDirectory();
}

function encode(floor: Floor): Uint8Array {
  const writer = new ByteWriter(BYTES);
  const { index, term, metadata } = floor;
  writer.safe(FORMAT).safe(index).safe(term);
  writer.safe(metadata.version).safe(metadata.term).u64(metadata.vote);
  const sum = crc32(writer.finish());
  return writer.safe(sum).finish();
}

function decode(bytes: Uint8Array): Floor | undefined {
  const reader = new ByteReader(bytes);
  const format = reader.u64();
  const words = [reader.u64(), reader.u64(), reader.u64(), reader.u64()].map(Number);
  const vote = reader.u64();
  const [index = 0, term = 0, version = 0, metadataTerm = 0] = words;
  const checked = bytes.subarray(0, BYTES - 8);
  if (format !== BigInt(FORMAT) || reader.u64() !== BigInt(crc32(checked))) return undefined;
  if (!words.every(Number.isSafeInteger)) return undefined;
  return { index, term, metadata: { version, term: metadataTerm, vote } };
}
