import {
  assert,
  type Configuration,
  DiskError,
  type Entry,
  type NodeId,
  QuorateError,
  type Term,
  term,
} from '../base/index.ts';
import type { PersistOperation, SnapshotInfo } from '../raft/index.ts';
import { encodeConfiguration } from '../wire/index.ts';
import type { CountingDisk } from './counting-disk.ts';
import { EntryReader } from './entry-reader.ts';
import { diskFailure, isFull, neverFull } from './errors.ts';
import { FloorFile } from './floor-file.ts';
import type { LoadedDirectory } from './load-directory.ts';
import { MetadataFile } from './metadata-file.ts';
import { PersistQueue } from './persist-queue.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { SnapshotContent } from './snapshot-reader.ts';
import { type SnapshotFileWriter, SnapshotStore } from './snapshot-store.ts';
import { TermHistory } from './term-history.ts';
import { withRoom } from './whole-file.ts';
import type { AppendBatch } from './write-group.ts';

/** Entry bytes after which the durable floor is written again. */
const FLOOR_BYTES = 1024 * 1024;

/** What a log tells about itself. */
export interface LogStatistics {
  /** Bytes of segments (open ones with their reserve) and snapshots. */
  readonly bytes: number;
  readonly closedSegments: number;
  readonly openSegments: number;
  readonly snapshots: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  /** Since the log was opened. */
  readonly entriesWritten: number;
  readonly writtenBytes: number;
  readonly syncs: number;
  readonly state: 'ok' | 'full' | 'failed';
}

/** Takes the content of a snapshot as a stream. */
export interface SnapshotWriter {
  /** Resolves when the bytes have been handed to the disk: await it, that is the back-pressure. */
  write(chunk: Uint8Array): Promise<void>;
  /** The snapshot is durable and in force when it resolves. Throws DISK_FULL, DISK_FAILED. */
  finish(): Promise<void>;
  /** Gives up and removes what was written. */
  abort(): Promise<void>;
}

/**
 * The log, term and vote, and snapshots of one node, on disk. Everything is carried out in the order of the
 * calls; appends that wait for the disk together share one write and one sync.
 *
 * After a failed write or sync the disk's content is unknown: everything that follows fails with the same
 * error until the directory is opened again (DISK_FAILED). Only a full disk is survived (DISK_FULL).
 */
export class DurableLog {
  readonly #disk: CountingDisk;
  readonly #metadata: MetadataFile;
  readonly #floor: FloorFile;
  readonly #segments: SegmentWriter;
  readonly #entries: EntryReader;
  readonly #snapshots: SnapshotStore;
  readonly #lock: { release(): Promise<void> };
  #term: Term;
  readonly #queue: PersistQueue;
  #snapshotWriter: SnapshotFileWriter | undefined;
  #closed: Promise<void> | undefined;
  #bytesAtFloor = 0;
  #floorDue = false;

