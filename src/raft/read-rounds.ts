import { assert, type LogIndex, type NodeId } from '../base/index.ts';
import type { Core } from './core.ts';
import type { Leadership } from './leadership.ts';
import { NONCE_BASE } from './nonce.ts';
import type { Progress } from './progress.ts';
import { hasQuorum } from './quorum.ts';
import { sendQuestion } from './replication.ts';

/** How much sooner than everybody those are asked again who alone were asked. */
const SOONER = 10;

/** Rounds in flight; a third waits so that it can be shared by more reads. */
const ROUNDS_IN_FLIGHT_MAX = 2;

interface Round {
  readonly number: number;
  /** The reads of this round see the state at this index, or later. */
  readonly index: LogIndex;
  /** End of the log when the round was sent: a match above it proves leadership just as well. */
  readonly lastIndex: LogIndex;
  readonly begunAt: number;
  readonly configurationIndex: LogIndex;
  readonly tags: readonly number[];
}

/** Reads of one leadership that wait for the proof that it still is one (M6). */
export interface ReadRounds {
  waiting: number[];
  inFlight: Round[];
  /** Number of the newest round sent. */
  sent: number;
  sentAt: number;
  /** Number of the newest round that every voter was asked for, and when that was. */
  sentToAll: number;
  sentToAllAt: number;
  /** Who answered such a round first: enough for a quorum. */
  quick: ReadonlySet<NodeId>;
}

/** Numbers go on from one leadership to the next, so that an answer to an old question never answers a new one. */
export function newReadRounds(core: Core): ReadRounds {
  return {
    waiting: [],
    inFlight: [],
    sent: core.roundsSent,
    sentAt: core.now,
    sentToAll: 0,
    sentToAllAt: Number.NEGATIVE_INFINITY,
    quick: new Set(),
  };
}

/** A read arrived. It is answered by a round that is sent after this moment. */
export function addRead(core: Core, tag: number): void {
  const { leadership } = core;
  if (leadership === undefined) core.effect({ kind: 'read-failed', tag, reason: 'not-leader' });
  else leadership.reads.waiting.push(tag);
}

/**
 * Sends the newest round to the voters that have not answered it. A quorum is enough, so only those are asked that answered first when, a heartbeat
 * ago at most, everybody was; all others, if that brings nothing soon.
 */
function ask(core: Core, leadership: Leadership, again: boolean): void {
  const { reads } = leadership;
  reads.sentAt = core.now;
  const all = again || core.now - reads.sentToAllAt >= core.heartbeatMs;
  if (all) {
    reads.sentToAll = reads.sent;
    reads.sentToAllAt = core.now;
    reads.quick = new Set();
  }
  for (const progress of leadership.followers) {
    if (progress.round >= reads.sent || !core.configurations.isVoter(progress.id)) continue;
    if (!all && reads.quick.size > 0 && !reads.quick.has(progress.id)) continue;
    sendQuestion(core, progress, NONCE_BASE + reads.sent);
  }
}

/**
 * Starts rounds, once an entry of the own term is committed: for the reads that wait, and when none was sent for a heartbeat, so that it is
 * known at any time when this node led for certain.
 */
export function startRounds(core: Core, leadership: Leadership): void {
  const { reads } = leadership;
  if (core.commit < leadership.firstIndex) return;
  const isDue = reads.inFlight.length === 0 && core.now >= reads.sentAt + core.heartbeatMs;
  if (reads.waiting.length === 0 && !isDue) return;
  if (reads.inFlight.length >= ROUNDS_IN_FLIGHT_MAX) return;
  const tags = reads.waiting;
  reads.waiting = [];
  reads.sent++;
  reads.sentAt = core.now;
  core.roundsSent = reads.sent;
  const { lastIndex } = core.log;
  // A read of another node waits there for what is committed here.
  leadership.noticeAt = core.now;
  reads.inFlight.push({
    number: reads.sent,
    index: core.commit,
    lastIndex,
    begunAt: core.now,
    configurationIndex: core.configurations.index,
    tags,
  });
  if (core.isOnlyVoter) finishRounds(core, leadership);
  else ask(core, leadership, false);
}

/** Confirms the rounds that a quorum has answered. */
export function finishRounds(core: Core, leadership: Leadership): void {
  const { reads, progress } = leadership;
  const { voters } = core.configurations;
  while (reads.inFlight.length > 0) {
    const round = reads.inFlight[0];
    const answered = hasQuorum(voters, (id) => {
      if (id === core.id) return true;
      const follower = progress.get(id);
      if (follower === undefined) return false;
      return hasAnswered(follower, round);
    });
    if (!answered) return;
    reads.inFlight.shift();
    if (round.number === reads.sentToAll) {
      const quick = leadership.followers.filter((follower) => hasAnswered(follower, round));
      reads.quick = new Set(quick.map(({ id }) => id));
    }
    const { begunAt, configurationIndex } = round;
    leadership.lease = { until: begunAt + core.leaseMs, configurationIndex };
    assert(round.index >= leadership.firstIndex, 'a read before the own term committed');
    core.effect({ kind: 'leadership-proven', at: begunAt, index: round.index });
    for (const tag of round.tags) {
      core.effect({ kind: 'read-confirmed', tag, index: round.index });
    }
  }
}

function hasAnswered(follower: Progress, round: Round): boolean {
  return follower.round >= round.number || follower.match > round.lastIndex;
}

/** When the newest round must be asked again, or another one begins. */
export function nextRoundAt(core: Core, leadership: Leadership): number {
  const { reads } = leadership;
  if (reads.inFlight.length === 0) {
    return core.commit < leadership.firstIndex
      ? Number.POSITIVE_INFINITY
      : reads.sentAt + core.heartbeatMs;
  }
  const toAll = reads.sentToAll === reads.sent;
  return reads.sentAt + (toAll ? core.heartbeatMs : core.heartbeatMs / SOONER);
}

/** Asks again, or begins another round, when that is due. */
export function continueRounds(core: Core, leadership: Leadership): void {
  if (core.now < nextRoundAt(core, leadership)) return;
  if (leadership.reads.inFlight.length > 0) ask(core, leadership, true);
  else startRounds(core, leadership);
}

/** Leadership ended: no read can be confirmed any more. */
export function failReads(core: Core, reads: ReadRounds): void {
  const fail = (tag: number): void => {
    core.effect({ kind: 'read-failed', tag, reason: 'leadership-lost' });
  };
  for (const round of reads.inFlight) round.tags.forEach(fail);
  reads.waiting.forEach(fail);
  reads.inFlight = [];
  reads.waiting = [];
}
