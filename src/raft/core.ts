import {
  assert,
  type Configuration,
  decodeConfiguration,
  type Entry,
  type InstallSnapshot,
  type LogIndex,
  type NodeId,
  type RaftMessage,
  type Random,
  type Term,
} from '../base/index.ts';
import { ConfigurationHistory } from './configuration-history.ts';
import type {
  Envelope,
  PersistOperation,
  RaftEffect,
  RaftOutput,
  RaftStart,
  SnapshotInfo,
} from './contract.ts';
import { Durability } from './durability.ts';
import type { Leadership } from './leadership.ts';
import { LogTail } from './log-tail.ts';
import { roundsBefore } from './nonce.ts';

export type PlainMessage = Exclude<RaftMessage, InstallSnapshot>;

/** The vote that this node is asking for. */
export interface Candidacy {
  readonly phase: 'pre-vote' | 'vote';
  /** Started by TimeoutNow: voters answer although they know a leader. */
  readonly disrupt: boolean;
  readonly granted: Set<NodeId>;
  /** Voters whose answer to the pre-vote of this candidacy arrived. */
  readonly answeredPreVote: Set<NodeId>;
}

export interface Transfer {
  readonly target: NodeId;
  readonly tag: number;
  /** Term of the leadership that is handed over. */
  readonly term: Term;
  readonly deadline: number;
  timeoutNowSent: boolean;
}

export interface Installation {
  readonly from: NodeId;
  readonly address: string;
  readonly message: InstallSnapshot;
}

const NONE: readonly never[] = [];

/**
 * The state of one node's consensus and the primitive steps on it. The rules are in the modules
 * beside this one; each is a set of functions on a Core.
 */
export class Core {
  readonly id: NodeId;
  readonly address: string;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly tailBytes: number;
  quarantined: boolean;
  readonly random: Random;

  now: number;
  role: 'leader' | 'candidate' | 'follower' = 'follower';
  term: Term;
  vote: NodeId;
  /** The leader of this term; 0n = unknown. */
  leader: NodeId = 0n;
  leaderAddress = '';
  leaderHeardAt = Number.NEGATIVE_INFINITY;

  readonly log: LogTail;
  readonly configurations: ConfigurationHistory;
  readonly durability: Durability;
  snapshot: SnapshotInfo | undefined;
  commit = 0 as LogIndex;
  applied = 0 as LogIndex;

  /** The election timeout runs from here. */
  electionClock: number;
  electionTimeout: number;
  /** No vote is granted before: a leader's lease may still count on this node (M7). */
  readonly noVoteUntil: number;

  candidacy: Candidacy | undefined;
  leadership: Leadership | undefined;
  transfer: Transfer | undefined;
  installation: Installation | undefined;

  /** As follower: up to here the log is known to equal that of the leader of this term. */
  verified = 0 as LogIndex;
  /** As follower: highest commit index that the leader of this term told. */
  leaderCommit = 0 as LogIndex;
  /** Number of the newest read round of all leaderships of this process. */
  roundsSent: number;
  /** After a failed write nothing is written before this time. */
  persistRetryAt = Number.NEGATIVE_INFINITY;
  /** When it last gave leadership away because it could not write. */
  abdicatedAt = Number.NEGATIVE_INFINITY;
  /** Why this node stopped for good. */
  failure: string | undefined;

  #send: Envelope[] = [];
  #sendAfter: Envelope[] = [];
  #effects: RaftEffect[] = [];

  constructor(start: RaftStart) {
    assert(start.id !== 0n, 'a node has the id 0');
    assert(start.electionTimeoutMs > start.heartbeatMs && start.heartbeatMs > 0, 'bad timeouts');
    assert(start.electionTimeoutMs > start.leaseMs, 'a lease is longer than a follower is patient');
    this.id = start.id;
    this.address = start.address;
    this.electionTimeoutMs = start.electionTimeoutMs;
    this.heartbeatMs = start.heartbeatMs;
    this.leaseMs = start.leaseMs;
    this.tailBytes = start.tailBytes;
    this.quarantined = start.quarantined;
    this.random = start.random;
    this.now = start.now;
    this.term = start.term;
    this.roundsSent = roundsBefore(start.term);
    this.vote = start.vote;
    this.snapshot = start.snapshot;
    const snapshotIndex = start.snapshot?.index ?? (0 as LogIndex);
    const snapshotTerm = start.snapshot?.term ?? (0 as Term);
    this.log = new LogTail(start.firstIndex, start.entries, snapshotIndex, snapshotTerm);
    assert(this.log.lastTerm <= this.term, 'the log has a term above the own one');
    this.commit = snapshotIndex;
    this.applied = snapshotIndex;
    this.durability = new Durability(this.log.lastIndex);
    this.configurations = this.#loadConfigurations(start.snapshot);
    this.cool();
    this.electionClock = start.now;
    this.electionTimeout = this.#drawElectionTimeout();
    const mayHaveAnswered = this.log.lastIndex > 0 && !this.isOnlyVoter;
    this.noVoteUntil = mayHaveAnswered ? start.now + start.electionTimeoutMs : start.now;
  }

