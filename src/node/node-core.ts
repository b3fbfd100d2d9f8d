import {
  AssertionError,
  type Configuration,
  type Entry,
  LIMITS,
  type LogIndex,
  logIndex,
  type Member,
  type NodeId,
} from '../base/index.ts';
import type { DurableLog, Recovered } from '../log/index.ts';
import type { FromMachine } from '../machine/index.ts';
import { Raft, type RaftEffect } from '../raft/index.ts';
import { CPreference } from './c-preference.ts';
import { Consensus } from './consensus.ts';
import type { LeaderHint, NodeEvent } from './contract.ts';
import { Desk, Target } from './desk.ts';
import { Gate } from './gate.ts';
import { LeaderLink } from './leader-link.ts';
import { Leadership } from './leadership.ts';
import type { MachineCalls } from './machine-calls.ts';
import { Changes } from './membership.ts';
import { Newcomer } from './newcomer.ts';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, type NodeOptions } from './options.ts';
import { PeerKinds, UNSEALED_PAGES_WITH_C } from './peer-kinds.ts';
import { ReadRounds } from './read-rounds.ts';
import { Replica } from './replica.ts';
import { askRole } from './role-question.ts';
import { SealBook } from './seal-book.ts';
import { Snapshots } from './snapshots.ts';
import { Streams } from './streams.ts';
import { Transport } from './transport.ts';

const UNREADABLE =
  'the text of a database is UTF-16, which this SQLite cannot open: statements on it will fail wherever a Quorate node runs them';

const AMNESIA =
  'this node is quarantined: it is a voter of its cluster and has no log, so it has lost what it acknowledged, and neither votes nor ' +
  'acknowledges under this id. To bring the machine back, stop it, empty its directory and start it with --join and the addresses of ' +
  'other members: it joins under a new id and the old one is removed';

/** The parts of a node, joined: what the core decides and the threads report goes where it belongs. */
/** How seldom listeners are told that leader and others speak to each other. */
const PULSE_MS = 50;

export class NodeCore {
  readonly options: NodeOptions;
  readonly electionTimeoutMs: number;
  readonly log: DurableLog;
  readonly raft: Raft;
  readonly consensus: Consensus;
  readonly transport: Transport;
  readonly calls: MachineCalls;
  readonly replica: Replica;
  readonly leadership: Leadership;
  readonly desk: Desk;
  readonly rounds: ReadRounds;
  readonly link: LeaderLink;
  readonly changes = new Changes();
  readonly snapshots: Snapshots;
  readonly streams: Streams;
  readonly kinds: PeerKinds;
  readonly #preference: CPreference;
  /** How leadership is handed to another node. */
  transfer: (to: NodeId) => Promise<void> = () => Promise.resolve();
  readonly listeners = new Set<(event: NodeEvent) => void>();
  databases: readonly string[] = [];
  members: readonly Member[] = [];
  /** As the core knows it, also where clients are not told. */
  leader: LeaderHint | undefined;
  transferring = false;
  elections = 0;
  readonly pulseListeners = new Set<() => void>();
  #pulsedAt = Number.NEGATIVE_INFINITY;
  /** Reads that a lease answered for. */
  leasedReads = 0;
  #started = false;
  #stopping: Promise<void> | undefined;

