import { assert, type InstallSnapshot } from '../base/index.ts';
import type { DurableLog, SnapshotWriter } from '../log/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import type { SnapshotReceiver } from './incoming.ts';
import type { MachineCalls } from './machine-calls.ts';

export interface InstallerOptions {
  readonly message: InstallSnapshot;
  readonly calls: MachineCalls;
  readonly log: DurableLog;
  /** Stops what must not run meanwhile: own snapshots, entries for the machine. */
  prepare(): Promise<void>;
  /** Disk and machine hold the snapshot. */
  installed(info: SnapshotInfo, bytes: number): void;
  /** Nothing has changed. */
  failed(error: unknown): void;
  /** The disk holds the snapshot and the machine does not: the node cannot go on. */
  fatal(error: unknown): void;
}

/**
 * Receives one snapshot from the leader: to disk and into stores beside the present ones at the same time;
 * the machine has checked the content before it is durable, and the disk is durable before the machine swaps (S14).
 */
export class SnapshotInstaller implements SnapshotReceiver {
  readonly #options: InstallerOptions;
  readonly #info: SnapshotInfo;
  readonly #restore: number;
  #writer: SnapshotWriter | undefined;
  #work: Promise<void>;
  #broken = false;
  #over = false;

  constructor(options: InstallerOptions) {
    this.#options = options;
    const { lastIndex, lastTerm, configurationIndex, configuration } = options.message;
    this.#info = { index: lastIndex, term: lastTerm, configurationIndex, configuration };
    this.#restore = options.calls.nextId();
    this.#work = this.#begin();
    this.#work.catch((error: unknown) => this.#fail(error));
  }

  async chunk(bytes: Uint8Array, last: boolean): Promise<void> {
    // One after another, whatever the connection does.
    this.#work = this.#work.then(() => this.#take(bytes, last));
    try {
      await this.#work;
    } catch (error) {
      await this.#fail(error);
      throw error;
    }
  }

  broken(): void {
    this.#broken = true;
    const failing = this.#work.then(() => {
      if (!this.#over) throw new Error('the connection broke before the end of the snapshot');
    });
    this.#work = failing;
    failing.catch((error: unknown) => this.#fail(error));
  }

  async #begin(): Promise<void> {
    const { calls, log, message, prepare } = this.#options;
    assert(message.dataLength > 0, 'a snapshot without content');
    await prepare();
    this.#writer = await log.beginInstall(this.#info, message.dataLength);
    calls.beginRestore(this.#restore, this.#info.index);
  }

  async #take(bytes: Uint8Array, last: boolean): Promise<void> {
    const { calls, message } = this.#options;
    const writer = this.#writer;
    assert(writer !== undefined && !this.#over, 'content of no snapshot');
    if (this.#broken) throw new Error('the connection broke');
    calls.restoreChunk(this.#restore, bytes);
    await writer.write(bytes);
    if (!last) return;
    // Once it is durable it is this node's state, at every start to come: first it must be one.
    await calls.checkRestore(this.#restore);
    await writer.finish();
    this.#over = true;
    try {
      await calls.endRestore(this.#restore, true);
    } catch (error) {
      this.#options.fatal(error);
      return;
    }
    this.#options.installed(this.#info, message.dataLength);
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    const writer = this.#writer;
    try {
      if (writer !== undefined) {
        await writer.abort().catch(() => undefined);
        await this.#options.calls.endRestore(this.#restore, false);
      }
    } catch {
      // The node is stopping; nothing was swapped.
    }
    this.#options.failed(error);
  }
}