  #loadConfigurations(snapshot: SnapshotInfo | undefined): ConfigurationHistory {
    const history = new ConfigurationHistory(
      snapshot?.configurationIndex ?? (0 as LogIndex),
      snapshot?.configuration ?? { members: [] },
    );
    const from = Math.max(this.log.firstIndex, this.commit + 1);
    for (let index = from; index <= this.log.lastIndex; index++) {
      const entry = this.log.entry(index as LogIndex);
      if (entry.type === 'configuration') {
        history.append(index as LogIndex, decodeConfiguration(entry.data));
      }
    }
    return history;
  }

  get isVoter(): boolean {
    return this.configurations.isVoter(this.id);
  }

  get isOnlyVoter(): boolean {
    return this.configurations.isOnlyVoter(this.id);
  }

  #drawElectionTimeout(): number {
    return this.electionTimeoutMs * (1 + this.random.float());
  }

  /** Restarts the election clock with a fresh timeout. */
  redrawElection(): void {
    this.electionClock = this.now;
    this.electionTimeout = this.#drawElectionTimeout();
  }

  effect(effect: RaftEffect): void {
    this.#effects.push(effect);
  }

  /** Stops this node for good: the cluster broke a promise, or this program did. */
  fail(message: string): void {
    if (this.failure !== undefined) return;
    this.failure = message;
    this.effect({ kind: 'fatal', message });
  }

  /** Sends something that promises nothing. */
  post(to: NodeId, address: string, message: PlainMessage): void {
    this.#send.push({ to, address, message });
  }

  /** Sends an answer, which must not leave before the own term and vote are durable. */
  answer(to: NodeId, address: string, message: PlainMessage): void {
    const queue = this.durability.metadataDurable ? this.#send : this.#sendAfter;
    queue.push({ to, address, message });
  }

  /** Enters a term or gives the vote of this term. */
  setTerm(term: Term, vote: NodeId): void {
    assert(term > this.term || (term === this.term && (this.vote === 0n || this.vote === vote)));
    if (term > this.term) {
      this.verified = 0 as LogIndex;
      this.leaderCommit = 0 as LogIndex;
    }
    this.term = term;
    this.vote = vote;
    this.durability.metadataDirty = true;
  }

  setLeader(id: NodeId, address: string): void {
    if (this.leader === id && this.leaderAddress === address) return;
    this.leader = id;
    this.leaderAddress = address;
    this.effect({ kind: 'leader', id, address });
  }

  /** Appends to the log in memory; it is handed to the disk at the end of the step. */
  append(entry: Entry, configuration: Configuration | undefined): LogIndex {
    assert((entry.type === 'configuration') === (configuration !== undefined));
    const index = this.log.append(entry);
    if (configuration !== undefined) {
      this.configurations.append(index, configuration);
      this.tellConfiguration();
    }
    return index;
  }

  /** Cuts the log in memory before `from`, which must be above the commit index. */
  truncate(from: LogIndex): void {
    assert(from > this.commit, () => `truncation at ${from}, commit is ${this.commit}`);
    assert(this.role !== 'leader', 'a leader truncates its log');
    this.log.truncate(from);
    this.durability.truncate(from);
    if (this.configurations.truncate(from)) this.tellConfiguration();
  }

  tellConfiguration(): void {
    const { current: configuration, index, committed } = this.configurations;
    this.effect({ kind: 'configuration', configuration, index, committed });
  }

  /** Old entries leave memory: those that are committed, so that nothing but followers needs them, and on disk. */
  cool(): void {
    const { log, durability, tailBytes } = this;
    if (log.bytes > tailBytes) log.cool(tailBytes, Math.min(this.commit, durability.stored));
  }

  /** Everything up to `index` is committed. */
  commitTo(index: LogIndex): void {
    assert(index >= this.commit && index <= this.log.lastIndex, () => `bad commit index ${index}`);
    if (index === this.commit) return;
    const first = (this.commit + 1) as LogIndex;
    this.commit = index;
    this.effect({ kind: 'commit', first, entries: this.log.slice(first, index) });
    if (this.configurations.commit(index)) this.tellConfiguration();
  }

  #mustPersist(): boolean {
    const { durability } = this;
    return durability.metadataDirty || this.log.lastIndex > durability.handedOut;
  }

  /** Queues what this step has to write, in order; answers the ticket, 0 when there is nothing. */
  #handOut(operations: PersistOperation[]): number {
    const { durability, log } = this;
    // While a snapshot is installed the log on disk is about to be replaced.
    const appends = log.lastIndex > durability.handedOut && this.installation === undefined;
    // An answer that waits for metadata on its way needs no further write: on a slow disk heartbeats
    // would queue writes faster than they end, and no answer would ever leave.
    const metadata = durability.metadataDirty;
    if (metadata) operations.push({ kind: 'metadata', term: this.term, vote: this.vote });
    if (appends) {
      const first = (durability.handedOut + 1) as LogIndex;
      const from = durability.truncateFrom;
      if (from !== undefined) operations.push({ kind: 'truncate', from });
      operations.push({ kind: 'append', first, entries: log.slice(first, log.lastIndex) });
    }
    if (operations.length === 0) return 0;
    return durability.handOut(appends ? log.lastIndex : 0, metadata);
  }

  /** Ends a step: what the caller must do now. */
  takeOutput(nextTick: number): RaftOutput {
    let persist: readonly PersistOperation[] = NONE;
    let ticket = 0;
    if (this.failure !== undefined) {
      this.#send = [];
      this.#sendAfter = [];
    } else if (this.persistRetryAt > this.now) {
      this.#sendAfter = [];
    } else if (this.#mustPersist()) {
      const operations: PersistOperation[] = [];
      ticket = this.#handOut(operations);
      if (ticket > 0) persist = operations;
    }
    const send = this.#send.length > 0 ? this.#send : NONE;
    const sendAfter = this.#sendAfter.length > 0 ? this.#sendAfter : NONE;
    const effects = this.#effects.length > 0 ? this.#effects : NONE;
    if (send !== NONE) this.#send = [];
    if (sendAfter !== NONE) this.#sendAfter = [];
    if (effects !== NONE) this.#effects = [];
    return { send, persist, ticket, sendAfter, effects, nextTick };
  }
}
