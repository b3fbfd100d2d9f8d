import { assert, type Disk, DiskError, type Entry } from '../base/index.ts';
import { batchBytes, encodeBatch, groupMark } from './batch.ts';
import { isFull, neverFull } from './errors.ts';
import { type ClosedSegment, closedSegmentName } from './file-names.ts';
import { type PreparedSegment, SegmentPool } from './segment-pool.ts';
import { SEGMENT_HEADER, SEGMENT_HEADER_BYTES, scanClosedSegment } from './segment-scan.ts';
import type { TermHistory } from './term-history.ts';
import { publish, readWhole, writeTemporary } from './whole-file.ts';
import { type AppendBatch, type OpenSegment, split, WriteGroup } from './write-group.ts';

/** C cannot load an open segment with fewer zero bytes than this behind its last batch, unless none. */
const TAIL_BYTES = 16;

/** A segment as it stands on disk. */
export interface HeldSegment extends ClosedSegment {
  readonly isClosed: boolean;
}

/**
 * The segments of one log: appends to the open one, closes full ones, removes from both ends. Calls must
 * not overlap; their order is the order on disk.
 */
export class SegmentWriter {
  readonly #disk: Disk;
  readonly #pool: SegmentPool;
  readonly #segmentBytes: number;
  readonly #closed: ClosedSegment[];
  readonly #terms: TermHistory;
  #current: OpenSegment | undefined;
  #lastIndex: number;
  /** Closing goes on behind the writes, one segment after another. Rejects when one failed. */
  #closing: Promise<void> = Promise.resolve();
  #closingFailure: unknown;
  readonly #toClose: OpenSegment[] = [];
  #entriesWritten = 0;

  constructor(
    disk: Disk,
    segmentBytes: number,
    closed: readonly ClosedSegment[],
    lastIndex: number,
    terms: TermHistory,
  ) {
    this.#disk = disk;
    this.#segmentBytes = segmentBytes;
    this.#pool = new SegmentPool(disk, segmentBytes);
    this.#closed = [...closed];
    this.#lastIndex = lastIndex;
    this.#terms = terms;
  }

  /** Index of the last durable entry. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#terms.at(this.#lastIndex);
  }

  get closed(): readonly ClosedSegment[] {
    return this.#closed;
  }

  get entriesWritten(): number {
    return this.#entriesWritten;
  }

  get openBytes(): number {
    return (this.#current?.sizeBytes ?? 0) + this.#pool.readyCount * this.#segmentBytes;
  }

  get openCount(): number {
    return (this.#current === undefined ? 0 : 1) + this.#pool.readyCount;
  }

  /** The file that holds a durable entry, and under which name it stands at this moment. */
  find(index: number): HeldSegment | undefined {
    const current = this.#current;
    if (current !== undefined && index >= current.first && index <= current.last) {
      const { name, first, last, usedBytes: sizeBytes } = current;
      return { name, first, last, sizeBytes, isClosed: false };
    }
    const segment = this.#closed.find(({ first, last }) => index >= first && index <= last);
    if (segment === undefined) return undefined;
    const closing = this.#toClose.find(({ first }) => first === segment.first);
    return { ...segment, name: closing?.name ?? segment.name, isClosed: closing === undefined };
  }

  /** Prepares segments in the background. */
  prepare(): void {
    this.#pool.resume();
  }

