import {
  type AppendEntries,
  type AppendEntriesResult,
  assert,
  DecodeError,
  type InstallSnapshot,
  type LogIndex,
  type NodeId,
  type Term,
  unreachable,
} from '../base/index.ts';
import type { RaftInput, RaftOutput, RaftStart, RaftStatus } from './contract.ts';
import { Core, type PlainMessage } from './core.ts';
import {
  campaign,
  countOwnVote,
  onElectionTimeout,
  onRequestVote,
  onRequestVoteResult,
  onTimeoutNow,
} from './election.ts';
import { checkEntries, isPlausibleTerm, onAppendEntries, onStored, reject } from './follower.ts';
import { onInstallFinished, onInstallOffered, onSnapshotTaken } from './installation.ts';
import {
  becomeFollower,
  checkQuorum,
  commitByCounting,
  followLeader,
  type Leadership,
  stepDownIfRemoved,
} from './leadership.ts';
import { leasedIndex } from './lease.ts';
import {
  abandonPromotion,
  membershipCommitted,
  promotionDeadline,
  promotionProgressed,
  startChange,
} from './membership.ts';
import { NONCE_BASE, QUARANTINE_INDEX } from './nonce.ts';
import { addRead, continueRounds, finishRounds, nextRoundAt, startRounds } from './read-rounds.ts';
import {
  heartbeat,
  heartbeatAt,
  onAlive,
  onFetched,
  onMatched,
  onRejected,
  onUnreachable,
  replicate,
  replicateToAll,
  snapshotFailed,
  tellCommit,
} from './replication.ts';
import { statusOf } from './status.ts';
import { isIntruder } from './strangers.ts';
import {
  abdicate,
  checkTransfer,
  forgetTimeoutNow,
  startTransfer,
  transferProgressed,
} from './transfer.ts';

/**
 * The consensus of one node as a function of its inputs: no I/O, clock, timer or promise.
 *
 * Call `step` with a tick right after construction: it delivers what the start implies (the
 * configuration, entries known to be committed, the election of an only voter). Outputs must be
 * obeyed in the order of the contract (RaftOutput).
 */
export class Raft {
  readonly #core: Core;
  #started = false;

  constructor(start: RaftStart) {
    this.#core = new Core(start);
  }

  /**
   * One event. Throws DecodeError, with nothing changed, when a message of a peer is malformed: its
   * connection should be closed. Any other error is a broken invariant: the node must stop.
   */
  step(input: RaftInput): RaftOutput {
    const core = this.#core;
    if (input.kind === 'receive') checkMessage(input.message);
    const configurations =
      input.kind === 'receive' && input.message.type === 'append-entries'
        ? checkEntries(input.message)
        : undefined;
    if (input.now > core.now) core.now = input.now;
    if (core.failure !== undefined) return core.takeOutput(Number.MAX_SAFE_INTEGER);
    if (!this.#started) this.#start();
    if (input.kind === 'receive') {
      if (input.from !== core.id) {
        receive(core, input.from, input.fromAddress, input.message, configurations);
      }
    } else this.#stepLocal(input);
    checkTransfer(core);
    const { leadership } = core;
    if (leadership !== undefined) {
      startRounds(core, leadership);
      tellCommit(core, leadership);
    }
    core.cool();
    return core.takeOutput(nextTick(core));
  }

  #start(): void {
    this.#started = true;
    const core = this.#core;
    // The first entry of every cluster is its bootstrap configuration, which all members share.
    const bootstrapped = core.commit === 0 && core.log.lastIndex > 0;
    const known = bootstrapped && core.log.entry(1 as LogIndex).type === 'configuration';
    if (known) core.commitTo(1 as LogIndex);
    if (!known || core.configurations.index !== 1) core.tellConfiguration();
    if (core.isOnlyVoter && !core.quarantined) campaign(core, false);
  }

