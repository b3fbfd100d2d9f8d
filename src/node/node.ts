import {
  AssertionError,
  type Configuration,
  type Connection,
  LIMITS,
  type LogIndex,
  logIndex,
  type Member,
  type NodeId,
  QuorateError,
  type Role,
} from '../base/index.ts';
import { type DurableLog, openLog, type Recovered } from '../log/index.ts';
import type { FromMachine } from '../machine/index.ts';
import { type MembershipChange, Raft, type RaftEffect } from '../raft/index.ts';
import { Consensus } from './consensus.ts';
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
import { Desk, Target } from './desk.ts';
import { Gate } from './gate.ts';
import { Image } from './image.ts';
import { LeaderLink } from './leader-link.ts';
import { Leadership } from './leadership.ts';
import { MachineCalls } from './machine-calls.ts';
import { Changes, changeError } from './membership.ts';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, type NodeOptions } from './options.ts';
import { ReadRounds } from './read-rounds.ts';
import { Replica } from './replica.ts';
import { SealBook } from './seal-book.ts';
import { restoreSnapshot } from './snapshot-restore.ts';
import { Snapshots } from './snapshots.ts';
import { nodeStatus } from './status.ts';
import { Streams } from './streams.ts';
import { Transport } from './transport.ts';

/** How long transactions may go on once a transfer of leadership was asked for, in ms (RULES S1). */
const TRANSFER_GRACE_MS = 100;

/**
 * One node: feeds the consensus core and obeys it, owns log, machine and readers, lets answers out when what
 * they saw is committed. A broken invariant stops it; it never goes on with a doubt.
 */
export class Node implements NodeServices {
  readonly failureDomain: bigint;
  weight = 0n;
  readonly #options: NodeOptions;
  readonly #log: DurableLog;
  readonly #raft: Raft;
  readonly #consensus: Consensus;
  readonly #transport: Transport;
  readonly #calls: MachineCalls;
  readonly #replica: Replica;
  readonly #leadership: Leadership;
  readonly #desk: Desk;
  readonly #rounds: ReadRounds;
  readonly #link: LeaderLink;
  readonly #changes = new Changes();
  readonly #snapshots: Snapshots;
  readonly #streams: Streams;
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  readonly #counters = { elections: 0 };
  #databases: readonly string[] = [];
  #members: readonly Member[] = [];
  #leader: LeaderHint | undefined;
  #transferring = false;
  #started = false;
  #stopping: Promise<void> | undefined;

