import type { NodeId, RequestVote, RequestVoteResult, Term, TimeoutNow } from '../base/index.ts';
import type { Candidacy, Core } from './core.ts';
import { becomeFollower, becomeLeader } from './leadership.ts';
import { hasQuorum } from './quorum.ts';

/**
 * Whether this node may ask for votes now. A node that is writing its log or installing a snapshot
 * waits: its disk is slow or its log is about to change.
 */
function mayCampaign(core: Core): boolean {
  return (
    core.configurations.mayStand(core.id) &&
    !core.quarantined &&
    core.installation === undefined &&
    core.durability.stored === core.log.lastIndex
  );
}

/** The election timeout ran out (also of a candidate, which begins again with a pre-vote). */
export function onElectionTimeout(core: Core): void {
  core.redrawElection();
  if (mayCampaign(core)) campaign(core, false);
}

/** Begins a candidacy; `disrupt` = on order of the leader, without pre-vote. */
export function campaign(core: Core, disrupt: boolean): void {
  const wasCandidate = core.role === 'candidate';
  core.role = 'candidate';
  core.redrawElection();
  core.setLeader(0n, '');
  const phase = disrupt || core.isOnlyVoter ? 'vote' : 'pre-vote';
  startPhase(core, phase, disrupt, new Set());
  if (!wasCandidate) core.effect({ kind: 'role', role: 'candidate', term: core.term });
}

function startPhase(
  core: Core,
  phase: Candidacy['phase'],
  disrupt: boolean,
  answeredPreVote: Set<NodeId>,
): void {
  const preVote = phase === 'pre-vote';
  const nextTerm = (core.term + 1) as Term;
  // The own vote of a real election counts when it is durable; see `countOwnVote`.
  const granted = new Set(preVote ? [core.id] : []);
  core.candidacy = { phase, disrupt, granted, answeredPreVote };
  if (!preVote) core.setTerm(nextTerm, core.id);
  const { lastIndex, lastTerm } = core.log;
  const message: RequestVote = {
    type: 'request-vote',
    term: nextTerm,
    candidate: core.id,
    lastIndex,
    lastTerm,
    disrupt,
    preVote,
  };
  for (const member of core.configurations.current.members) {
    if (member.id === core.id || member.role !== 'voter') continue;
    core.post(member.id, member.address, message);
  }
}

function countVotes(core: Core, candidacy: Candidacy): void {
  const { voters } = core.configurations;
  if (!hasQuorum(voters, (id) => candidacy.granted.has(id))) return;
  if (candidacy.phase === 'pre-vote') {
    core.redrawElection();
    startPhase(core, 'vote', candidacy.disrupt, candidacy.answeredPreVote);
  } else if (candidacy.granted.has(core.id)) becomeLeader(core);
}

/** Something became durable: perhaps the own vote. */
export function countOwnVote(core: Core): void {
  const { candidacy } = core;
  if (candidacy === undefined || candidacy.phase !== 'vote') return;
  if (candidacy.granted.has(core.id) || !core.durability.metadataDurable) return;
  candidacy.granted.add(core.id);
  countVotes(core, candidacy);
}

/**
 * Whether a leader is, or may be, alive so that nobody should be elected (thesis §4.2.3). It counts that one was heard, not that it is still
 * followed: a late message of a higher term ends that, but not the leader's lease (M7).
 */
function leaderIsAlive(core: Core): boolean {
  if (core.role === 'leader') return true;
  if (core.now < core.noVoteUntil) return true;
  return core.now - core.leaderHeardAt < core.electionTimeoutMs;
}

/** The vote rule (thesis §3.4, §3.6.1), after all reasons not to look at the request at all. */
function deservesVote(core: Core, request: RequestVote): boolean {
  if (request.term < core.term) return false;
  const votedForOther = core.vote !== 0n && core.vote !== request.candidate;
  if (!request.preVote && (votedForOther || core.role === 'leader')) return false;
  // Own membership does not matter: the candidate's configuration may be newer than ours, and with
  // ours it might never find a majority. It only counts voters of its own (thesis §4.1).
  const { lastIndex, lastTerm } = core.log;
  // A node becomes a voter only after it has caught up: an empty one that is asked has lost its log, and
  // with it what it may have acknowledged (M15).
  if (lastIndex === 0) return false;
  if (request.lastTerm !== lastTerm) return request.lastTerm > lastTerm;
  return request.lastIndex >= lastIndex;
}

/** A request for a vote or pre-vote; it is always answered. */
export function onRequestVote(
  core: Core,
  from: NodeId,
  address: string,
  request: RequestVote,
): void {
  let granted = false;
  // A leader hands over to a voter; only a member's word is taken for it that the leader did.
  const ordered = request.disrupt && core.configurations.isMember(from);
  if (!core.quarantined && (ordered || !leaderIsAlive(core))) {
    if (!request.preVote && request.term > core.term) becomeFollower(core, request.term);
    granted = core.installation === undefined && deservesVote(core, request);
  }
  if (granted && !request.preVote) {
    if (core.vote !== request.candidate) core.setTerm(core.term, request.candidate);
    core.electionClock = core.now;
  }
  // A refused pre-vote of an old term carries our term, so that the candidate catches up.
  const term = request.preVote && request.term >= core.term ? request.term : core.term;
  core.answer(from, address, {
    type: 'request-vote-result',
    term,
    granted,
    preVote: request.preVote,
  });
}

/** An answer to a vote or pre-vote of this node. */
export function onRequestVoteResult(core: Core, from: NodeId, result: RequestVoteResult): void {
  const { candidacy } = core;
  if (candidacy === undefined || !core.configurations.isVoter(from)) return;
  const inPreVote = candidacy.phase === 'pre-vote';
  const expected = inPreVote ? core.term + 1 : core.term;
  if (result.term > expected) {
    becomeFollower(core, result.term);
    return;
  }
  if (result.term < expected) return;
  // Old senders do not say what they answer: in the election proper only the second answer counts.
  const second = candidacy.disrupt || candidacy.answeredPreVote.has(from);
  const matches = result.preVote === undefined ? inPreVote || second : result.preVote === inPreVote;
  if (inPreVote || result.preVote !== false) candidacy.answeredPreVote.add(from);
  if (!matches || !result.granted) return;
  candidacy.granted.add(from);
  countVotes(core, candidacy);
}

/** The leader wants this node to take over. */
export function onTimeoutNow(core: Core, from: NodeId, message: TimeoutNow): void {
  const { log } = core;
  const current = core.role === 'follower' && core.leader === from && message.term === core.term;
  const sameEnd = message.lastIndex === log.lastIndex && message.lastTerm === log.lastTerm;
  if (current && sameEnd && mayCampaign(core)) campaign(core, true);
}
