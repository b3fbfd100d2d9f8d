import { assert } from '../base/index.ts';
import type { SnapshotSink } from '../log/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import type { MachineCalls } from './machine-calls.ts';

/** Content that may wait in the SQL thread's inbox. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** Builds the state of a snapshot in the machine while the log reads and checks it; nothing counts before `finish`. */
export class SnapshotRestore implements SnapshotSink {
  readonly #calls: MachineCalls;
  #id: number | undefined;
  #ahead = 0;
  #bytes = 0;

  constructor(calls: MachineCalls) {
    this.#calls = calls;
  }

  /** Length of the content that came last. */
  get bytes(): number {
    return this.#bytes;
  }

  begin(info: SnapshotInfo): void {
    this.#bytes = 0;
    this.#id = this.#calls.nextId();
    this.#calls.beginRestore(this.#id, info.index);
  }

  async chunk(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    assert(this.#id !== undefined, 'content of no snapshot');
    this.#ahead += bytes.length;
    this.#bytes += bytes.length;
    this.#calls.restoreChunk(this.#id, bytes, [bytes.buffer]);
    if (this.#ahead < WINDOW_BYTES) return;
    this.#ahead = 0;
    await this.#calls.statistics();
  }

  /** `sound`: there is a snapshot to start from, and it is the one that came last. Throws RESTORE_FAILED. */
  async finish(sound: boolean): Promise<void> {
    if (this.#id !== undefined) await this.#calls.endRestore(this.#id, sound);
    else assert(!sound, 'a snapshot of which nothing came');
  }
}