  #stepLocal(input: Exclude<RaftInput, { readonly kind: 'receive' }>): void {
    const core = this.#core;
    switch (input.kind) {
      case 'tick':
        tick(core);
        break;
      case 'propose':
        propose(core, input);
        break;
      case 'persisted':
        persisted(core, input.ticket);
        break;
      case 'persist-failed':
        persistFailed(core, input.ticket);
        break;
      case 'applied':
        assert(input.index <= core.commit, 'applied above the commit index');
        if (input.index > core.applied) core.applied = input.index;
        break;
      case 'read':
        addRead(core, input.tag);
        break;
      case 'change':
        startChange(core, input.change, input.tag);
        progressed(core);
        break;
      case 'transfer':
        startTransfer(core, input.target, input.tag);
        break;
      case 'snapshot-taken': {
        const { index } = input.snapshot;
        assert(index <= core.commit && index <= core.durability.stored, 'a snapshot too new');
        onSnapshotTaken(core, input.snapshot, input.trailing);
        break;
      }
      case 'install-offered':
        installOffered(core, input.from, input.fromAddress, input.message);
        break;
      case 'install-finished':
        onInstallFinished(core, input.ok);
        break;
      case 'entries-fetched': {
        const progress = core.leadership?.progress.get(input.to);
        if (progress !== undefined) onFetched(core, progress, input.first, input.entries);
        break;
      }
      case 'snapshot-sent':
        snapshotSent(core, input.to, input.ok);
        break;
      case 'quarantine':
        core.quarantined = true;
        if (core.role === 'candidate') becomeFollower(core, core.term);
        assert(core.role === 'follower', 'a leader lost its log');
        break;
      case 'unreachable': {
        const progress = core.leadership?.progress.get(input.peer);
        if (progress !== undefined) onUnreachable(core, progress);
        break;
      }
      default:
        unreachable(input);
        break;
    }
  }

  /** A snapshot of the state for observers; builds an object, so not for hot paths. */
  status(): RaftStatus {
    return statusOf(this.#core);
  }

  get id(): NodeId {
    return this.#core.id;
  }
  get term(): Term {
    return this.#core.term;
  }
  get role(): RaftStatus['role'] {
    return this.#core.role;
  }
  get leader(): NodeId {
    return this.#core.leader;
  }
  get quarantined(): boolean {
    return this.#core.quarantined;
  }
  /** What reads of the level `lease` see when it is `now`; undefined = they need a round. */
  leasedIndex(now: number): LogIndex | undefined {
    return leasedIndex(this.#core, now);
  }

  get commit(): LogIndex {
    return this.#core.commit;
  }
  get lastIndex(): LogIndex {
    return this.#core.log.lastIndex;
  }
  /** Highest index that is durable on this node. */
  get storedIndex(): LogIndex {
    return this.#core.durability.stored;
  }
  /** Index of the oldest entry that is known; lastIndex + 1 when there is none. */
  get firstIndex(): LogIndex {
    return this.#core.log.firstIndex;
  }
  /** Index of the oldest entry whose data is in memory; lastIndex + 1 when there is none. */
  get hotIndex(): LogIndex {
    return this.#core.log.hotIndex;
  }
  /** Term of an entry that is known or of the last snapshot's index; undefined = not known. */
  termOf(index: LogIndex): Term | undefined {
    return this.#core.log.termOf(index);
  }
  /** Whether a committed entry of the own term makes this leader's commit index current. */
  get readable(): boolean {
    const { leadership, commit } = this.#core;
    return leadership !== undefined && commit >= leadership.firstIndex;
  }
}

/** Throws DecodeError for numbers that no honest peer sends. */
function checkMessage(message: PlainMessage): void {
  if (!isPlausibleTerm(message.term)) throw new DecodeError(`term ${message.term} is too large`);
}

function receive(
  core: Core,
  from: NodeId,
  address: string,
  message: PlainMessage,
  configurations: ReturnType<typeof checkEntries> | undefined,
): void {
  switch (message.type) {
    case 'request-vote':
      onRequestVote(core, from, address, message);
      break;
    case 'request-vote-result': {
      const stale = core.candidacy === undefined && core.configurations.isVoter(from);
      if (stale && message.preVote === false && message.term > core.term) {
        becomeFollower(core, message.term);
      }
      onRequestVoteResult(core, from, message);
      break;
    }
    case 'append-entries':
      if (configurations !== undefined) appendEntries(core, from, address, message, configurations);
      break;
    case 'append-entries-result':
      appendEntriesResult(core, from, message);
      break;
    case 'timeout-now':
      onTimeoutNow(core, from, message);
      break;
    default:
      unreachable(message);
      break;
  }
}

function appendEntries(
  core: Core,
  from: NodeId,
  address: string,
  message: AppendEntries,
  configurations: ReturnType<typeof checkEntries>,
): void {
  if (isIntruder(core, from, message.term)) return;
  if (message.term < core.term) {
    // The sender may lead again meanwhile, in our term: then this answer to its past must not look like one to its present. 0 would be an
    // acknowledgement, and the number of a question its confirmation.
    const { previousIndex } = message;
    const isMeaningful = previousIndex > 0 && previousIndex < NONCE_BASE;
    reject(core, from, address, isMeaningful ? previousIndex : 1);
    return;
  }
  if (message.term > core.term) becomeFollower(core, message.term);
  if (followLeader(core, from, address)) {
    onAppendEntries(core, from, address, message, configurations);
  }
}

function installOffered(core: Core, from: NodeId, address: string, message: InstallSnapshot): void {
  const intruder = from === core.id || isIntruder(core, from, message.term);
  if (message.term < core.term || intruder || !isPlausibleTerm(message.term)) {
    if (message.term < core.term && !intruder) reject(core, from, address, message.lastIndex);
    core.effect({ kind: 'skip-install' });
    return;
  }
  if (message.term > core.term) becomeFollower(core, message.term);
  if (followLeader(core, from, address)) onInstallOffered(core, from, address, message);
}

function appendEntriesResult(core: Core, from: NodeId, result: AppendEntriesResult): void {
  if (result.term > core.term) {
    // Only members are sent what this answers.
    if (core.configurations.isMember(from)) becomeFollower(core, result.term);
    return;
  }
  const { leadership } = core;
  const progress = leadership?.progress.get(from);
  if (leadership === undefined || progress === undefined || result.term < core.term) return;
  if (result.rejected === QUARANTINE_INDEX) return;
  progress.heardAt = core.now;
  progress.heardSinceCheck = true;
  if (result.rejected > NONCE_BASE) {
    const round = result.rejected - NONCE_BASE;
    if (round <= leadership.reads.sent && round > progress.round) {
      progress.round = round;
      finishRounds(core, leadership);
    }
    onAlive(core, progress);
  } else if (result.rejected > 0) onRejected(core, progress, result);
  else {
    if (onMatched(core, leadership, progress, result.lastIndex)) progressed(core);
    if (core.leadership === leadership) replicate(core, progress);
  }
}

/** A match index grew, or a change was appended: everything that hangs on it. */
function progressed(core: Core): void {
  const { leadership } = core;
  if (leadership === undefined) return;
  promotionProgressed(core, leadership);
  const committed = commitByCounting(core, leadership);
  forgetTimeoutNow(leadership);
  transferProgressed(core, leadership);
  finishRounds(core, leadership);
  if (!committed) return;
  membershipCommitted(core, leadership);
  stepDownIfRemoved(core, leadership);
}

function propose(core: Core, input: Extract<RaftInput, { kind: 'propose' }>): void {
  const { leadership } = core;
  if (leadership === undefined || core.transfer !== undefined || input.term !== core.term) {
    core.effect({ kind: 'refused', tag: input.tag });
    return;
  }
  const entry = { term: core.term, type: input.type, data: input.data };
  const index = core.append(entry, undefined);
  core.effect({ kind: 'accepted', tag: input.tag, index, term: core.term });
  replicateToAll(core, leadership);
}

function persisted(core: Core, ticket: number): void {
  const grew = core.durability.completed(ticket);
  countOwnVote(core);
  if (!grew) return;
  if (core.role === 'leader') progressed(core);
  else onStored(core);
}

/** Entries that were not committed are dropped as if they had never come; the rest is tried again. */
function persistFailed(core: Core, ticket: number): void {
  const { durability, log } = core;
  durability.failed(ticket);
  core.persistRetryAt = core.now + core.heartbeatMs;
  if (core.leadership !== undefined) abdicate(core, core.leadership);
  if (core.role !== 'follower') becomeFollower(core, core.term);
  const keep = Math.max(durability.handedOut, core.commit);
  if (log.lastIndex > keep) {
    core.truncate((keep + 1) as LogIndex);
    if (core.verified > keep) core.verified = keep as LogIndex;
  }
}

function snapshotSent(core: Core, to: NodeId, ok: boolean): void {
  const progress = core.leadership?.progress.get(to);
  if (progress === undefined || progress.state !== 'snapshot') return;
  if (ok) progress.snapshotHandedAt = core.now;
  else snapshotFailed(core, progress);
}

function tick(core: Core): void {
  const { leadership } = core;
  if (leadership === undefined) {
    if (core.now >= core.electionClock + core.electionTimeout) onElectionTimeout(core);
    return;
  }
  if (core.now >= leadership.checkAt) checkQuorum(core, leadership);
  if (core.leadership === undefined) return;
  if (core.now >= promotionDeadline(leadership)) abandonPromotion(core, leadership);
  // Before the heartbeats, because a question is one too.
  continueRounds(core, leadership);
  for (const progress of leadership.followers) {
    if (core.now >= heartbeatAt(core, progress)) heartbeat(core, progress);
  }
}

/** Time of the next deadline; never in the past of a step that met its deadlines. */
function nextTick(core: Core): number {
  let next = core.now + core.electionTimeoutMs;
  const { leadership } = core;
  if (leadership === undefined) next = core.electionClock + core.electionTimeout;
  else next = Math.min(leadership.checkAt, leadershipDeadline(core, leadership));
  if (core.transfer !== undefined) next = Math.min(next, core.transfer.deadline);
  if (core.persistRetryAt > core.now) next = Math.min(next, core.persistRetryAt);
  return next;
}

function leadershipDeadline(core: Core, leadership: Leadership): number {
  let next = Math.min(promotionDeadline(leadership), leadership.noticeAt);
  for (const progress of leadership.followers) next = Math.min(next, heartbeatAt(core, progress));
  return Math.min(next, nextRoundAt(core, leadership));
}