  /**
   * Opens the data directory, restores the newest snapshot and starts. Throws what opening the log throws
   * (DIRECTORY_LOCKED, LOG_DAMAGED, FORMAT_UNSUPPORTED, DISK_FULL, DISK_FAILED), ALREADY_BOOTSTRAPPED,
   * RESTORE_FAILED.
   */
  static async start(options: NodeOptions): Promise<Node> {
    const { disk, logger, segmentBytes } = options;
    const opened = await openLog(disk, {
      log: logger,
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
    });
    const { log } = opened;
    try {
      let { recovered } = opened;
      if (options.start === 'bootstrap') recovered = await bootstrap(log, recovered, options);
      const node = new Node(options, log, recovered);
      if (recovered.snapshot !== undefined) {
        await restoreSnapshot(node.#calls, log, recovered.snapshot);
      }
      node.#started = true;
      node.#consensus.tick();
      return node;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  private constructor(options: NodeOptions, log: DurableLog, recovered: Recovered) {
    const { clock, machine, network } = options;
    const electionTimeoutMs = options.electionTimeoutMs ?? ELECTION_TIMEOUT_MS;
    const limits = { ...LIMITS, ...options.limits };
    this.#options = options;
    this.failureDomain = options.failureDomain ?? 0n;
    this.#log = log;
    this.#raft = new Raft({
      id: options.id,
      address: options.address,
      ...recovered,
      electionTimeoutMs,
      heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
      tailBytes: limits.logTailBytes,
      random: options.random,
      now: clock.now(),
    });
    this.#consensus = new Consensus(this.#raft, log, clock, {
      send: (envelopes) => {
        for (const envelope of envelopes) this.#transport.send(envelope);
      },
      effect: (effect) => this.#effect(effect),
      stored: () => this.#snapshots.stored.advance(this.#raft.storedIndex),
      malformed: (peer, error) => this.#streams.refuse(peer, error),
      diskFull: (error) => this.#disk(true, error.message),
      diskRecovered: () => this.#disk(false, ''),
      fatal: (error) => this.#fatal(error),
    });
    this.#transport = new Transport({
      id: options.id,
      address: options.address,
      network,
      clock,
      dialTimeoutMs: electionTimeoutMs,
      silenceMs: 3 * electionTimeoutMs,
      unreachable: (peer) => this.#consensus.step({ kind: 'unreachable', now: clock.now(), peer }),
    });
    this.#calls = new MachineCalls(machine);
    this.#replica = new Replica(machine, recovered.snapshot, clock);
    const seals = new SealBook(this.#replica.fates);
    const gate = new Gate(seals, limits.gateBytes, (full) =>
      machine.post({ kind: 'gate', open: !full }),
    );
    this.#leadership = new Leadership(machine, seals, gate, {
      propose: (term, data, tag) =>
        this.#consensus.step({
          kind: 'propose',
          now: clock.now(),
          term,
          type: 'command',
          data,
          tag,
        }),
      lastIndex: () => this.#raft.lastIndex,
      led: () => this.#desk.led(),
      ended: () => this.#desk.ended(),
    });
    this.#rounds = new ReadRounds((tag) =>
      this.#consensus.step({ kind: 'read', now: clock.now(), tag }),
    );
    this.#link = new LeaderLink({ network, clock, timeoutMs: 2 * electionTimeoutMs });
    this.#desk = new Desk({
      clock,
      machine: new Target(machine, false),
      readers: options.readers.map((reader) => new Target(reader, true)),
      seals,
      gate,
      applied: this.#replica.applied,
      fateMs: 2 * electionTimeoutMs,
      services: {
        isLeader: () => this.isLeader(),
        isLed: () => this.#leadership.led,
        leaderAddress: () => this.#leader?.address,
        lastIndex: () => this.#raft.lastIndex,
        commit: () => this.#raft.commit,
        confirm: (asker) => this.#rounds.ask(asker),
        askLeader: (asker) => this.#askLeader(asker),
        staleness: () => this.#staleness(),
      },
    });
    this.#snapshots = new Snapshots({
      node: options,
      log,
      raft: this.#raft,
      consensus: this.#consensus,
      transport: this.#transport,
      calls: this.#calls,
      replica: this.#replica,
      emit: (event) => this.#emit(event),
      fatal: (error) => this.#fatal(error),
    });
    this.#streams = new Streams({
      logger: options.logger,
      clock,
      consensus: this.#consensus,
      raft: this.#raft,
      replica: this.#replica,
      snapshots: this.#snapshots,
      transport: this.#transport,
    });
    machine.onMessage((message) => this.#guard(() => this.#fromMachine(message)));
    for (const reader of options.readers) {
      reader.onMessage((message) =>
        this.#guard(() => {
          if (message.kind === 'answer') this.#desk.answer(message);
          else if (message.kind === 'fatal') throw new AssertionError(message.message);
        }),
      );
    }
  }

  /** Ends everything at once: what waits for an answer gets a failure, leadership is not handed over. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Before a planned stop: gives leadership away, if this node has it and somebody can take it. */
  async handover(): Promise<boolean> {
    const others = this.#members.filter(
      (member) => member.role === 'voter' && member.id !== this.#options.id,
    );
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
    if (this.#stopping !== undefined) connection.destroy();
    else this.#streams.accept(connection, id, address, alreadyRead);
  }

  // — NodeServices —

  status(): NodeStatus {
    const { elections } = this.#counters;
    return nodeStatus({
      raft: this.#raft.status(),
      address: this.#options.address,
      leader: this.leaderHint(),
      log: this.#log.statistics(),
      applied: this.#replica.applied.index,
      databases: this.#databases,
      counters: {
        ...this.#leadership.counters,
        ...this.#snapshots.counters,
        readRounds: this.#rounds.count,
        elections,
      },
    });
  }

  leaderHint(): LeaderHint | undefined {
    const me = this.#members.find((member) => member.id === this.#options.id);
    if (me?.role !== 'voter' || this.#transferring) return undefined;
    return this.#leader;
  }

  isLeader(): boolean {
    return this.#raft.role === 'leader' && !this.#transferring && this.#stopping === undefined;
  }

  openSession(options: SessionOptions): NodeSession {
    return this.#desk.openSession(options);
  }

  execute(request: NodeRequest, sink: AnswerSink): RunningRequest {
    return this.#desk.execute(request, sink);
  }

  readIndex(timeoutMs: number): Promise<LogIndex> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(changeError('not-leader', this.#leader?.address));
      if (!this.isLeader()) {
        fail();
        return;
      }
      const timer =
        timeoutMs > 0
          ? this.#options.clock.after(timeoutMs, () =>
              reject(new QuorateError('TIMEOUT', 'no quorum answered', { retryable: true })),
            )
          : undefined;
      this.#rounds.ask({
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

  add(id: NodeId, address: string): Promise<void> {
    return this.#change({ kind: 'add', id, address });
  }

  assign(id: NodeId, role: Role): Promise<void> {
    return this.#change({ kind: 'assign', id, role });
  }

  remove(id: NodeId): Promise<void> {
    return this.#change({ kind: 'remove', id });
  }

  /** Ends transactions, proposes everything, then lets `to` take over (0n: the core chooses). RULES S1. */
  async transfer(to: NodeId): Promise<void> {
    if (!this.isLeader()) throw changeError('not-leader', this.#leader?.address);
    const drained = this.#leadership.led ? await this.#calls.drain(TRANSFER_GRACE_MS) : undefined;
    this.#transferring = true;
    try {
      await this.#changes.run((tag) =>
        this.#consensus.step({
          kind: 'transfer',
          now: this.#options.clock.now(),
          target: to,
          tag,
        }),
      );
    } finally {
      this.#transferring = false;
      if (drained !== undefined) this.#calls.resume(drained);
    }
  }

  async image(database: string): Promise<DatabaseImage | undefined> {
    const cut = await this.#calls.cutDatabase(database);
    return cut.missing ? undefined : new Image(this.#calls, cut);
  }

  on(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // — what happens —

  #fromMachine(message: FromMachine): void {
    switch (message.kind) {
      case 'answer':
        this.#desk.answer(message);
        break;
      case 'seal':
        this.#leadership.seal(message);
        break;
      case 'applied':
        this.#applied(message.index);
        break;
      case 'databases':
        this.#databases = message.names;
        break;
      case 'session-aborted':
        this.#desk.sessionAborted(message.session);
        break;
      case 'fatal':
        throw new AssertionError(message.message);
      case 'drained':
      case 'cut':
      case 'cut-chunk':
      case 'restored':
      case 'statistics':
        this.#calls.reply(message);
        break;
      default:
        // Between the SQL thread and the readers; not for the consensus thread.
        break;
    }
  }

  #effect(effect: RaftEffect): void {
    const leader = this.#leader?.address;
    switch (effect.kind) {
      case 'commit':
        for (const [i, entry] of effect.entries.entries()) {
          const index = logIndex(effect.first + i);
          this.#snapshots.note(entry.data.length);
          const published = this.#leadership.committed(index, entry.term);
          this.#replica.commit(index, entry, this.#raft.term, published);
        }
        break;
      case 'accepted':
        this.#leadership.accepted(effect.tag, effect.index, effect.term);
        break;
      case 'refused':
        this.#leadership.refused(effect.tag);
        break;
      case 'role':
        this.#role(effect);
        break;
      case 'leader':
        this.#leader = effect.id === 0n ? undefined : { id: effect.id, address: effect.address };
        this.#emit({ kind: 'leader', leader: this.leaderHint() });
        break;
      case 'configuration':
        this.#configured(effect.configuration);
        break;
      case 'read-confirmed':
        this.#rounds.confirmed(effect.tag, effect.index);
        break;
      case 'read-failed':
        this.#rounds.failed(effect.tag, effect.reason);
        break;
      case 'change-finished':
      case 'transfer-finished':
        this.#changes.finish(effect.tag, effect.error, leader);
        break;
      case 'send-snapshot':
        this.#snapshots.send(effect.to, effect.address);
        break;
      case 'install':
        this.#snapshots.install(effect.message);
        break;
      case 'skip-install':
        break;
      case 'fatal':
        throw new AssertionError(effect.message);
    }
  }

  #role(effect: Extract<RaftEffect, { readonly kind: 'role' }>): void {
    const { role, term } = effect;
    if (role === 'leader') {
      this.#counters.elections++;
      this.#leadership.begin(term);
      this.#leadership.applied(this.#replica.applied.index, this.#replica.feed.empty);
    } else {
      this.#leadership.end();
      this.#desk.followed();
    }
    this.#options.logger('info', `this node is ${role}`, { term });
    this.#emit({ kind: 'role', role, term });
  }

  #configured(configuration: Configuration): void {
    this.#members = configuration.members;
    this.#transport.retain(new Set(this.#members.map((member) => member.id)));
    this.#emit({ kind: 'members', members: this.#members });
  }

  #applied(index: LogIndex): void {
    // A restore is told by its caller, when the core has taken the snapshot over too.
    if (!this.#started || index > this.#raft.commit) return;
    this.#replica.advance(index);
    this.#consensus.step({ kind: 'applied', now: this.#options.clock.now(), index });
    this.#leadership.applied(index, this.#replica.feed.empty);
    this.#snapshots.check();
    this.#emit({ kind: 'applied', index });
  }

  #askLeader(asker: (index: LogIndex | undefined) => void): void {
    const leader = this.#leader;
    if (leader === undefined || leader.id === this.#options.id) asker(undefined);
    else this.#link.ask(leader.address, asker);
  }

  #staleness(): { readonly ageMs: number; readonly lag: number } {
    if (this.#raft.role !== 'leader') return this.#replica.staleness();
    return { ageMs: 0, lag: this.#raft.commit - this.#replica.applied.index };
  }

  #change(change: MembershipChange): Promise<void> {
    const { clock } = this.#options;
    return this.#changes.run((tag) =>
      this.#consensus.step({ kind: 'change', now: clock.now(), change, tag }),
    );
  }

  #disk(full: boolean, detail: string): void {
    this.#desk.diskFull = full;
    this.#emit({ kind: 'disk', state: full ? 'full' : 'ok', detail });
  }

  #emit(event: NodeEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** A defect in what follows a message must stop the node, not just the message. */
  #guard(run: () => void): void {
    if (this.#stopping !== undefined) return;
    try {
      run();
    } catch (error) {
      this.#fatal(error);
    }
  }

  #fatal(error: unknown): void {
    if (this.#stopping !== undefined) return;
    const reason = error instanceof Error ? error.message : String(error);
    const stack = error instanceof Error ? error.stack : undefined;
    this.#options.logger('error', 'the node stops', { reason, stack });
    void this.stop().catch(() => undefined);
    this.#emit({ kind: 'stopped', reason });
  }

  async #stop(): Promise<void> {
    this.#desk.stop();
    this.#replica.fates.abandon();
    this.#changes.abandon();
    this.#streams.stop();
    this.#transport.stop();
    this.#link.stop();
    const written = this.#consensus.stop();
    this.#calls.close();
    await this.#snapshots.stop();
    await written;
    await this.#log.close();
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
