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

/** Content read from the SQL thread at a time. */
const CHUNK_BYTES = 256 * 1024;

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
  #cancelled = false;
  #wake: (() => void) | undefined;

  constructor(options: SnapshotTakerOptions) {
    this.#options = options;
    this.#lastIndex = options.snapshotIndex;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** An entry was committed. */
  note(bytes: number): void {
    this.#logBytes += bytes;
    this.#logEntries++;
  }

  /** Something was applied: takes a snapshot when it is time. */
  check(): void {
    const { thresholds } = this.#options;
    const due =
      this.#logEntries >= thresholds.entries ||
      this.#logBytes >= Math.max(thresholds.logBytes, this.#lastBytes);
    if (!due || this.#running !== undefined || this.#cancelled) return;
    this.#running = this.#take().then(
      () => {
        this.#running = undefined;
      },
      (error: unknown) => {
        this.#running = undefined;
        this.#logBytes = 0;
        this.#logEntries = 0;
        if (!this.#cancelled) this.#options.failed(error);
      },
    );
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

  async #take(): Promise<void> {
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
    const { calls, log } = this.#options;
    const writer = await log.beginSnapshot(info, contentBytes, trailing);
    try {
      for (;;) {
        this.#checkWanted();
        const { bytes, last } = await calls.readCut(cut, CHUNK_BYTES);
        await writer.write(bytes);
        if (last) break;
      }
      this.#checkWanted();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await writer.finish();
  }

  #trailing(entries: number, logBytes: number): number {
    const { trailing, trailingBytes } = this.#options.thresholds;
    const averageBytes = Math.max(1, logBytes / Math.max(1, entries));
    return Math.min(trailing, Math.floor(trailingBytes / averageBytes));
  }
}