  /**
   * Makes batches durable, with one write per segment that they touch. After an error none of the batches
   * counts. Throws DISK_FULL when ordinary entries find no space: then nothing of them is left in the log.
   */
  async append(batches: readonly AppendBatch[]): Promise<void> {
    if (this.#closingFailure !== undefined) await this.#closeRetired();
    const group = new WriteGroup(this.#lastIndex, this.#current);
    const critical = batches.some(({ entries }) => entries.some((each) => each.type !== 'command'));
    try {
      for (const { first, entries } of batches.flatMap(split)) {
        assert(first === group.lastIndex + 1, () => `entry ${first} after ${group.lastIndex}`);
        const length = batchBytes(entries);
        if (!this.#fits(group.bytes + length)) {
          await this.#write(group);
          await this.#switchSegment(length, critical);
        }
        const offset = Math.max(this.#current?.usedBytes ?? 0, SEGMENT_HEADER_BYTES) + group.bytes;
        const mark = group.bytes === 0 ? groupMark(offset) : 0;
        group.add(encodeBatch(entries, mark), length, entries.length);
        this.#terms.append(first, entries);
      }
      await this.#write(group);
      this.#entriesWritten += this.#lastIndex - group.startIndex;
    } catch (error) {
      this.#terms.truncate(group.startIndex);
      if (isFull(error)) await this.#takeBack(group);
      throw error;
    }
  }

  /** Closes the open segment; when it resolves, all entries are in closed segments, durably. */
  async rotate(): Promise<void> {
    this.#retire();
    await (this.#closingFailure === undefined ? this.#closing : this.#closeRetired());
  }

  /**
   * Removes the entries from `from` on (disk-format.md §7). Durable step by step from the end, so that a
   * crash leaves either a longer beginning of the old log or the new end. On a full disk it may end halfway
   * and can be tried again: the log then ends at `lastIndex`.
   */
  async truncate(from: number): Promise<void> {
    if (from > this.#lastIndex) return;
    await this.rotate();
    for (let last = this.#closed.at(-1); last !== undefined; last = this.#closed.at(-1)) {
      if (last.last < from) break;
      if (last.first < from) await this.#shorten(last, from - 1);
      else {
        await neverFull(this.#remove(last.name));
        this.#closed.pop();
        this.#endAt(last.first - 1);
      }
    }
    this.#endAt(from - 1);
    this.#pool.refill();
  }

  /** Removes the prepared segments until `prepare`, to make room for a snapshot. True if there was one. */
  releasePrepared(): Promise<boolean> {
    return this.#pool.hold();
  }

  /** Removes all entries: a snapshot that ends at this position replaces them. */
  async reset(index: number, term: number): Promise<void> {
    await this.rotate();
    for (let last = this.#closed.pop(); last !== undefined; last = this.#closed.pop()) {
      await this.#remove(last.name);
    }
    this.#lastIndex = index;
    this.#terms.reset(index, term);
  }

  /** The term of an entry that is in the log, or of the snapshot before it. */
  termAt(index: number): number {
    return this.#terms.at(index);
  }

  /** Removes closed segments that hold only entries up to `index`, the oldest first. Returns how many. */
  async removeUpTo(index: number): Promise<number> {
    await (this.#closingFailure === undefined ? this.#closing : this.#closeRetired());
    let removed = 0;
    while ((this.#closed[0]?.last ?? Number.POSITIVE_INFINITY) <= index) {
      // An open segment does not say with which entry it begins: it follows the last closed one that is found, or the
      // snapshot. So the last one goes when no crash can bring an earlier one back.
      if (this.#closed.length === 1 && removed > 0) await this.#disk.syncDirectory();
      const segment = this.#closed.shift();
      if (segment !== undefined) await this.#disk.remove(segment.name);
      removed++;
    }
    if (removed > 0) await this.#disk.syncDirectory();
    return removed;
  }

  /** A closed segment with these entries, written at once: how a log begins or is recovered. */
  async appendClosed(entries: readonly Entry[]): Promise<void> {
    await this.rotate();
    const first = this.#lastIndex + 1;
    const segment = await this.#prepareClosed(first, entries);
    await publish(this.#disk, segment.name);
    this.#closed.push(segment);
    this.#terms.append(first, entries);
    this.#lastIndex += entries.length;
  }

  /** Leaves only closed segments behind. */
  async close(): Promise<void> {
    await this.#pool.close();
    await this.rotate();
    await this.#disk.syncDirectory();
  }

  /** Closes files without touching the disk: it has failed. */
  async abandon(): Promise<void> {
    await this.#closing.catch(() => undefined);
    for (const { file, cut } of this.#toClose) if (!cut) await file.close().catch(() => undefined);
    await this.#pool.abandon();
    await this.#current?.file.close().catch(() => undefined);
    this.#current = undefined;
  }

  #fits(bytes: number): boolean {
    const segment = this.#current;
    if (segment === undefined) return false;
    const end = Math.max(segment.usedBytes, SEGMENT_HEADER_BYTES) + bytes;
    return end === segment.sizeBytes || end + TAIL_BYTES <= segment.sizeBytes;
  }

  /** Writes what the group has collected at the end of the open segment. */
  async #write(group: WriteGroup): Promise<void> {
    const segment = this.#current;
    if (segment === undefined || group.bytes === 0) return;
    const fresh = segment.usedBytes === 0;
    const end = Math.max(segment.usedBytes, SEGMENT_HEADER_BYTES) + group.bytes;
    assert(end <= segment.sizeBytes, 'a segment is longer than its allocation');
    const chunks = group.take();
    await segment.file.writeDurable(
      segment.usedBytes,
      fresh ? [SEGMENT_HEADER, ...chunks] : chunks,
    );
    segment.usedBytes = end;
    segment.last = group.lastIndex;
    this.#lastIndex = group.lastIndex;
  }

  async #switchSegment(bytes: number, critical: boolean): Promise<void> {
    const prepared = await this.#pool.take(critical);
    const needed = SEGMENT_HEADER_BYTES + bytes;
    let { sizeBytes } = prepared;
    if (needed !== sizeBytes && needed + TAIL_BYTES > sizeBytes) {
      sizeBytes = needed + TAIL_BYTES;
      await this.#enlarge(prepared, sizeBytes);
    }
    this.#retire();
    const last = this.#lastIndex;
    const { name, file } = prepared;
    this.#current = { name, file, sizeBytes, first: last + 1, last, usedBytes: 0, cut: false };
  }

  /** Makes room in a fresh segment for a batch that is longer than a segment. */
  async #enlarge(prepared: PreparedSegment, sizeBytes: number): Promise<void> {
    try {
      await prepared.file.allocate(sizeBytes);
      await prepared.file.sync();
    } catch (error) {
      if (isFull(error)) this.#pool.giveBack(prepared);
      throw error;
    }
  }

  /** Closes the open segment in the background. */
  #retire(): void {
    const segment = this.#current;
    if (segment === undefined) return;
    this.#current = undefined;
    const { first, last, usedBytes } = segment;
    const name = closedSegmentName(first, last);
    if (usedBytes > 0) this.#closed.push({ name, first, last, sizeBytes: usedBytes });
    this.#toClose.push(segment);
    const closing = this.#closeRetired();
    // Whoever waits for `#closing` hears of a failure, and so does the next append.
    closing.catch(() => undefined);
  }

  /** Closes what was retired, after what is being closed. A full disk is asked again, anything else has failed for ever. */
  #closeRetired(): Promise<void> {
    this.#closing = this.#closing.then(
      () => this.#finalizeAll(),
      (error: unknown) => {
        if (!isFull(error)) throw error;
        return this.#finalizeAll();
      },
    );
    return this.#closing;
  }

  async #finalizeAll(): Promise<void> {
    try {
      for (let next = this.#toClose[0]; next !== undefined; next = this.#toClose[0]) {
        await this.#finalize(next);
        this.#toClose.shift();
      }
      this.#closingFailure = undefined;
    } catch (error) {
      this.#closingFailure = error;
      throw error;
    }
  }

  /** May be tried again when the disk was full. */
  async #finalize(segment: OpenSegment): Promise<void> {
    const { name, file, first, last, usedBytes } = segment;
    if (!segment.cut) {
      if (usedBytes > 0) {
        await file.truncate(usedBytes);
        await neverFull(file.sync());
      }
      segment.cut = true;
      await file.close();
    }
    if (usedBytes === 0) {
      await this.#disk.remove(name);
      return;
    }
    await this.#disk.rename(name, closedSegmentName(first, last));
    await this.#disk.syncDirectory();
  }

  /**
   * After a full disk: nothing of the failed group may stay, or a later start would find entries that were
   * reported as failed. What is written goes with the end of its segment, which is therefore closed.
   */
  async #takeBack(group: WriteGroup): Promise<void> {
    if (!group.written) return;
    try {
      await this.#cutBack(group);
    } catch (error) {
      // This is no longer a full disk: entries that failed may still stand there.
      const reason = error instanceof Error ? error.message : String(error);
      throw new DiskError('EIO', `a failed write could not be taken back: ${reason}`, error);
    }
  }

  async #cutBack(group: WriteGroup): Promise<void> {
    const segment = this.#current;
    if (segment !== undefined && segment === group.startSegment) {
      segment.usedBytes = group.startUsedBytes;
      segment.last = group.startIndex;
    }
    await this.rotate();
    this.#lastIndex = this.#closed.at(-1)?.last ?? group.startIndex;
    await this.truncate(group.startIndex + 1);
    this.#lastIndex = group.startIndex;
  }

