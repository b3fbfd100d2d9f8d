import type { FollowerStatus, RaftStatus } from './contract.ts';
import type { Core } from './core.ts';

/** The state that others may look at. */
export function statusOf(core: Core): RaftStatus {
  const { configurations, leadership } = core;
  const followers: FollowerStatus[] = [];
  for (const { id, match, next, state, heardAt } of leadership?.progress.values() ?? []) {
    followers.push({ id, match, next, state, heardAt });
  }
  return {
    id: core.id,
    role: core.role,
    term: core.term,
    leader: core.leader,
    leaderAddress: core.leaderAddress,
    lastIndex: core.log.lastIndex,
    firstIndex: core.log.firstIndex,
    storedIndex: core.durability.stored,
    commit: core.commit,
    configuration: configurations.current,
    configurationIndex: configurations.index,
    configurationCommitted: configurations.committed,
    transferring: core.transfer !== undefined,
    timeoutNowOutstanding: leadership !== undefined && leadership.timeoutNow.size > 0,
    quarantined: core.quarantined,
    followers,
  };
}
