import {
  type Connection,
  type LogIndex,
  logIndex,
  type NodeId,
  QuorateError,
  type Role,
} from '../base/index.ts';
import { type DurableLog, openLog, type Recovered } from '../log/index.ts';
import type { MembershipChange } from '../raft/index.ts';
import type {
  AnswerSink,
  DatabaseImage,
  LeaderHint,
  NodeEvent,
  NodeRequest,
  NodeServices,
  NodeSession,
  NodeStatus,
  RunningRequest,
  SessionOptions,
} from './contract.ts';
import type { FoundDirectory } from './directory.ts';
import { Image } from './image.ts';
import { MachineCalls } from './machine-calls.ts';
import { changeError } from './membership.ts';
import { NodeCore } from './node-core.ts';
import type { NodeOptions } from './options.ts';
import { SnapshotRestore } from './snapshot-restore.ts';
import { nodeStatus } from './status.ts';

/** How long transactions may go on once a transfer of leadership was asked for, in ms (S1). */
const TRANSFER_GRACE_MS = 100;

/**
 * One node: feeds the consensus core and obeys it, owns log, machine and readers, lets answers out when what
 * they saw is committed. A broken invariant stops it; it never goes on with a doubt.
 */
export class Node implements NodeServices {
  readonly failureDomain: bigint;
  /** Kept in memory only; lower is preferred for promotion. */
  weight = 0n;
  readonly #core: NodeCore;
  #handingOver = false;

