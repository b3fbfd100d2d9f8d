import { assert, type Disk, type Entry } from '../base/index.ts';
import { logDamaged } from './errors.ts';
import {
  type ClosedSegment,
  closedSegmentName,
  type DirectoryListing,
  type OpenSegmentFile,
  type SnapshotFile,
  sortListing,
} from './file-names.ts';
import { FLOOR_NAME, type Floor, loadFloor } from './floor-file.ts';
import { checkAgainstFloor, type LoadedMetadata, loadMetadata } from './metadata-file.ts';
import { type ScannedSegment, scanClosedSegment, scanOpenSegment } from './segment-scan.ts';
import {
  isDamage,
  loadSnapshotInfo,
  type SnapshotSink,
  type StoredSnapshot,
  verifySnapshot,
} from './snapshot-reader.ts';
import { readWhole } from './whole-file.ts';

/** An open segment that holds entries: it becomes a closed one at start. */
export interface SegmentToClose {
  readonly name: string;
  readonly closed: ClosedSegment;
}

/** A data directory as read, and what has to be done before it is written to. Reading changes nothing. */
export interface LoadedDirectory {
  readonly metadata: LoadedMetadata;
  /** The snapshot to start from. */
  readonly snapshot: StoredSnapshot | undefined;
  /** Usable snapshots, newest last. */
  readonly snapshots: readonly StoredSnapshot[];
  /** Snapshots that are there but cannot be used. */
  readonly unusableSnapshots: readonly SnapshotFile[];
  readonly firstIndex: number;
  /** Index before the first entry when there are none. */
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly entries: readonly Entry[];
  /** Segments in order, under their final names. */
  readonly closed: readonly ClosedSegment[];
  readonly floor: Floor | undefined;
  /** Why this node must not vote or acknowledge (M15); undefined = it may. */
  readonly doubt: string | undefined;
  /** What an operator should know about this start. */
  readonly notes: readonly string[];
  readonly cleanup: Cleanup;
}

/** Changes that make the directory what was loaded, each explained by a crash or a snapshot. */
export interface Cleanup {
  /** In any order. */
  readonly leftovers: readonly string[];
  /** In this order, each durable before the next, so that what remains is always a beginning of the log. */
  readonly segments: readonly string[];
  /** Closed segments whose truncation a crash took back. */
  readonly shorten: readonly ClosedSegment[];
  readonly close: readonly SegmentToClose[];
  /** Files written in place: a write that the last process did not see finished is made durable. */
  readonly rewrite: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/**
 * Reads a data directory (disk-format.md §6). Damage that no crash explains is an error: LOG_DAMAGED with
 * file and offset, FORMAT_UNSUPPORTED for newer formats, DiskError when the disk does not answer. `sink` gets the content of the
 * snapshot to start from; when there is none, what it got is void.
 */
export async function loadDirectory(disk: Disk, sink?: SnapshotSink): Promise<LoadedDirectory> {
  const listing = sortListing(await disk.list());
  for (const file of listing.impossible) {
    throw logDamaged({ directory: disk.path, file }, 'its name cannot be right', 'what it holds');
  }
  const metadata = await loadMetadata(disk, listing.sizes);
  const floor = await loadFloor(disk, listing.sizes);
  if (floor !== undefined) checkAgainstFloor(disk, metadata, floor.metadata);
  const loader = new Loader(disk, listing);
  if (floor === undefined && listing.sizes.has(FLOOR_NAME)) {
    loader.notes.push(
      `${FLOOR_NAME} cannot be read: that nothing of the log is missing could not be checked`,
    );
  }
  const snapshots = await loader.loadSnapshots(sink);
  const log = await loader.loadSegments(snapshots.at(-1));
  const notes = loader.notes;
  const doubt = metadata.doubt ?? floorDoubt(floor, metadata.version, log);
  if (doubt !== undefined) notes.push(`quarantined: ${doubt}`);
  const rewrite = ['metadata1', 'metadata2', FLOOR_NAME]
    .map((name) => ({ name, sizeBytes: listing.sizes.get(name) ?? 0 }))
    .filter(({ sizeBytes }) => sizeBytes > 0);
  const { segments, shorten, close } = log;
  const cleanup: Cleanup = { leftovers: loader.leftovers, segments, shorten, close, rewrite };
  const unusableSnapshots = loader.unusable;
  const snapshot = snapshots.at(-1);
  return {
    ...{ metadata, snapshot, snapshots, unusableSnapshots },
    ...{ firstIndex: log.firstIndex, lastIndex: log.lastIndex, lastTerm: log.lastTerm },
    ...{ entries: log.entries, closed: log.closed, floor, doubt, notes, cleanup },
  };
}

interface LoadedLog {
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly entries: readonly Entry[];
  readonly closed: readonly ClosedSegment[];
  readonly segments: readonly string[];
  readonly shorten: readonly ClosedSegment[];
  readonly close: readonly SegmentToClose[];
}

/** Why the log may lack entries that were durable. */
function floorDoubt(
  floor: Floor | undefined,
  metadataVersion: number,
  log: LoadedLog,
): string | undefined {
  if (floor === undefined || floor.metadata.version < metadataVersion) return undefined;
  if (floor.metadata.version > metadataVersion) {
    return `metadata version ${floor.metadata.version} was durable, version ${metadataVersion} was found`;
  }
  if (log.lastIndex < floor.index) {
    return `entry ${floor.index} was durable, the log ends at ${log.lastIndex}`;
  }
  const found = log.entries[floor.index - log.firstIndex];
  if (found !== undefined && found.term !== floor.term) {
    return `entry ${floor.index} had term ${floor.term}, now it has term ${found.term}`;
  }
  return undefined;
}

/** Reads segments and snapshots and collects what has to be cleaned up. */
class Loader {
  readonly notes: string[] = [];
  readonly leftovers: string[] = [];
  readonly unusable: SnapshotFile[] = [];
  readonly #disk: Disk;
  readonly #listing: DirectoryListing;
  readonly #remove: string[] = [];
  readonly #shorten: ClosedSegment[] = [];
  /** Index of the newest snapshot that could not be used; the log must reach it. */
  #lostSnapshot: { readonly file: SnapshotFile; readonly error: unknown } | undefined;

