import type { FileInfo } from '../base/index.ts';

const SEGMENT = /^(\d{16})-(\d{16})$/;
const OPEN = /^open-(\d{1,15})$/;
const SNAPSHOT = /^snapshot-(\d{1,16})-(\d{1,16})-(\d{1,20})$/;
const NAME_LENGTH_MAX = 127;

/** Prefix of files that are not complete yet; removed at start. */
export const TEMPORARY_PREFIX = 'tmp-';

/** A closed segment: its name says which entries it holds. */
export interface ClosedSegment {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly sizeBytes: number;
}

/** An open segment as found at start. */
export interface OpenSegmentFile {
  readonly name: string;
  readonly counter: number;
  readonly sizeBytes: number;
}

/** A pair of snapshot files. */
export interface SnapshotFile {
  readonly name: string;
  readonly metaName: string;
  readonly term: number;
  readonly index: number;
  readonly timestamp: bigint;
  /** Length of the data file; 0 when it is empty, which makes the snapshot unusable. */
  readonly sizeBytes: number;
}

/** The files of a data directory by what they are (disk-format.md §1). Unknown names are in none of the lists. */
export interface DirectoryListing {
  readonly closed: readonly ClosedSegment[];
  readonly open: readonly OpenSegmentFile[];
  /** Newest last. */
  readonly snapshots: readonly SnapshotFile[];
  /** Left by a crash: temporary files, snapshot data without metadata and the reverse. */
  readonly leftovers: readonly string[];
  /** Segments and snapshots whose names hold numbers that nobody writes: above 2^53, or an end before the beginning. */
  readonly impossible: readonly string[];
  readonly sizes: ReadonlyMap<string, number>;
}

export function closedSegmentName(first: number, last: number): string {
  return `${String(first).padStart(16, '0')}-${String(last).padStart(16, '0')}`;
}

export function openSegmentName(counter: number): string {
  return `open-${counter}`;
}

export function snapshotName(term: number, index: number, timestamp: bigint): string {
  return `snapshot-${term}-${index}-${timestamp}`;
}

export function snapshotMetaName(name: string): string {
  return `${name}.meta`;
}

/** Sorts the files of a directory into their kinds. */
export function sortListing(files: readonly FileInfo[]): DirectoryListing {
  const sizes = new Map<string, number>();
  for (const file of files) {
    if (file.name.length <= NAME_LENGTH_MAX) sizes.set(file.name, file.sizeBytes);
  }
  const closed: ClosedSegment[] = [];
  const open: OpenSegmentFile[] = [];
  const snapshots: SnapshotFile[] = [];
  const leftovers: string[] = [];
  const impossible: string[] = [];
  for (const [name, sizeBytes] of sizes) {
    const segment = SEGMENT.exec(name);
    const openMatch = OPEN.exec(name);
    if (name.startsWith(TEMPORARY_PREFIX)) leftovers.push(name);
    else if (segment) {
      const [first, last] = [Number(segment[1]), Number(segment[2])];
      if (first < 1 || last < first || !Number.isSafeInteger(last)) impossible.push(name);
      else closed.push({ name, first, last, sizeBytes });
    } else if (openMatch) open.push({ name, counter: Number(openMatch[1]), sizeBytes });
    else if (name.startsWith('snapshot-')) sortSnapshot(name, sizeBytes);
  }
  closed.sort((a, b) => a.first - b.first || a.last - b.last);
  open.sort((a, b) => a.counter - b.counter);
  snapshots.sort(compareSnapshots);
  return { closed, open, snapshots, leftovers, impossible, sizes };

  function sortSnapshot(name: string, sizeBytes: number): void {
    const data = name.endsWith('.meta') ? name.slice(0, -'.meta'.length) : name;
    const match = SNAPSHOT.exec(data);
    if (!match) return;
    if (!sizes.has(data) || !sizes.has(snapshotMetaName(data))) leftovers.push(name);
    else if (name === data) {
      const [term, index] = [Number(match[1]), Number(match[2])];
      const timestamp = BigInt(match[3] ?? 0);
      if (!Number.isSafeInteger(term) || !Number.isSafeInteger(index)) {
        impossible.push(name);
        return;
      }
      snapshots.push({
        name,
        metaName: snapshotMetaName(name),
        term,
        index,
        timestamp,
        sizeBytes,
      });
    }
  }
}

/** Order of age: term, index, timestamp (disk-format.md §6.1). */
export function compareSnapshots(a: SnapshotFile, b: SnapshotFile): number {
  if (a.term !== b.term) return a.term - b.term;
  if (a.index !== b.index) return a.index - b.index;
  return a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0;
}