  /**
   * Opens the data directory, restores the newest snapshot and starts. Throws what opening the log throws
   * (DIRECTORY_LOCKED, LOG_DAMAGED, FORMAT_UNSUPPORTED, DISK_FULL, DISK_FAILED), ALREADY_BOOTSTRAPPED,
   * RESTORE_FAILED. `found`: what was read of the directory already.
   */
  static async start(options: NodeOptions, found?: FoundDirectory): Promise<Node> {
    const { disk, logger, segmentBytes } = options;
    const calls = found?.calls ?? new MachineCalls(options.machine);
    const restore = found?.restore ?? new SnapshotRestore(calls);
    const opened = await openLog(disk, {
      log: logger,
      found: found?.log,
      sink: restore,
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
    });
    const { log } = opened;
    try {
      let { recovered } = opened;
      options.watch?.recovered?.(recovered);
      if (options.start === 'bootstrap') recovered = await bootstrap(log, recovered, options);
      if (options.start === 'quarantine') recovered = { ...recovered, quarantined: true };
      const core = new NodeCore(options, log, recovered, calls);
      await restore.finish(recovered.snapshot !== undefined);
      core.start(restore.bytes);
      return new Node(core);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  private constructor(core: NodeCore) {
    this.#core = core;
    core.transfer = (to) => this.transfer(to);
    this.failureDomain = core.options.failureDomain ?? 0n;
  }

  /** Ends everything at once: what waits for an answer gets a failure, leadership is not handed over. */
  stop(): Promise<void> {
    return this.#core.stop();
  }

  /** Before a planned stop: gives leadership away, if this node has it and somebody can take it. */
  async handover(): Promise<boolean> {
    const { members, options } = this.#core;
    const others = members.filter(({ role, id }) => role === 'voter' && id !== options.id);
    if (!this.isLeader() || others.length === 0) return false;
    try {
      await this.transfer(0n);
      return true;
    } catch (error) {
      if (error instanceof QuorateError) return false;
      throw error;
    }
  }

  /** Takes over a connection on which a peer announced itself with Connect. */
  acceptRaft(connection: Connection, id: NodeId, address: string, alreadyRead: Uint8Array): void {
    if (this.#core.stopping) connection.destroy();
    else this.#core.streams.accept(connection, id, address, alreadyRead);
  }

  status(): NodeStatus {
    const { raft, options, log, replica, databases, leadership, snapshots } = this.#core;
    return nodeStatus({
      raft: raft.status(),
      address: options.address,
      leader: this.leaderHint(),
      log: log.statistics(),
      applied: replica.applied.index,
      databases,
      counters: {
        ...leadership.counters,
        ...snapshots.counters,
        readRounds: this.#core.rounds.count,
        leasedReads: this.#core.leasedReads,
        elections: this.#core.elections,
      },
    });
  }

  /** What this replica has applied, how old that may be in ms (Infinity: no leader heard yet), and how many entries it misses. */
  freshness(): { readonly applied: LogIndex; readonly ageMs: number; readonly lag: number } {
    return { applied: this.#core.replica.applied.index, ...this.#core.staleness() };
  }

  leaderHint(): LeaderHint | undefined {
    return this.#core.leaderHint;
  }

  isLeader(): boolean {
    return this.#core.isLeader;
  }

  openSession(options: SessionOptions): NodeSession {
    return this.#core.desk.openSession(options);
  }

  execute(request: NodeRequest, sink: AnswerSink): RunningRequest {
    return this.#core.desk.execute(request, sink);
  }

  /** Throws NOT_LEADER, TIMEOUT. */
  readIndex(timeoutMs: number): Promise<LogIndex> {
    const { clock } = this.#core.options;
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(this.#notLeader());
      if (!this.isLeader()) {
        fail();
        return;
      }
      const expire = (): void =>
        reject(new QuorateError('TIMEOUT', 'no quorum answered in time', { retryable: true }));
      const timer = timeoutMs > 0 ? clock.after(timeoutMs, expire) : undefined;
      this.#core.rounds.ask({
        confirmed: (index) => {
          timer?.cancel();
          resolve(index);
        },
        failed: () => {
          timer?.cancel();
          fail();
        },
      });
    });
  }

  /**
   * What a read must see that was begun before: `done` is told an index that is published here by then; undefined = nobody could say.
   * It may never be told, when the node stops.
   */
  confirm(
    consistency: 'linearizable' | 'lease',
    done: (index: LogIndex | undefined) => void,
  ): void {
    this.#core.confirm(consistency, done);
  }

  add(id: NodeId, address: string): Promise<void> {
    return this.#change({ kind: 'add', id, address });
  }

  assign(id: NodeId, role: Role): Promise<void> {
    return this.#change({ kind: 'assign', id, role });
  }

  remove(id: NodeId): Promise<void> {
    return this.#change({ kind: 'remove', id });
  }

  /** Ends transactions, proposes everything, then lets `to` take over (0n: the core chooses). S1. */
  async transfer(to: NodeId): Promise<void> {
    if (!this.isLeader()) throw this.#notLeader();
    if (this.#handingOver) throw changeError('cannot-change', undefined);
    this.#handingOver = true;
    try {
      await this.#transfer(to);
    } finally {
      this.#handingOver = false;
    }
  }

  async #transfer(to: NodeId): Promise<void> {
    const core = this.#core;
    const { clock } = core.options;
    const drained = core.leadership.led ? await core.calls.drain(TRANSFER_GRACE_MS) : undefined;
    core.transferring = true;
    try {
      await core.changes.run((tag) =>
        core.consensus.step({ kind: 'transfer', now: clock.now(), target: to, tag }),
      );
    } finally {
      core.transferring = false;
      // Whoever was told meanwhile that there is no leader hears nothing else when this node goes on leading.
      core.emit({ kind: 'leader', leader: core.leaderHint });
      if (drained !== undefined) core.calls.resume(drained);
    }
  }

  async image(database: string): Promise<DatabaseImage | undefined> {
    const { calls } = this.#core;
    const cut = await calls.cutDatabase(database);
    return cut.missing ? undefined : new Image(calls, cut);
  }

  on(listener: (event: NodeEvent) => void): () => void {
    const { listeners } = this.#core;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Called, seldom more than every 50 ms, when the leader sends messages or is heard: a wake-up that there is anyway. */
  onPulse(listener: () => void): () => void {
    const { pulseListeners } = this.#core;
    pulseListeners.add(listener);
    return () => pulseListeners.delete(listener);
  }

  /** On the leader: whether all that receive the log were heard of within this time. */
  hasHeardAll(withinMs: number): boolean {
    const since = this.#core.options.clock.now() - withinMs;
    const { followers, configuration } = this.#core.raft.status();
    const spares = configuration.members.filter(({ role }) => role === 'spare');
    return followers.every(
      ({ id, heardAt }) =>
        (heardAt !== undefined && heardAt >= since) || spares.some((spare) => spare.id === id),
    );
  }

  #change(change: MembershipChange): Promise<void> {
    const { changes, consensus, options } = this.#core;
    return changes.run((tag) =>
      consensus.step({ kind: 'change', now: options.clock.now(), change, tag }),
    );
  }

  #notLeader(): QuorateError {
    return changeError('not-leader', this.#core.leader?.address);
  }
}

/** The directory as it is after the first entry of a new cluster was written. */
async function bootstrap(
  log: DurableLog,
  recovered: Recovered,
  options: NodeOptions,
): Promise<Recovered> {
  const { id, address } = options;
  const entry = await log.bootstrap({ members: [{ id, address, role: 'voter' }] });
  const first = logIndex(1);
  return {
    ...recovered,
    term: entry.term,
    firstIndex: first,
    lastIndex: first,
    lastTerm: entry.term,
    entries: [entry],
  };
}
