import { assert, type LogIndex, type NodeId, type Term } from '../base/index.ts';
import type { Core } from './core.ts';
import type { Lease } from './lease.ts';
import { failMembership, type Promotion } from './membership.ts';
import { Progress } from './progress.ts';
import { hasQuorum, quorumIndex } from './quorum.ts';
import { failReads, newReadRounds, type ReadRounds } from './read-rounds.ts';
import { pushCommit, replicateToAll } from './replication.ts';

const BARRIER_DATA = new Uint8Array(8);

/** What a node knows while it leads. */
export interface Leadership {
  /** All other members by id. */
  readonly progress: Map<NodeId, Progress>;
  /** Those that receive the log: voters, stand-bys, and a spare that is being promoted. */
  followers: readonly Progress[];
  /** The barrier of this term; nothing is committed by counting below it (thesis §3.6.2). */
  readonly firstIndex: LogIndex;
  /** When the contact to a majority is checked next. */
  checkAt: number;
  /** When idle followers are told the commit index at the latest; infinite = they know it. */
  noticeAt: number;
  readonly reads: ReadRounds;
  /** Of the newest round that was confirmed. */
  lease: Lease | undefined;
  /** The configuration entry of a change that is not committed yet. */
  change: { readonly tag: number; readonly index: LogIndex } | undefined;
  promotion: Promotion | undefined;
  /** By target: where its log ends for which a TimeoutNow that may still be on its way makes it campaign (M7). */
  readonly timeoutNow: Map<NodeId, LogIndex>;
}

/** Brings progress and followers in line with the configuration in force. */
export function refreshFollowers(core: Core, leadership: Leadership): void {
  const { progress, promotion } = leadership;
  const { members } = core.configurations.current;
  for (const id of [...progress.keys()]) {
    if (core.configurations.member(id) === undefined) progress.delete(id);
  }
  const followers: Progress[] = [];
  for (const { id, address, role } of members) {
    if (id === core.id) continue;
    let follower = progress.get(id);
    if (follower === undefined || follower.address !== address) {
      follower = new Progress(id, address, (core.log.lastIndex + 1) as LogIndex);
      progress.set(id, follower);
    }
    if (role !== 'spare' || promotion?.id === id) followers.push(follower);
  }
  leadership.followers = followers;
}

/** Won the election: append the barrier of the term and tell everybody. */
export function becomeLeader(core: Core): void {
  assert(core.role === 'candidate' && core.candidacy?.phase === 'vote', 'not elected');
  assert(core.vote === core.id && core.durability.metadataDurable, 'the own vote is not durable');
  core.role = 'leader';
  core.candidacy = undefined;
  const leadership: Leadership = {
    progress: new Map(),
    followers: [],
    firstIndex: (core.log.lastIndex + 1) as LogIndex,
    checkAt: core.now + core.electionTimeoutMs,
    noticeAt: Number.POSITIVE_INFINITY,
    reads: newReadRounds(core),
    lease: undefined,
    change: undefined,
    promotion: undefined,
    timeoutNow: new Map(),
  };
  core.leadership = leadership;
  core.effect({ kind: 'role', role: 'leader', term: core.term });
  core.setLeader(core.id, core.address);
  refreshFollowers(core, leadership);
  core.append({ term: core.term, type: 'barrier', data: BARRIER_DATA }, undefined);
  replicateToAll(core, leadership);
}

/** Enters `term` as follower if it is newer; in any case stops leading or campaigning. */
export function becomeFollower(core: Core, term: Term): void {
  assert(term >= core.term, 'the term falls');
  const newTerm = term > core.term;
  if (newTerm) core.setTerm(term, 0n);
  const { leadership, role } = core;
  if (role !== 'follower') {
    core.role = 'follower';
    core.candidacy = undefined;
    core.leadership = undefined;
    core.redrawElection();
    core.effect({ kind: 'role', role: 'follower', term: core.term });
    if (leadership !== undefined) {
      failReads(core, leadership.reads);
      failMembership(core, leadership);
    }
  }
  if (newTerm || role !== 'follower') core.setLeader(0n, '');
}

/** Follows the leader of the current term; false when there already is another one. */
export function followLeader(core: Core, id: NodeId, address: string): boolean {
  if (core.role === 'leader' || (core.leader !== 0n && core.leader !== id)) {
    core.fail(`two leaders in term ${core.term}: ${core.leader} and ${id}`);
    return false;
  }
  if (core.role === 'candidate') becomeFollower(core, core.term);
  core.setLeader(id, address);
  core.electionClock = core.now;
  core.leaderHeardAt = core.now;
  return true;
}

/** Commits what a majority of the voters has (thesis §3.6.2); entries of older terms only with it. */
export function commitByCounting(core: Core, leadership: Leadership): boolean {
  const matches = core.configurations.voters.map((id) => {
    if (id === core.id) return core.durability.stored;
    return leadership.progress.get(id)?.match ?? (0 as LogIndex);
  });
  const index = quorumIndex(matches);
  if (index <= core.commit || index < leadership.firstIndex) return false;
  assert(core.log.termOf(index) === core.term, 'an entry of another term is committed by counting');
  core.commitTo(index);
  return true;
}

/** A leader that is no voter of the committed configuration has done its work. */
export function stepDownIfRemoved(core: Core, leadership: Leadership): void {
  if (core.isVoter || !core.configurations.committed) return;
  pushCommit(core, leadership, true);
  becomeFollower(core, core.term);
}

/** Steps down without contact to a majority for one election timeout. */
export function checkQuorum(core: Core, leadership: Leadership): void {
  leadership.checkAt = core.now + core.electionTimeoutMs;
  const { voters } = core.configurations;
  const heard = (id: NodeId): boolean =>
    id === core.id || leadership.progress.get(id)?.heardSinceCheck === true;
  const contact = core.isOnlyVoter || hasQuorum(voters, heard);
  for (const progress of leadership.progress.values()) progress.heardSinceCheck = false;
  if (!contact) becomeFollower(core, core.term);
}
