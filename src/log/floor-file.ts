import { ByteReader, ByteWriter, type Disk } from '../base/index.ts';
import { crc32 } from '../wire/index.ts';
import { readWhole, writeInPlace } from './whole-file.ts';

/** Name of the file. */
export const FLOOR_NAME = 'quorate-floor';
const BYTES = 40;
const FORMAT = 1;

/** A log position that was durable: a log that ends before it has lost something (M15). */
export interface Floor {
  readonly index: number;
  readonly term: number;
  /** It counts only while the directory's metadata has this version: a C node that truncates raises it. */
  readonly metadataVersion: number;
}

/**
 * The durable floor, written lazily: often enough that lost entries are noticed, too seldom to cost
 * anything. A file of our own; C nodes ignore it.
 *
 * Layout, little-endian u64 each: format 1, index, term, metadata version, CRC of the first 32 bytes.
 */
export class FloorFile {
  readonly #disk: Disk;
  #current: Floor | undefined;

  constructor(disk: Disk, current: Floor | undefined) {
    this.#disk = disk;
    this.#current = current;
  }

  get current(): Floor | undefined {
    return this.#current;
  }

  async write(floor: Floor): Promise<void> {
    // Until the write ends it is unknown which of the two is on disk: remember the higher one.
    if ((this.#current?.index ?? 0) < floor.index) this.#current = floor;
    await writeInPlace(this.#disk, FLOOR_NAME, encode(floor));
    this.#current = floor;
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
  writer.safe(FORMAT).safe(floor.index).safe(floor.term).safe(floor.metadataVersion);
  const sum = crc32(writer.finish());
  return writer.safe(sum).finish();
}

function decode(bytes: Uint8Array): Floor | undefined {
  const reader = new ByteReader(bytes);
  const format = reader.u64();
  const words = [reader.u64(), reader.u64(), reader.u64()].map(Number);
  const [index = 0, term = 0, metadataVersion = 0] = words;
  if (format !== BigInt(FORMAT) || reader.u64() !== BigInt(crc32(bytes.subarray(0, 32)))) {
    return undefined;
  }
  if (!words.every(Number.isSafeInteger)) return undefined;
  return { index, term, metadataVersion };
}
