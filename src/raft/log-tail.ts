import { assert, type Entry, type LogIndex, type Term } from '../base/index.ts';

/** Dropped entries are given back to the collector in pieces of at least this many. */
const COMPACT_COUNT_MIN = 256;

const NO_DATA = new Uint8Array(0);

/**
 * The newest part of the log: what each entry is, and of the newest ones, from `hotIndex` on, their data.
 *
 * Invariants: entries are contiguous from `firstIndex` to `lastIndex`; terms never fall;
 * the term of the last snapshot's index is known even when its entry is not here.
 */
export class LogTail {
  #entries: Entry[];
  /** Position of `firstIndex` in `#entries`; what is before it was dropped. */
  #head = 0;
  #firstIndex: number;
  #hotIndex: number;
  #bytes = 0;
  #snapshotIndex: LogIndex;
  #snapshotTerm: Term;

  constructor(
    firstIndex: LogIndex,
    entries: readonly Entry[],
    snapshotIndex: LogIndex,
    snapshotTerm: Term,
  ) {
    assert(firstIndex >= 1 && firstIndex <= snapshotIndex + 1, 'a gap between snapshot and log');
    this.#firstIndex = firstIndex;
    this.#hotIndex = firstIndex;
    this.#entries = [...entries];
    this.#snapshotIndex = snapshotIndex;
    this.#snapshotTerm = snapshotTerm;
    for (const entry of entries) this.#bytes += entry.data.length;
    if (this.lastIndex < snapshotIndex) this.reset(snapshotIndex, snapshotTerm);
    const known = this.#at(snapshotIndex);
    assert(known === undefined || known.term === snapshotTerm, 'snapshot and log differ in a term');
    this.#assertTerms();
  }

  #assertTerms(): void {
    let previous = 0;
    for (const entry of this.#entries) {
      assert(entry.term >= previous && entry.term > 0, 'terms fall along the log');
      previous = entry.term;
    }
  }

  #at(index: number): Entry | undefined {
    if (index < this.#firstIndex) return undefined;
    return this.#entries[this.#head + index - this.#firstIndex];
  }

  /** Index of the first entry that is known; lastIndex + 1 when there is none. */
  get firstIndex(): LogIndex {
    return this.#firstIndex as LogIndex;
  }

  /** Index of the first entry whose data is in memory; lastIndex + 1 when there is none. */
  get hotIndex(): LogIndex {
    return this.#hotIndex as LogIndex;
  }

  get lastIndex(): LogIndex {
    return (this.#firstIndex + this.#entries.length - this.#head - 1) as LogIndex;
  }

  get lastTerm(): Term {
    const last = this.#entries.length - 1;
    return last >= this.#head ? this.#entries[last].term : this.#snapshotTerm;
  }

  /** Bytes of entry data in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Term of the entry, 0 for index 0, undefined when it is not known (too old or too new). */
  termOf(index: LogIndex): Term | undefined {
    const entry = this.#at(index);
    if (entry !== undefined) return entry.term;
    if (index === this.#snapshotIndex) return this.#snapshotTerm;
    return index === 0 ? (0 as Term) : undefined;
  }

  /** The entry, whose data must be in memory. */
  entry(index: LogIndex): Entry {
    const entry = this.#at(index);
    assert(entry !== undefined && index >= this.#hotIndex, () => `entry ${index} is not in memory`);
    return entry;
  }

  /** Entries `from` to `to`, both included, whose data must be in memory. */
  slice(from: LogIndex, to: LogIndex): Entry[] {
    assert(from >= this.#hotIndex && to <= this.lastIndex, () => `no slice ${from}..${to}`);
    const offset = this.#head - this.#firstIndex;
    return this.#entries.slice(offset + from, offset + to + 1);
  }

  /** Last index of the longest run from `from` within the limits; at least `from` itself. */
  batchEnd(from: LogIndex, bytesMax: number, countMax: number): LogIndex {
    const offset = this.#head - this.#firstIndex;
    const last = Math.min(this.lastIndex, from + countMax - 1);
    let bytes = this.entry(from).data.length;
    let end: number = from;
    while (end < last) {
      bytes += this.#entries[offset + end + 1].data.length;
      if (bytes > bytesMax) break;
      end++;
    }
    return end as LogIndex;
  }

  /** Appends; the terms must not fall. */
  append(entry: Entry): LogIndex {
    assert(entry.term >= this.lastTerm, 'terms fall along the log');
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
    return this.lastIndex;
  }

  /** Removes `from` and everything after it. */
  truncate(from: LogIndex): void {
    assert(from >= this.#hotIndex && from <= this.lastIndex + 1, () => `no truncation ${from}`);
    const keep = this.#head + from - this.#firstIndex;
    for (let i = keep; i < this.#entries.length; i++) this.#bytes -= this.#entries[i].data.length;
    this.#entries.length = keep;
  }

  /** A snapshot up to `index` exists; entries up to it may be dropped. */
  snapshotTaken(index: LogIndex, term: Term): void {
    assert(index >= this.#snapshotIndex && index <= this.lastIndex, 'snapshot outside the log');
    assert(this.termOf(index) === term, 'snapshot and log differ in a term');
    this.#snapshotIndex = index;
    this.#snapshotTerm = term;
  }

  /** Drops entries up to `index`, which a snapshot must cover. */
  dropTo(index: number): void {
    assert(index <= this.#snapshotIndex, 'entries without a snapshot are dropped');
    while (this.#firstIndex <= index && this.#head < this.#entries.length) this.#dropFirst();
    this.#compact();
  }

  /** Lets go of the data of the oldest entries up to `index`, which must be on disk, until at most `bytesMax` are left. */
  cool(bytesMax: number, index: number): void {
    while (this.#bytes > bytesMax && this.#hotIndex <= index) {
      const position = this.#head + this.#hotIndex - this.#firstIndex;
      const { term, type, data } = this.#entries[position];
      this.#bytes -= data.length;
      const before = this.#entries[position - 1];
      const isLike = before?.data === NO_DATA && before.term === term && before.type === type;
      this.#entries[position] = isLike ? before : { term, type, data: NO_DATA };
      this.#hotIndex++;
    }
  }

  #dropFirst(): void {
    this.#bytes -= this.#entries[this.#head].data.length;
    this.#head++;
    this.#firstIndex++;
    if (this.#hotIndex < this.#firstIndex) this.#hotIndex = this.#firstIndex;
  }

  #compact(): void {
    if (this.#head < COMPACT_COUNT_MIN || this.#head * 2 < this.#entries.length) return;
    this.#entries.splice(0, this.#head);
    this.#head = 0;
  }

  /** Forgets everything; the log now begins after a snapshot. */
  reset(snapshotIndex: LogIndex, snapshotTerm: Term): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#firstIndex = snapshotIndex + 1;
    this.#hotIndex = this.#firstIndex;
    this.#snapshotIndex = snapshotIndex;
    this.#snapshotTerm = snapshotTerm;
  }

  /** Highest index up to `from` whose term is at most `term`; 0 or an unknown index ends the search. */
  lastIndexWithTerm(from: LogIndex, term: Term): LogIndex {
    let index: number = Math.min(from, this.lastIndex);
    while ((this.#at(index)?.term ?? 0) > term) index--;
    return index as LogIndex;
  }
}
