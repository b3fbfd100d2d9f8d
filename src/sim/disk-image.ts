import { assert, DiskError, type Random, randomBelow } from '../base/index.ts';

/** The unit that a disk writes whole: of an interrupted write, any subset of its sectors arrives. */
export const SECTOR_BYTES = 512;

/** What is durable of one sector whose newest content is not: bytes, or nothing (beyond the durable end). */
type Saved = Uint8Array | undefined;

/**
 * One file: the content that programs see, and for each sector that was changed but not synced the
 * content that is surely on the medium. A crash chooses sector by sector which of the two survives.
 */
export class FileImage {
  #content = new Uint8Array(0);
  #size = 0;
  #durableSize = 0;
  /** Changed since the last sync, with the durable content. */
  readonly #unsynced = new Map<number, Saved>();
  /** Pages that a failed sync marked clean without writing them: no later sync brings them back. */
  readonly #lost = new Map<number, Saved>();

  get size(): number {
    return this.#size;
  }

  /** Content as programs see it, shared memory. */
  get content(): Uint8Array {
    return this.#content.subarray(0, this.#size);
  }

  read(offset: number, target: Uint8Array): number {
    const count = Math.max(0, Math.min(target.length, this.#size - offset));
    target.set(this.#content.subarray(offset, offset + count));
    return count;
  }

  /** Gives a new file its content, durable at once; the bytes become the file's own. */
  fill(bytes: Uint8Array<ArrayBuffer>): void {
    this.#content = bytes;
    this.#size = bytes.length;
    this.#durableSize = bytes.length;
  }

  /** Changes the content in memory only. */
  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#saveRange(Math.min(offset, this.#size), offset + bytes.length);
    this.#reserve(offset + bytes.length);
    this.#content.set(bytes, offset);
    this.#size = Math.max(this.#size, offset + bytes.length);
  }

  truncate(sizeBytes: number): void {
    this.#saveRange(Math.min(sizeBytes, this.#size), Math.max(sizeBytes, this.#size));
    this.#reserve(sizeBytes);
    this.#content.fill(0, Math.min(sizeBytes, this.#size));
    this.#size = sizeBytes;
  }

  /** Grows the file with zeroes that are durable at once, as a real allocation is. */
  allocate(sizeBytes: number): void {
    if (sizeBytes <= this.#size) return;
    this.#reserve(sizeBytes);
    this.#size = sizeBytes;
    this.#durableSize = Math.max(this.#durableSize, sizeBytes);
  }

  sync(): void {
    this.#unsynced.clear();
    this.#durableSize = this.#size;
  }

  /** Makes one range durable, and the size if the range made the file longer (O_DSYNC). */
  syncRange(offset: number, length: number): void {
    const first = Math.floor(offset / SECTOR_BYTES);
    const last = Math.ceil((offset + length) / SECTOR_BYTES);
    for (let sector = first; sector < last; sector++) this.#unsynced.delete(sector);
    this.#durableSize = Math.max(this.#durableSize, Math.min(this.#size, offset + length));
  }

  /** A sync that fails: some sectors reach the medium, the others never will (fsyncgate). */
  failSync(random: Random): void {
    for (const [sector, saved] of this.#unsynced) {
      if (random.float() < 0.5) this.#lost.set(sector, saved);
    }
    this.#unsynced.clear();
  }

  /** Keeps any subset of the unsynced sectors, and the old or the new size. */
  crash(random: Random): void {
    if (this.#size !== this.#durableSize && random.float() < 0.5) {
      const size = this.#durableSize;
      this.#reserve(size);
      if (size < this.#size) this.#content.fill(0, size, this.#size);
      this.#size = size;
    }
    for (const [sector, saved] of this.#unsynced) {
      if (random.float() < 0.5) this.#restore(sector, saved);
    }
    for (const [sector, saved] of this.#lost) this.#restore(sector, saved);
    this.#unsynced.clear();
    this.#lost.clear();
    this.#durableSize = this.#size;
  }

  /** What surely is on the medium: the content after the worst crash. */
  durable(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#durableSize);
    bytes.set(this.#content.subarray(0, Math.min(this.#size, this.#durableSize)));
    for (const kept of [this.#unsynced, this.#lost]) {
      for (const [sector, saved] of kept) {
        const start = sector * SECTOR_BYTES;
        if (start >= bytes.length) continue;
        const end = Math.min(start + SECTOR_BYTES, bytes.length);
        bytes.fill(0, start, end);
        if (saved) bytes.set(saved.subarray(0, end - start), start);
      }
    }
    return bytes;
  }

  /** Damage of the medium: inverts one bit. */
  flipBit(offset: number, bit: number): void {
    assert(offset < this.#size, () => `no byte ${offset} to damage`);
    this.#content[offset] ^= 1 << bit;
  }

  flipRandomBit(random: Random): void {
    this.flipBit(randomBelow(random, this.#size), randomBelow(random, 8));
  }

  /** Remembers the durable content of all sectors between two offsets. */
  #saveRange(from: number, to: number): void {
    const first = Math.floor(from / SECTOR_BYTES);
    const last = Math.ceil(to / SECTOR_BYTES);
    const base = first * SECTOR_BYTES;
    // One copy for all sectors of a write.
    let durable: Uint8Array | undefined;
    for (let sector = first; sector < last; sector++) {
      if (this.#unsynced.has(sector)) continue;
      const start = sector * SECTOR_BYTES;
      const lost = this.#lost.has(sector);
      let saved: Saved;
      if (lost) {
        saved = this.#lost.get(sector);
        this.#lost.delete(sector);
      } else if (start < this.#durableSize) {
        durable ??= this.#content.slice(base, Math.min(last * SECTOR_BYTES, this.#durableSize));
        saved = durable.subarray(start - base, start - base + SECTOR_BYTES);
      }
      this.#unsynced.set(sector, saved);
    }
  }

  #restore(sector: number, saved: Saved): void {
    const start = sector * SECTOR_BYTES;
    const end = Math.min(start + SECTOR_BYTES, this.#size);
    if (start >= end) return;
    this.#content.fill(0, start, end);
    if (saved) this.#content.set(saved.subarray(0, end - start), start);
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#content.length) return;
    const grown = new Uint8Array(Math.max(sizeBytes, this.#content.length * 2));
    grown.set(this.#content.subarray(0, this.#size));
    this.#content = grown;
  }
}

/** One change of the directory: a name goes, a name comes, or both at once (rename). */
interface NameChange {
  readonly gone?: string;
  readonly come?: readonly [string, FileImage];
}

/** The names of one directory, as programs see them and as they are on the medium. */
export class DirectoryImage {
  #names = new Map<string, FileImage>();
  #durable = new Map<string, FileImage>();
  #unsynced: NameChange[] = [];

  get names(): ReadonlyMap<string, FileImage> {
    return this.#names;
  }

  /** The names that surely are on the medium. */
  get durable(): ReadonlyMap<string, FileImage> {
    return this.#durable;
  }

  get(name: string): FileImage {
    const file = this.#names.get(name);
    if (!file) throw new DiskError('ENOENT', `no such file: ${name}`);
    return file;
  }

  create(name: string): FileImage {
    if (this.#names.has(name)) throw new DiskError('EEXIST', `the file exists: ${name}`);
    const file = new FileImage();
    this.#change({ come: [name, file] });
    return file;
  }

  rename(from: string, to: string): void {
    this.#change({ gone: from, come: [to, this.get(from)] });
  }

  remove(name: string): void {
    if (this.#names.has(name)) this.#change({ gone: name });
  }

  sync(): void {
    this.#unsynced = [];
    this.#durable = new Map(this.#names);
  }

  /** Unsynced changes stay or vanish: mostly the newest ones vanish, sometimes any subset. */
  crash(random: Random): void {
    const journaled = random.float() < 0.5;
    const kept = journaled ? randomBelow(random, this.#unsynced.length + 1) : 0;
    const names = this.#durable;
    this.#unsynced.forEach((change, at) => {
      if (journaled ? at < kept : random.float() < 0.5) apply(names, change);
    });
    this.#names = new Map(names);
    this.#unsynced = [];
    for (const file of this.#names.values()) file.crash(random);
  }

  #change(change: NameChange): void {
    apply(this.#names, change);
    this.#unsynced.push(change);
  }
}

function apply(names: Map<string, FileImage>, change: NameChange): void {
  if (change.gone !== undefined) names.delete(change.gone);
  if (change.come) names.set(...change.come);
}
