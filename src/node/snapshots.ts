import {
  type InstallSnapshot,
  type LogIndex,
  logIndex,
  type NodeId,
  QuorateError,
} from '../base/index.ts';
import type { DurableLog } from '../log/index.ts';
import type { Raft, SnapshotInfo } from '../raft/index.ts';
import type { Consensus } from './consensus.ts';
import type { NodeEvent } from './contract.ts';
import type { SnapshotReceiver } from './incoming.ts';
import type { MachineCalls } from './machine-calls.ts';
import type { NodeOptions } from './options.ts';
import type { Replica } from './replica.ts';
import { SnapshotInstaller } from './snapshot-installer.ts';
import { sendSnapshot } from './snapshot-sender.ts';
import { SNAPSHOT_THRESHOLDS, SnapshotTaker } from './snapshot-taker.ts';
import type { Transport } from './transport.ts';

export interface SnapshotsOptions {
  readonly node: NodeOptions;
  readonly log: DurableLog;
  readonly raft: Raft;
  readonly consensus: Consensus;
  readonly transport: Transport;
  readonly calls: MachineCalls;
  readonly replica: Replica;
  emit(event: NodeEvent): void;
  fatal(error: unknown): void;
}

/** Snapshots of this node: taken, sent to followers, received from the leader. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #taker: SnapshotTaker;
  /** End of the log when the node started: until that is applied, a snapshot would be old before it is written. */
  readonly #recovered: LogIndex;
  /** Followers to which one is on its way. */
  readonly #sending = new Set<NodeId>();
  #receiver: SnapshotReceiver | undefined;
  #taken = 0;
  #installed = 0;
  #stopped = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    const { node, log, calls, replica, raft } = options;
    this.#recovered = raft.lastIndex;
    this.#taker = new SnapshotTaker({
      calls,
      log,
      clock: node.clock,
      history: replica.history,
      storedIndex: () => raft.storedIndex,
      thresholds: { ...SNAPSHOT_THRESHOLDS, ...node.snapshot },
      snapshotIndex: log.snapshot?.index ?? logIndex(0),
      taken: (info, trailing, bytes, ms) => this.#finished(info, trailing, bytes, ms),
      failed: (error) => this.#failed('a snapshot could not be taken', error),
    });
  }

  get counters(): { readonly snapshotsTaken: number; readonly snapshotsInstalled: number } {
    return { snapshotsTaken: this.#taken, snapshotsInstalled: this.#installed };
  }

  /** An entry of so many bytes was committed. */
  note(bytes: number): void {
    this.#taker.note(bytes);
  }

  /** Something became durable. */
  stored(): void {
    this.#taker.stored();
  }

  /** Something was applied. */
  check(): void {
    if (this.#options.replica.applied.index >= this.#recovered) this.#taker.check();
  }

  /** At the start: the newest snapshot has so many bytes of content. */
  restored(bytes: number): void {
    this.#taker.restored(bytes);
  }

  /** The disk is full: what a snapshot can free of it is freed. */
  relieve(): void {
    this.#taker.relieve();
  }

  /** Sends the newest snapshot; the core hears how it went. */
  send(to: NodeId, address: string): void {
    if (this.#sending.has(to)) return;
    this.#sending.add(to);
    const { log, raft, transport, consensus, node } = this.#options;
    const { term } = raft;
    const answer = (ok: boolean): void => {
      this.#sending.delete(to);
      consensus.step({ kind: 'snapshot-sent', now: node.clock.now(), to, ok });
    };
    sendSnapshot({
      log,
      term,
      dial: () => transport.dial(address),
      wanted: () => !this.#stopped && raft.role === 'leader' && raft.term === term,
    }).then(
      () => answer(true),
      (error: unknown) => {
        this.#failed(`a snapshot could not be sent to ${address}`, error);
        answer(false);
      },
    );
  }

  /** The core wants the snapshot that was just offered. */
  install(message: InstallSnapshot): void {
    const { node, calls, log, replica, consensus } = this.#options;
    const startedAt = node.clock.now();
    const finish = (ok: boolean): void =>
      consensus.step({ kind: 'install-finished', now: node.clock.now(), ok });
    this.#receiver = new SnapshotInstaller({
      message,
      calls,
      log,
      prepare: async () => {
        replica.feed.pause();
        await this.#taker.cancel();
      },
      installed: (info, bytes) => {
        if (this.#stopped) return;
        this.#installed++;
        this.#taker.replaced(info.index, bytes);
        finish(true);
        replica.installed(info);
        const ms = node.clock.now() - startedAt;
        this.#emitSnapshot(info.index, bytes, ms, true);
      },
      failed: (error) => {
        if (this.#stopped) return;
        this.#failed('a snapshot of the leader could not be received', error);
        replica.feed.resume(undefined);
        this.#taker.resume();
        finish(false);
      },
      fatal: (error) => this.#options.fatal(error),
    });
  }

  /** Who takes the payload of the snapshot that was offered last; undefined = nobody. */
  takeReceiver(): SnapshotReceiver | undefined {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    return receiver;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#taker.cancel();
  }

  #finished(info: SnapshotInfo, trailing: number, bytes: number, ms: number): void {
    if (this.#stopped) return;
    const { consensus, node } = this.#options;
    this.#taken++;
    consensus.step({
      kind: 'snapshot-taken',
      now: node.clock.now(),
      snapshot: info,
      trailing,
    });
    this.#emitSnapshot(info.index, bytes, ms, false);
  }

  #emitSnapshot(index: LogIndex, bytes: number, ms: number, installed: boolean): void {
    this.#options.emit({ kind: 'snapshot', index, bytes, ms, installed });
  }

  #failed(what: string, error: unknown): void {
    if (this.#stopped) return;
    if (error instanceof QuorateError && error.code === 'DISK_FAILED') {
      this.#options.fatal(error);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.node.logger('warn', what, { reason });
  }
}