  constructor(disk: Disk, listing: DirectoryListing) {
    this.#disk = disk;
    this.#listing = listing;
    this.leftovers.push(...listing.leftovers);
  }

  /** Usable snapshots, newest last; only the newest usable one is read to its end. */
  async loadSnapshots(sink: SnapshotSink | undefined): Promise<StoredSnapshot[]> {
    const usable: StoredSnapshot[] = [];
    for (const file of [...this.#listing.snapshots].reverse()) {
      try {
        const metaBytes = this.#listing.sizes.get(file.metaName) ?? 0;
        const snapshot = await loadSnapshotInfo(this.#disk, file, metaBytes);
        if (usable.length === 0) await verifySnapshot(this.#disk, snapshot, sink);
        usable.unshift(snapshot);
      } catch (error) {
        if (!isDamage(error)) throw error;
        if (usable.length === 0) this.#lostSnapshot ??= { file, error };
        this.unusable.push(file);
        this.notes.push(`${file.name} is not used: ${messageOf(error)}`);
      }
    }
    return usable;
  }

  async loadSegments(snapshot: StoredSnapshot | undefined): Promise<LoadedLog> {
    const base = snapshot?.index ?? 0;
    const kept = this.#withoutTruncationRemains(this.#listing.closed);
    const contiguous = this.#newestContiguous(kept);
    const start = contiguous[0]?.first ?? base + 1;
    this.#checkStart(start, snapshot, contiguous[0]);
    const entries: Entry[] = [];
    // The next segment is read from disk while one is checked.
    let next = contiguous[0] && readSegment(this.#disk, contiguous[0]);
    for (const [i, segment] of contiguous.entries()) {
      const bytes = await next;
      assert(bytes !== undefined, 'a segment that is not read');
      const following = contiguous[i + 1];
      next = following && readSegment(this.#disk, following);
      for (const entry of this.#scanClosed(segment, bytes).entries) entries.push(entry);
    }
    const close = await this.#readOpenSegments(start, entries);
    const closed = [...contiguous, ...close.map((each) => each.closed)];
    const lastIndex = start + entries.length - 1;
    const lastTerm = entries.at(-1)?.term ?? snapshot?.term ?? 0;
    this.#checkReach(Math.max(lastIndex, base), contiguous.length > 0);
    if (snapshot !== undefined && this.#isBehind(snapshot, start, entries)) {
      for (const each of close.toReversed()) this.#remove.push(each.name);
      for (const each of contiguous.toReversed()) this.#remove.push(each.name);
      return this.#loadedLog(base + 1, snapshot.term, [], [], []);
    }
    return this.#loadedLog(start, lastTerm, entries, closed, close);
  }

  #loadedLog(
    firstIndex: number,
    lastTerm: number,
    entries: readonly Entry[],
    closed: readonly ClosedSegment[],
    close: readonly SegmentToClose[],
  ): LoadedLog {
    const lastIndex = firstIndex + entries.length - 1;
    assert((closed.at(-1)?.last ?? lastIndex) === lastIndex, 'segments and entries differ');
    const kept = new Set(closed.map((segment) => segment.name));
    const shorten = this.#shorten.filter((segment) => kept.has(segment.name));
    return {
      firstIndex,
      lastIndex,
      lastTerm,
      entries,
      closed,
      segments: this.#remove,
      shorten,
      close,
    };
  }

  /**
   * A truncation writes the shortened segment before it removes the long one. When a crash left both,
   * the long one counts: the truncation never happened, and what follows it still fits.
   */
  #withoutTruncationRemains(closed: readonly ClosedSegment[]): ClosedSegment[] {
    return closed.filter((segment, at) => {
      const longer = closed[at + 1];
      if (longer === undefined || longer.first !== segment.first) return true;
      this.notes.push(`${segment.name} is removed: ${longer.name} holds the same entries`);
      this.#remove.push(segment.name);
      return false;
    });
  }

  /** Walks back from the newest closed segment; what lies beyond a gap is older than a snapshot. */
  #newestContiguous(closed: readonly ClosedSegment[]): ClosedSegment[] {
    let from = Math.max(0, closed.length - 1);
    while (from > 0 && closed[from - 1]?.last === (closed[from]?.first ?? 0) - 1) from--;
    for (const segment of closed.slice(0, from)) {
      const next = closed[from];
      if (next !== undefined && segment.last >= next.first) {
        const place = { directory: this.#disk.path, file: segment.name };
        const affected = `entries ${next.first} to ${segment.last}`;
        throw logDamaged(place, `it overlaps ${next.name}`, affected);
      }
      this.#remove.push(segment.name);
    }
    return closed.slice(from);
  }

  /** The log must begin where the snapshot ends, or before. */
  #checkStart(
    start: number,
    snapshot: StoredSnapshot | undefined,
    first: ClosedSegment | undefined,
  ): void {
    const base = snapshot?.index ?? 0;
    if (start <= base + 1) return;
    const place = { directory: this.#disk.path, file: first?.name ?? '' };
    const lost = this.#lostSnapshot;
    const why = lost === undefined ? '' : ` (${lost.file.name} cannot be used)`;
    const what = `the log begins at entry ${start}, and nothing leads up to it${why}`;
    throw logDamaged(place, what, `entries ${base + 1} to ${start - 1}`);
  }

  /**
   * A damaged newest snapshot may be passed over only if the log has everything that it covered. Where an open segment begins, nothing says but
   * what is before it: that may have been the snapshot.
   */
  #checkReach(lastIndex: number, isPlaced: boolean): void {
    const lost = this.#lostSnapshot;
    if (lost !== undefined && (!isPlaced || lastIndex < lost.file.index)) throw lost.error;
  }

  /**
   * True when the snapshot replaces the whole log: the log ends before it, or belongs to another history,
   * which an interrupted installation of the snapshot leaves behind (S14).
   */
  #isBehind(snapshot: StoredSnapshot, start: number, entries: readonly Entry[]): boolean {
    const lastIndex = start + entries.length - 1;
    if (lastIndex < snapshot.index) return true;
    const covered = entries[snapshot.index - start];
    // The log's term may be the higher one: an entry of a later term that was never committed, in whose place a
    // still later leader committed the older one (Raft paper, figure 8).
    if (covered === undefined || covered.term === snapshot.term) return false;
    this.notes.push(
      `the log from entry ${start} on is removed: the snapshot at ${snapshot.index} replaces it`,
    );
    return true;
  }

  #scanClosed(segment: ClosedSegment, bytes: Uint8Array): ScannedSegment {
    const place = { directory: this.#disk.path, file: segment.name };
    const scanned = scanClosedSegment(bytes, segment.first, segment.last, place);
    if (scanned.torn) this.#shorten.push({ ...segment, sizeBytes: scanned.usedBytes });
    return scanned;
  }

  /** Reads open segments in order of their counters; appends what they hold to `entries`. */
  async #readOpenSegments(start: number, entries: Entry[]): Promise<SegmentToClose[]> {
    const close: SegmentToClose[] = [];
    let torn: OpenSegmentFile | undefined;
    for (const file of this.#listing.open) {
      const bytes = await readWhole(this.#disk, file.name, file.sizeBytes);
      const first = start + entries.length;
      const place = { directory: this.#disk.path, file: file.name };
      const scanned = scanOpenSegment(bytes, first, place);
      if (scanned.torn) this.notes.push(`${file.name}: an unfinished write was cut off`);
      if (scanned.entries.length > 0) {
        if (torn !== undefined) {
          const what = `it ends with an unfinished write, but ${file.name} was written after it`;
          throw logDamaged({ ...place, file: torn.name }, what, `entries from ${first}`);
        }
        const last = first + scanned.entries.length - 1;
        const name = closedSegmentName(first, last);
        const closed = { name, first, last, sizeBytes: scanned.usedBytes };
        close.push({ name: file.name, closed });
        for (const entry of scanned.entries) entries.push(entry);
      } else this.leftovers.push(file.name);
      if (scanned.torn) torn ??= file;
    }
    return close;
  }
}

/** Who gives up before it awaits the file does not hear of its failure. */
function readSegment(disk: Disk, { name, sizeBytes }: ClosedSegment): Promise<Uint8Array> {
  const reading = readWhole(disk, name, sizeBytes);
  reading.catch(() => undefined);
  return reading;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
