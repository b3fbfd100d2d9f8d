import { type Disk, DiskError, type Entry } from '../base/index.ts';
import { scanClosedSegment } from './segment-scan.ts';
import type { HeldSegment } from './segment-writer.ts';
import { readWhole } from './whole-file.ts';

/** A segment can get its final name between the moment it is found and the one it is opened. */
const ATTEMPTS = 3;

interface LoadedSegment {
  readonly first: number;
  readonly entries: readonly Entry[];
}

/** Reads entries again that have left memory. Keeps the closed segment it read last: they are asked for one after another. */
export class EntryReader {
  readonly #disk: Disk;
  readonly #find: (index: number) => HeldSegment | undefined;
  #kept: LoadedSegment | undefined;
  #changes = 0;

  constructor(disk: Disk, find: (index: number) => HeldSegment | undefined) {
    this.#disk = disk;
    this.#find = find;
  }

  /**
   * Entries from `first` to `last` at most, not more than the segment of the first one holds, and not more than `bytesMax` of
   * data unless the first one alone is longer. Empty when the log does not hold them any more.
   */
  async read(first: number, last: number, bytesMax: number): Promise<readonly Entry[]> {
    const held = await this.#segmentWith(first);
    if (held === undefined) return [];
    const { entries } = held;
    const from = first - held.first;
    let end = from;
    for (let bytes = 0; end < entries.length && held.first + end <= last; end++) {
      bytes += entries[end].data.length;
      if (bytes > bytesMax && end > from) break;
    }
    if (end === entries.length) this.#kept = undefined;
    return entries.slice(from, end);
  }

  /** The log was cut: other entries may come to stand in the places of those that were read. */
  forget(): void {
    this.#kept = undefined;
    this.#changes++;
  }

  async #segmentWith(index: number): Promise<LoadedSegment | undefined> {
    const kept = this.#kept;
    if (kept !== undefined && index >= kept.first && index < kept.first + kept.entries.length) {
      return kept;
    }
    this.#kept = undefined;
    for (let attempt = 1; ; attempt++) {
      const segment = this.#find(index);
      if (segment === undefined) return undefined;
      try {
        return await this.#load(segment);
      } catch (error) {
        const isRenamed = error instanceof DiskError && error.code === 'ENOENT';
        if (!isRenamed || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #load({ name, first, last, sizeBytes, isClosed }: HeldSegment): Promise<LoadedSegment> {
    const changes = this.#changes;
    const bytes = await readWhole(this.#disk, name, sizeBytes);
    const place = { directory: this.#disk.path, file: name };
    const { entries } = scanClosedSegment(bytes, first, last, place);
    const loaded = { first, entries };
    if (isClosed && changes === this.#changes) this.#kept = loaded;
    return loaded;
  }
}