  /** For `openLog` only. */
  constructor(
    disk: CountingDisk,
    lock: { release(): Promise<void> },
    loaded: LoadedDirectory,
    segmentBytes: number,
  ) {
    this.#disk = disk;
    this.#lock = lock;
    this.#metadata = new MetadataFile(disk, loaded.metadata);
    this.#term = loaded.metadata.term;
    this.#floor = new FloorFile(disk, loaded.floor);
    const terms = new TermHistory(loaded.firstIndex - 1, startTerm(loaded));
    terms.append(loaded.firstIndex, loaded.entries);
    this.#segments = new SegmentWriter(disk, segmentBytes, loaded.closed, loaded.lastIndex, terms);
    this.#entries = new EntryReader(disk, (index) => this.#segments.find(index));
    this.#snapshots = new SnapshotStore(disk, loaded.snapshots, loaded.unusableSnapshots);
    this.#queue = new PersistQueue({
      append: (batches) => this.#append(batches),
      alone: (operation) => this.#runAlone(operation),
      idle: () => this.#writeFloorIfDue(),
    });
  }

  /** Index of the last durable entry (of the snapshot, when there are no entries after it). */
  get lastIndex(): number {
    return this.#segments.lastIndex;
  }

  /** The newest snapshot on disk. */
  get snapshot(): SnapshotInfo | undefined {
    return this.#snapshots.newest;
  }

  statistics(): LogStatistics {
    const { closed, openBytes, openCount, entriesWritten, lastIndex } = this.#segments;
    const closedBytes = closed.reduce((sum, each) => sum + each.sizeBytes, 0);
    return {
      bytes: closedBytes + openBytes + this.#snapshots.bytes,
      closedSegments: closed.length,
      openSegments: openCount,
      snapshots: this.#snapshots.count,
      lastIndex,
      snapshotIndex: this.#snapshots.newest?.index ?? 0,
      entriesWritten,
      ...this.#disk.counters,
      state: this.#queue.broken !== undefined ? 'failed' : this.#queue.full ? 'full' : 'ok',
    };
  }

  /**
   * Carries out the operations in order; they are durable when it resolves. When it rejects, nothing of
   * them counts, and everything queued behind them is rejected too. Throws DISK_FULL (retryable: the next
   * operations must begin where the log ends), DISK_FAILED, LOG_CLOSED.
   */
  persist(operations: readonly PersistOperation[]): Promise<void> {
    return this.#queue.persist(operations);
  }

  /**
   * Reads durable entries, from `first` to `last` at most and about `bytesMax` of data, beside whatever else goes on. Resolves to
   * fewer, at least one, where that is easier; to none when a snapshot has replaced them. They must be committed: what is truncated
   * meanwhile is not noticed. Throws DISK_FAILED, LOG_DAMAGED.
   */
  async readEntries(first: number, last: number, bytesMax: number): Promise<readonly Entry[]> {
    try {
      return await this.#entries.read(first, last, bytesMax);
    } catch (error) {
      throw diskFailure(error, 'reading entries');
    }
  }

  /**
   * Starts a new log: one configuration entry at index 1, term 1 (disk-format.md §13). Returns the entry.
   * Throws ALREADY_BOOTSTRAPPED when the directory has a term, a log or a snapshot.
   */
  async bootstrap(configuration: Configuration): Promise<Entry> {
    const entry = configurationEntry(term(1), configuration);
    await this.#queue.control(async () => {
      if (this.#term !== 0 || this.lastIndex !== 0 || this.#snapshots.newest !== undefined) {
        throw new QuorateError(
          'ALREADY_BOOTSTRAPPED',
          `the data directory ${this.#disk.path} already belongs to a cluster`,
        );
      }
      await this.#segments.appendClosed([entry]);
      await this.#writeMetadata(term(1), 0n);
    });
    return entry;
  }

  /**
   * Appends a configuration that replaces the cluster's, for recovery after the loss of a majority
   * (disk-format.md §11). With the current term, so that no survivor's log counts as newer.
   */
  async overrideConfiguration(configuration: Configuration): Promise<Entry> {
    const current = Math.max(this.#term, this.#segments.lastTerm, 1);
    const entry = configurationEntry(term(current), configuration);
    await this.#queue.control(() => this.#segments.appendClosed([entry]));
    return entry;
  }

  /**
   * Starts a snapshot of the state machine at `info.index`, which must be durable (S19).
   * `contentBytes`: exact length of the content. When it is finished, the newest two snapshots are kept and
   * closed segments that end before `info.index` − `trailing` + 1 are removed.
   */
  async beginSnapshot(
    info: SnapshotInfo,
    contentBytes: number,
    trailing: number,
  ): Promise<SnapshotWriter> {
    assert(info.index <= this.lastIndex, () => `a snapshot at ${info.index} is ahead of the log`);
    return await this.#beginWriter(info, contentBytes, async (file) => {
      // A closed segment says which entries it holds, an open one does not: with a snapshot in force it
      // would be taken to begin after it.
      await this.#queue.control(() => this.#segments.rotate());
      await this.#queue.control(async () => {
        await this.#snapshots.store(file);
        await this.#snapshots.removeOld();
        await this.#segments.removeUpTo(info.index - trailing);
      });
    });
  }

  /**
   * Receives a snapshot of the leader. When it is finished the whole log is removed and the next entry has
   * the index `info.index` + 1; then the caller restores its state machine (S14).
   */
  async beginInstall(info: SnapshotInfo, contentBytes: number): Promise<SnapshotWriter> {
    return await this.#beginWriter(info, contentBytes, (file) =>
      this.#queue.control(async () => {
        // Up to here a full disk has changed nothing.
        await this.#prepareToReplace();
        try {
          await neverFull(this.#replaceLog(info, file));
        } catch (error) {
          // A part of the segments may be gone: only a start can tell what is left.
          this.#queue.break(diskFailure(error, 'installing a snapshot'));
          throw error;
        }
      }),
    );
  }

  /**
   * Gives up what the newest snapshot has made superfluous: the snapshot before it, and all entries up to it. For a disk that
   * is full of them; otherwise they stay, for a newest snapshot that turns out damaged and for followers that lag. So it is
   * read to its end first. Returns whether anything was removed.
   */
  async makeRoom(): Promise<boolean> {
    this.#queue.checkUsable();
    if (!(await this.#snapshots.verifyNewest())) return false;
    let removed = false;
    await this.#queue.control(async () => {
      removed = await this.#removeSuperseded();
    });
    return removed;
  }

  /**
   * Opens the content of a snapshot that is on disk. Throws SNAPSHOT_NOT_FOUND when a newer one has
   * replaced it.
   */
  async readSnapshot(info: Pick<SnapshotInfo, 'index' | 'term'>): Promise<SnapshotContent> {
    const content = await this.#snapshots.read(info).catch((error: unknown) => {
      throw diskFailure(error, 'reading a snapshot');
    });
    if (content !== undefined) return content;
    throw new QuorateError('SNAPSHOT_NOT_FOUND', `there is no snapshot at entry ${info.index}`);
  }

  /** Finishes what is queued, leaves only closed segments, and releases the lock. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Starts background work. For `openLog` only. */
  start(): void {
    this.#segments.prepare();
  }

  async #close(): Promise<void> {
    await this.#queue.end();
    try {
      if (this.#snapshotWriter !== undefined) await this.#snapshotWriter.discard();
      if (this.#queue.broken !== undefined) await this.#segments.abandon();
      else {
        await this.#segments.close();
        // The floor is an extra: a full disk need not spoil the end.
        await this.#writeFloor().catch((error: unknown) => {
          if (!isFull(error)) throw error;
        });
      }
    } catch (error) {
      await this.#segments.abandon();
      throw diskFailure(error, 'closing the log');
    } finally {
      await this.#lock.release();
    }
  }

  async #beginWriter(
    info: SnapshotInfo,
    contentBytes: number,
    commit: (file: SnapshotFileWriter) => Promise<void>,
  ): Promise<SnapshotWriter> {
    assert(this.#snapshotWriter === undefined, 'another snapshot is being written');
    this.#queue.checkUsable();
    const guarded = async (run: () => Promise<void>): Promise<void> => {
      try {
        await run();
      } catch (error) {
        throw diskFailure(error, 'writing a snapshot');
      }
    };
    let file: SnapshotFileWriter | undefined;
    const makeRoom = () => this.#makeRoomForSnapshot();
    await guarded(async () => {
      file = await this.#snapshots.begin(info, contentBytes, makeRoom);
    }).catch((error: unknown) => {
      this.#segments.prepare();
      throw error;
    });
    assert(file !== undefined, 'no snapshot was begun');
    const writer = file;
    this.#snapshotWriter = writer;
    const end = (): void => {
      if (this.#snapshotWriter !== writer) return;
      this.#snapshotWriter = undefined;
      if (this.#queue.broken === undefined) this.#segments.prepare();
    };
    /** A failure ends the snapshot; the first error is the one to report. */
    const orDiscard = async (run: () => Promise<void>): Promise<void> => {
      try {
        await run();
      } catch (error) {
        await writer.discard().catch(() => undefined);
        end();
        throw error;
      }
    };
    return {
      write: (chunk) => guarded(() => orDiscard(() => writer.write(chunk))),
      finish: () =>
        guarded(() =>
          orDiscard(async () => {
            await writer.finish();
            await commit(writer);
            end();
          }),
        ),
      abort: () => guarded(() => writer.discard()).finally(end),
    };
  }

  /** The older snapshot goes before the prepared segments: a snapshot of about its size takes its place. */
  async #makeRoomForSnapshot(): Promise<boolean> {
    if (await this.makeRoom()) return true;
    let released = false;
    await this.#queue.control(async () => {
      released = await this.#segments.releasePrepared();
    });
    return released;
  }

  async #removeSuperseded(): Promise<boolean> {
    const { newest } = this.#snapshots;
    if (newest === undefined || !this.#snapshots.newestVerified) return false;
    const snapshots = await this.#snapshots.removeOld(1);
    const segments = await this.#segments.removeUpTo(newest.index);
    return snapshots + segments > 0;
  }

  async #prepareToReplace(): Promise<void> {
    await this.#segments.rotate();
    // Until the old log is gone the floor may only demand what both histories have.
    const { index, term: common } = this.#snapshots.newest ?? { index: 0, term: 0 };
    await this.#floor.lower({ index, term: common, metadata: this.#metadata.current });
    this.#floorDue = true;
  }

  async #replaceLog(info: SnapshotInfo, file: SnapshotFileWriter): Promise<void> {
    const { index, term: lastTerm } = info;
    await this.#snapshots.store(file);
    this.#entries.forget();
    await this.#segments.reset(index, lastTerm);
    await this.#snapshots.removeOld();
    this.#queue.full = false;
  }

  async #append(batches: readonly AppendBatch[]): Promise<void> {
    const next = this.lastIndex + 1;
    const first = batches[0]?.first ?? next;
    if (this.#queue.full && first > next) {
      throw diskFailure(
        new DiskError('ENOSPC', `entry ${next} could not be written`),
        'appending to the log',
      );
    }
    await this.#segments.append(batches);
    this.#queue.full = false;
  }

  async #runAlone(operation: Exclude<PersistOperation, { kind: 'append' }>): Promise<void> {
    if (operation.kind === 'metadata') {
      await this.#writeMetadata(operation.term, operation.vote);
      return;
    }
    const index = operation.from - 1;
    const base = this.#snapshots.newest?.index ?? 0;
    assert(index >= base, () => `truncation from ${operation.from} below the snapshot at ${base}`);
    if (index >= this.lastIndex) return;
    const end = { index, term: this.#segments.termAt(index) };
    await this.#floor.lower({ ...end, metadata: this.#metadata.current });
    await this.#truncate(operation.from);
  }

  /** It writes the beginning of a segment again, which on a full disk needs room. */
  async #truncate(from: number): Promise<void> {
    this.#entries.forget();
    await withRoom(
      () => this.#segments.truncate(from),
      async () => (await this.#snapshots.verifyNewest()) && (await this.#removeSuperseded()),
    );
  }

  async #writeMetadata(newTerm: Term, vote: NodeId): Promise<void> {
    assert(newTerm >= this.#term, () => `the term falls from ${this.#term} to ${newTerm}`);
    await this.#metadata.write(newTerm, vote);
    this.#term = newTerm;
    await this.rememberVote();
  }

  /**
   * Lets the floor vouch for term and vote, whose own files have no checksum, before anybody is told of them: a bit
   * that flips there later is then seen. An extra: without space for it the log goes on.
   */
  async rememberVote(): Promise<void> {
    if (this.#floor.vouchesFor(this.#metadata.current.version)) return;
    await this.#writeFloor().catch((error: unknown) => {
      if (!isFull(error)) throw error;
    });
  }

  async #writeFloorIfDue(): Promise<void> {
    if (this.#queue.broken !== undefined || this.lastIndex === 0) return;
    const grown = this.#disk.counters.writtenBytes - this.#bytesAtFloor;
    const stale = !this.#floor.vouchesFor(this.#metadata.current.version);
    if (!stale && !this.#floorDue && grown < FLOOR_BYTES) return;
    try {
      await this.#writeFloor();
    } catch (error) {
      // The floor is an extra: without space for it the log goes on.
      if (!isFull(error)) this.#queue.break(diskFailure(error, 'writing the durable floor'));
    }
  }

  async #writeFloor(): Promise<void> {
    const { lastIndex: index, lastTerm } = this.#segments;
    if (this.#metadata.current.version === 0) return;
    this.#bytesAtFloor = this.#disk.counters.writtenBytes;
    this.#floorDue = false;
    await this.#floor.write({ index, term: lastTerm, metadata: this.#metadata.current });
  }
}

/** Term of the position before the first entry, as far as it is known. */
function startTerm(loaded: LoadedDirectory): number {
  if (loaded.firstIndex === 1) return 0;
  return loaded.entries[0]?.term ?? loaded.lastTerm;
}

function configurationEntry(entryTerm: Term, configuration: Configuration): Entry {
  return { term: entryTerm, type: 'configuration', data: encodeConfiguration(configuration) };
}