  /** Replaces a closed segment by its beginning. */
  async #shorten(segment: ClosedSegment, last: number): Promise<void> {
    const bytes = await readWhole(this.#disk, segment.name, segment.sizeBytes);
    const place = { directory: this.#disk.path, file: segment.name };
    const { entries } = scanClosedSegment(bytes, segment.first, segment.last, place);
    const kept = entries.slice(0, last - segment.first + 1);
    const shorter = await this.#withRoom(() => this.#prepareClosed(segment.first, kept));
    await neverFull(publish(this.#disk, shorter.name));
    // Both names stand now. A crash here leaves the long one in force: nothing was truncated.
    await neverFull(this.#remove(segment.name));
    this.#closed.pop();
    this.#closed.push(shorter);
  }

  /** Writes a closed segment under a temporary name. */
  async #prepareClosed(first: number, entries: readonly Entry[]): Promise<ClosedSegment> {
    const chunks: Uint8Array[] = [SEGMENT_HEADER];
    for (const batch of split({ first, entries })) chunks.push(...encodeBatch(batch.entries));
    const last = first + entries.length - 1;
    const name = closedSegmentName(first, last);
    await writeTemporary(this.#disk, name, chunks);
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return { name, first, last, sizeBytes };
  }

  /** The name is gone, durably. */
  async #remove(name: string): Promise<void> {
    await this.#disk.remove(name);
    await this.#disk.syncDirectory();
  }

  #endAt(index: number): void {
    this.#lastIndex = index;
    this.#terms.truncate(index);
  }

  /** Runs something that must work on a full disk too: the spare segment makes room for it. */
  async #withRoom<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (!isFull(error) || !(await this.#pool.release())) throw error;
      return await run();
    }
  }
}