  constructor(options: NodeOptions, log: DurableLog, recovered: Recovered, calls: MachineCalls) {
    const { clock, machine, network } = options;
    this.options = options;
    this.electionTimeoutMs = options.electionTimeoutMs ?? ELECTION_TIMEOUT_MS;
    this.log = log;
    const limits = { ...LIMITS, ...options.limits };
    this.raft = new Raft({
      id: options.id,
      address: options.address,
      ...recovered,
      electionTimeoutMs: this.electionTimeoutMs,
      heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
      leaseMs: LIMITS.leaseMs,
      tailBytes: limits.logMemoryBytes,
      random: options.random,
      now: clock.now(),
    });
    this.consensus = this.#newConsensus();
    this.transport = this.#newTransport();
    this.calls = calls;
    this.kinds = new PeerKinds({
      self: options.id,
      network,
      clock,
      logger: options.logger,
      electionTimeoutMs: this.electionTimeoutMs,
      changed: (allQuorate) => {
        const { unsealedPages } = limits;
        const pages = allQuorate ? unsealedPages : Math.min(unsealedPages, UNSEALED_PAGES_WITH_C);
        machine.post({
          ...{ kind: 'limits', unsealedPages: pages },
          ...{ deletion: allQuorate, fenced: allQuorate },
        });
      },
      asked: () => this.#preference.look(),
    });
    this.#preference = this.#newPreference();
    this.replica = new Replica(machine, recovered.snapshot, clock);
    const seals = new SealBook(this.replica.fates);
    const gate = new Gate(seals, limits.gateBytes, (full) =>
      machine.post({ kind: 'gate', open: !full }),
    );
    this.leadership = this.#newLeadership(seals, gate);
    this.rounds = new ReadRounds({
      clock,
      begin: (tag) => this.consensus.step({ kind: 'read', now: clock.now(), tag }),
    });
    this.link = new LeaderLink({ network, clock, timeoutMs: 2 * this.electionTimeoutMs });
    this.desk = this.#newDesk(seals, gate);
    this.snapshots = new Snapshots({
      node: options,
      log,
      raft: this.raft,
      consensus: this.consensus,
      transport: this.transport,
      calls: this.calls,
      replica: this.replica,
      emit: (event) => this.emit(event),
      fatal: (error) => this.fatal(error),
    });
    this.streams = new Streams({
      logger: options.logger,
      clock,
      consensus: this.consensus,
      raft: this.raft,
      replica: this.replica,
      snapshots: this.snapshots,
      transport: this.transport,
      newcomer: this.#newNewcomer(),
      isMember: (id) => this.members.some((member) => member.id === id),
      heard: () => this.#pulse(),
    });
    this.#listen();
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  get isLeader(): boolean {
    return this.raft.role === 'leader' && !this.transferring && !this.stopping;
  }

  /** Whom clients are told: only voters know a leader, and none while it is being changed (client-protocol.md §8.1). */
  get leaderHint(): LeaderHint | undefined {
    const me = this.members.find((member) => member.id === this.options.id);
    return me?.role === 'voter' && !this.transferring ? this.leader : undefined;
  }

  /** The machine has what the snapshot holds: from here on the core decides. */
  start(snapshotBytes: number): void {
    this.snapshots.restored(snapshotBytes);
    this.#started = true;
    this.consensus.tick();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  emit(event: NodeEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }

  fatal(error: unknown): void {
    if (this.stopping) return;
    const reason = error instanceof Error ? error.message : String(error);
    const stack = error instanceof Error ? error.stack : undefined;
    this.options.logger('error', 'the node stops', { reason, stack });
    void this.stop().catch(() => undefined);
    this.emit({ kind: 'stopped', reason });
  }

  // — the parts —

  #newConsensus(): Consensus {
    return new Consensus(
      this.raft,
      this.log,
      this.options.clock,
      {
        send: (envelopes) => {
          for (const envelope of envelopes) this.transport.send(envelope);
        },
        effect: (effect) => this.#effect(effect),
        stored: () => this.snapshots.stored(),
        malformed: (peer, error) => this.streams.refuse(peer, error),
        diskFull: (error) => this.#disk(true, error.message),
        stillFull: () => this.snapshots.relieve(),
        diskRecovered: () => this.#disk(false, ''),
        fatal: (error) => this.fatal(error),
      },
      this.options.watch,
    );
  }

  #newTransport(): Transport {
    const { id, address, network, clock } = this.options;
    return new Transport({
      id,
      address,
      network,
      clock,
      dialTimeoutMs: this.electionTimeoutMs,
      silenceMs: 3 * this.electionTimeoutMs,
      unreachable: (peer) => this.consensus.step({ kind: 'unreachable', now: clock.now(), peer }),
    });
  }

