import { type Clock, LIMITS, type LogIndex, QuorateError } from '../base/index.ts';
import type { DurableLog } from '../log/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import type { History } from './history.ts';
import type { MachineCalls } from './machine-calls.ts';

/** When a node takes a snapshot, and what it keeps of the log before it. */
export interface SnapshotThresholds {
  /** Log bytes since the last snapshot, or the size of the database if that is more. */
  readonly logBytes: number;
  readonly entries: number;
  /** Entries kept before a snapshot for followers that lag, bounded by `trailingBytes`. */
  readonly trailing: number;
  readonly trailingBytes: number;
}

export const SNAPSHOT_THRESHOLDS: SnapshotThresholds = {
  logBytes: LIMITS.snapshotLogBytes,
  entries: LIMITS.snapshotLogEntries,
  trailing: 8192,
  trailingBytes: LIMITS.logTailBytes,
};

/** After a snapshot that found no space the next one waits so long, and so many times as long as that one took. */
const RETRY_MS = 1_000;
const RETRY_FACTOR = 10;

/** Content read from the SQL thread at a time. */
const CHUNK_BYTES = 256 * 1024;

/** After each part the writers get as long as it took, but not longer than this. */
const REST_MS_MAX = 20;

export interface SnapshotTakerOptions {
  readonly calls: MachineCalls;
  readonly log: DurableLog;
  readonly clock: Clock;
  readonly history: History;
  /** Highest durable index; it falls when entries are removed. `stored` is called when it may have grown. */
  storedIndex(): LogIndex;
  readonly thresholds: SnapshotThresholds;
  /** Index of the newest snapshot on disk. */
  readonly snapshotIndex: LogIndex;
  taken(info: SnapshotInfo, trailing: number, bytes: number, ms: number): void;
  failed(error: unknown): void;
}

/** Writes a snapshot to disk now and then, in the background: neither writers nor readers wait for it. */
export class SnapshotTaker {
  readonly #options: SnapshotTakerOptions;
  #lastIndex: number;
  #lastBytes = 0;
  #logBytes = 0;
  #logEntries = 0;
  #running: Promise<void> | undefined;
  /** The log is giving up what is superfluous. */
  #relieving = false;
  /** A snapshot found no space: none before this time. */
  #retryAt = 0;
  #cancelled = false;
  #wake: (() => void) | undefined;

  constructor(options: SnapshotTakerOptions) {
    this.#options = options;
    this.#lastIndex = options.snapshotIndex;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** At the start: the newest snapshot on disk has so many bytes of content. */
  restored(bytes: number): void {
    this.#lastBytes = bytes;
  }

  /** An entry was committed. */
  note(bytes: number): void {
    this.#logBytes += bytes;
    this.#logEntries++;
  }

  /** Something was applied: takes a snapshot when it is time. */
  check(): void {
    const { thresholds, clock } = this.#options;
    const due =
      this.#logEntries >= thresholds.entries ||
      this.#logBytes >= Math.max(thresholds.logBytes, this.#lastBytes);
    if (!due || this.#running !== undefined || this.#cancelled) return;
    if (clock.now() >= this.#retryAt) this.#start();
  }

  /**
   * The log can store nothing for lack of space. A snapshot takes the place of what fills the disk, also before its time; when there
   * is nothing new for one, what the present one has replaced goes.
   */
  relieve(): void {
    if (this.#cancelled || this.#relieving) return;
    // Who waits for the disk to store something would wait for ever.
    if (this.#wake !== undefined || this.#options.clock.now() < this.#retryAt) this.#giveUp();
    else if (this.#running === undefined) this.#start(true);
  }

  #start(relieving = false): void {
    const startedAt = this.#options.clock.now();
    this.#running = this.#take(relieving).then(
      () => {
        this.#running = undefined;
      },
      (error: unknown) => {
        this.#running = undefined;
        this.#failed(error, startedAt);
      },
    );
  }

  #failed(error: unknown, startedAt: number): void {
    if (error instanceof QuorateError && error.code === 'DISK_FULL') {
      const now = this.#options.clock.now();
      this.#retryAt = now + Math.max(RETRY_MS, RETRY_FACTOR * (now - startedAt));
    } else {
      this.#logBytes = 0;
      this.#logEntries = 0;
    }
    if (!this.#cancelled) this.#options.failed(error);
  }

  #giveUp(): void {
    this.#relieving = true;
    const done = (): void => {
      this.#relieving = false;
    };
    this.#options.log.makeRoom().then(done, (error: unknown) => {
      done();
      if (!this.#cancelled) this.#options.failed(error);
    });
  }

  /** Something became durable. */
  stored(): void {
    this.#wake?.();
  }

  /** A snapshot of the leader takes the place of everything here. */
  replaced(index: LogIndex, bytes: number): void {
    this.#lastIndex = index;
    this.#lastBytes = bytes;
    this.#logBytes = 0;
    this.#logEntries = 0;
    this.#cancelled = false;
  }

  /** Gives up what is under way; nothing is begun before `resume` or `replaced`. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    this.#wake?.();
    await this.#running;
  }

  resume(): void {
    this.#cancelled = false;
  }

  async #take(relieving: boolean): Promise<void> {
    const { calls, clock, history } = this.#options;
    const startedAt = clock.now();
    const cut = await calls.cut();
    const entries = this.#logEntries;
    const logBytes = this.#logBytes;
    try {
      const info = history.at(cut.index);
      if (info === undefined || cut.index <= this.#lastIndex) {
        this.#logEntries = 0;
        this.#logBytes = 0;
        if (relieving) this.#giveUp();
        return;
      }
      await this.#durable(info.index);
      const trailing = this.#trailing(entries, logBytes);
      await this.#write(cut.id, info, cut.bytes, trailing);
      this.#lastIndex = info.index;
      this.#lastBytes = cut.bytes;
      this.#logEntries -= entries;
      this.#logBytes -= logBytes;
      history.forgetBefore(info.index);
      this.#options.taken(info, trailing, cut.bytes, clock.now() - startedAt);
    } finally {
      calls.releaseCut(cut.id);
    }
  }

  /** Waits until the entry is durable: the leader may have committed and applied what its own disk has not stored yet, or never will. */
  async #durable(index: LogIndex): Promise<void> {
    while (!this.#cancelled && this.#options.storedIndex() < index) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#checkWanted();
  }

  #checkWanted(): void {
    if (this.#cancelled) throw new QuorateError('CANCELLED', 'the snapshot was given up');
  }

  async #write(
    cut: number,
    info: SnapshotInfo,
    contentBytes: number,
    trailing: number,
  ): Promise<void> {
    const { calls, log, clock, thresholds } = this.#options;
    const outrunBytes = this.#logBytes + Math.max(thresholds.logBytes, contentBytes) / 2;
    const writer = await log.beginSnapshot(info, contentBytes, trailing);
    try {
      for (;;) {
        this.#checkWanted();
        const beganAt = clock.now();
        const { bytes, last } = await calls.readCut(cut, CHUNK_BYTES);
        await writer.write(bytes);
        if (last) break;
        // Unless they outrun it: what they write meanwhile stays in the log, and in memory.
        if (this.#logBytes < outrunBytes) await this.#rest(clock.now() - beganAt);
      }
      this.#checkWanted();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await writer.finish();
  }

  /** A snapshot may take its time: threads and disk are those that transactions wait for. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(Math.min(ms, REST_MS_MAX), resolve);
    });
  }

  #trailing(entries: number, logBytes: number): number {
    const { trailing, trailingBytes } = this.#options.thresholds;
    const averageBytes = Math.max(1, logBytes / Math.max(1, entries));
    return Math.min(trailing, Math.floor(trailingBytes / averageBytes));
  }
}