  #newPreference(): CPreference {
    const { id, logger } = this.options;
    return new CPreference({
      self: id,
      leads: () => (this.isLeader && this.leadership.led ? this.raft.term : undefined),
      members: () => this.members,
      databases: () => this.databases,
      isC: (other) => this.kinds.isC(other),
      transfer: (to) => {
        logger('info', 'leadership goes to a C node, which can open what this node cannot', { to });
        this.transfer(to).catch((error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          logger('warn', 'the C node did not take leadership over', { to, reason });
        });
      },
    });
  }

  #newNewcomer(): Newcomer {
    const { id, network, clock, logger } = this.options;
    return new Newcomer({
      ask: (address) => askRole(network, clock, address, id, this.electionTimeoutMs),
      refuse: () => {
        if (this.stopping) return;
        logger('error', AMNESIA, { id });
        this.consensus.step({ kind: 'quarantine', now: clock.now() });
      },
    });
  }

  #newLeadership(seals: SealBook, gate: Gate): Leadership {
    const { clock, machine } = this.options;
    return new Leadership(machine, seals, gate, {
      propose: (term, data, tag) => {
        const now = clock.now();
        this.consensus.step({ kind: 'propose', now, term, type: 'command', data, tag });
      },
      lastIndex: () => this.raft.lastIndex,
      led: () => {
        this.desk.led();
        this.#preference.look();
      },
      ended: () => this.desk.ended(),
    });
  }

  #newDesk(seals: SealBook, gate: Gate): Desk {
    const { clock, machine, readers, briefReader } = this.options;
    return new Desk({
      clock,
      machine: new Target(machine, false),
      readers: readers.map((reader) => new Target(reader, true)),
      brief: briefReader === undefined ? undefined : new Target(briefReader, true),
      seals,
      gate,
      applied: this.replica.applied,
      fateMs: 2 * this.electionTimeoutMs,
      services: {
        isLeader: () => this.isLeader,
        isLed: () => this.leadership.led,
        leaderAddress: () => this.leader?.address,
        lastIndex: () => this.raft.lastIndex,
        commit: () => this.raft.commit,
        confirm: (asker) => this.rounds.ask(asker),
        leased: () => this.#leasedIndex(),
        askLeader: (asker) => this.#askLeader(asker),
        staleness: () => this.#provenStaleness(),
        proven: (index, at) => this.replica.proven(index, at),
      },
    });
  }

  #listen(): void {
    const { readers, briefReader } = this.options;
    this.calls.attach((message) => this.#guard(() => this.#fromMachine(message)));
    for (const reader of briefReader === undefined ? readers : [...readers, briefReader]) {
      reader.onMessage((message) =>
        this.#guard(() => {
          if (message.kind === 'answer') this.desk.answer(message);
          else if (message.kind === 'fatal') throw new AssertionError(message.message);
        }),
      );
    }
  }

  // — what happens —

  #fromMachine(message: FromMachine): void {
    switch (message.kind) {
      case 'answer':
        this.desk.answer(message);
        break;
      case 'seal':
        this.leadership.seal(message);
        break;
      case 'applied':
        this.#applied(message.index);
        break;
      case 'databases':
        this.databases = message.names;
        break;
      case 'unreadable': {
        const { database } = message;
        this.options.logger('warn', UNREADABLE, { database });
        this.emit({ kind: 'unreadable', database });
        this.#preference.unreadable(database);
        break;
      }
      case 'session-aborted':
        this.desk.sessionAborted(message.session);
        break;
      case 'fatal':
        throw new AssertionError(message.message);
      default:
        // Answers go to `calls`; the rest is between the SQL thread and the readers.
        break;
    }
  }

  #effect(effect: RaftEffect): void {
    switch (effect.kind) {
      case 'commit':
        this.#committed(effect);
        break;
      case 'accepted':
        this.leadership.accepted(effect.tag, effect.index, effect.term);
        break;
      case 'refused':
        this.leadership.refused(effect.tag);
        break;
      case 'role':
        this.#role(effect);
        break;
      case 'leader':
        this.leader = effect.id === 0n ? undefined : { id: effect.id, address: effect.address };
        if (effect.id !== this.options.id) this.kinds.follow(effect.id);
        this.emit({ kind: 'leader', leader: this.leaderHint });
        break;
      case 'configuration':
        this.#configured(effect.configuration);
        break;
      case 'leadership-proven':
        this.replica.proven(effect.index, effect.at);
        this.#pulse();
        break;
      case 'read-confirmed':
        this.rounds.confirmed(effect.tag, effect.index);
        break;
      case 'read-failed':
        this.rounds.failed(effect.tag, effect.reason);
        break;
      case 'change-finished':
      case 'transfer-finished':
        this.changes.finish(effect.tag, effect.error, this.leader?.address);
        break;
      case 'send-snapshot':
        this.snapshots.send(effect.to, effect.address);
        break;
      case 'fetch-entries':
        this.#fetch(effect);
        break;
      case 'install':
        this.snapshots.install(effect.message);
        break;
      case 'skip-install':
        break;
      case 'fatal':
        throw new AssertionError(effect.message);
    }
  }

  #committed(effect: Extract<RaftEffect, { readonly kind: 'commit' }>): void {
    const { first, entries } = effect;
    for (let i = 0; i < entries.length; i++) {
      const index = logIndex(first + i);
      const entry = entries[i];
      this.snapshots.note(entry.data.length);
      const published = this.leadership.committed(index, entry.term);
      this.replica.commit(index, entry, this.raft.term, published);
    }
  }

  #role(effect: Extract<RaftEffect, { readonly kind: 'role' }>): void {
    const { role, term } = effect;
    if (role === 'leader') {
      this.elections++;
      this.kinds.lead();
      this.leadership.begin(term);
      this.leadership.applied(this.replica.applied.index, this.replica.feed.empty);
    } else {
      this.leadership.end();
      this.desk.followed();
    }
    this.options.logger('info', `this node is ${role}`, { term });
    this.emit({ kind: 'role', role, term });
  }

  #configured(configuration: Configuration): void {
    this.members = configuration.members;
    this.kinds.configured(this.members);
    this.transport.retain(new Set(this.members.map((member) => member.id)));
    const ids = this.members.map((member) => String(member.id));
    this.options.machine.post({ kind: 'members', ids });
    this.emit({ kind: 'members', members: this.members });
  }

  #applied(index: LogIndex): void {
    // A restore is told by its caller, when the core has taken the snapshot over too.
    if (!this.#started || index > this.raft.commit) return;
    this.replica.advance(index);
    this.consensus.step({ kind: 'applied', now: this.options.clock.now(), index });
    this.leadership.applied(index, this.replica.feed.empty);
    this.snapshots.check();
    this.emit({ kind: 'applied', index });
  }

  confirm(
    consistency: 'linearizable' | 'lease',
    done: (index: LogIndex | undefined) => void,
  ): void {
    const confirmed = (index: LogIndex | undefined): void => {
      if (index === undefined) done(undefined);
      else this.replica.applied.when(index, () => done(index));
    };
    if (!this.isLeader) {
      this.#askLeader(confirmed);
      return;
    }
    const leased = consistency === 'lease' ? this.#leasedIndex() : undefined;
    if (leased !== undefined) confirmed(leased);
    else this.rounds.ask({ confirmed, failed: () => done(undefined) });
  }

  /** A C node votes as soon as it has restarted: with one among the members there is no lease (M7). */
  #leasedIndex(): LogIndex | undefined {
    if (!this.kinds.allQuorate) return undefined;
    const index = this.raft.leasedIndex(this.options.clock.now());
    if (index !== undefined) this.leasedReads++;
    return index;
  }

  #askLeader(asker: (index: LogIndex | undefined) => void): void {
    const { leader } = this;
    if (leader === undefined || leader.id === this.options.id) asker(undefined);
    else this.link.ask(leader.address, asker);
  }

  /**
   * How old what is published here may be; Infinity before a leader was heard. A leader knows that it still is one by its read rounds:
   * one that is cut off grows old like everybody else.
   */
  staleness(): { readonly ageMs: number; readonly lag: number } {
    const { ageMs, lag } = this.replica.staleness();
    if (this.raft.role !== 'leader') return { ageMs, lag };
    return { ageMs, lag: this.raft.commit - this.replica.applied.index };
  }

  /** The same as a bounded read needs it: time that messages spend on their way counts. A C leader cannot be asked; its word is taken. */
  #provenStaleness(): { readonly ageMs: number; readonly lag: number } {
    const { leader } = this;
    const { ageMs, lag } = this.staleness();
    if (leader !== undefined && this.kinds.isC(leader.id)) return { ageMs, lag };
    return { ageMs: this.replica.provenAgeMs(), lag };
  }

  /** Leader and others have just heard each other: what happens regularly is done with that, not at times of its own. */
  #pulse(): void {
    const now = this.options.clock.now();
    if (now - this.#pulsedAt < PULSE_MS || this.stopping) return;
    this.#pulsedAt = now;
    for (const listener of this.pulseListeners) listener();
  }

  /** For a follower that lags: entries that left memory. */
  #fetch({ to, first, last, bytesMax }: Extract<RaftEffect, { kind: 'fetch-entries' }>): void {
    const { clock, logger } = this.options;
    const answer = (entries: readonly Entry[] | undefined): void => {
      this.consensus.step({ kind: 'entries-fetched', now: clock.now(), to, first, entries });
    };
    this.log.readEntries(first, last, bytesMax).then(
      (entries) => answer(entries.length > 0 ? entries : undefined),
      (error: unknown) => {
        if (this.stopping) return;
        const reason = error instanceof Error ? error.message : String(error);
        logger('error', 'entries for a member cannot be read', { to, first, reason });
        answer(undefined);
      },
    );
  }

  #disk(full: boolean, detail: string): void {
    this.desk.diskFull = full;
    this.emit({ kind: 'disk', state: full ? 'full' : 'ok', detail });
  }

  /** A defect in what follows a message must stop the node, not just the message. */
  #guard(run: () => void): void {
    if (this.stopping) return;
    try {
      run();
    } catch (error) {
      this.fatal(error);
    }
  }

  async #stop(): Promise<void> {
    this.desk.stop();
    this.replica.fates.abandon();
    this.changes.abandon();
    this.streams.stop();
    this.transport.stop();
    this.link.stop();
    this.kinds.stop();
    const written = this.consensus.stop();
    this.calls.close();
    await this.snapshots.stop();
    await written;
    await this.log.close();
  }
}
