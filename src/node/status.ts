import type { LogIndex } from '../base/index.ts';
import { logIndex } from '../base/index.ts';
import type { LogStatistics } from '../log/index.ts';
import type { RaftStatus } from '../raft/index.ts';
import type { LeaderHint, NodeStatus } from './contract.ts';

interface StatusParts {
  readonly raft: RaftStatus;
  readonly address: string;
  readonly leader: LeaderHint | undefined;
  readonly log: LogStatistics;
  readonly applied: LogIndex;
  readonly databases: readonly string[];
  readonly counters: Omit<NodeStatus['counters'], 'syncs' | 'entriesWritten'>;
}

export function nodeStatus(parts: StatusParts): NodeStatus {
  const { raft, log } = parts;
  const { members } = raft.configuration;
  return {
    id: raft.id,
    address: parts.address,
    role: raft.role,
    memberRole: members.find((member) => member.id === raft.id)?.role,
    term: raft.term,
    leader: parts.leader,
    members,
    lastIndex: raft.lastIndex,
    stored: raft.storedIndex,
    commit: raft.commit,
    applied: parts.applied,
    snapshotIndex: logIndex(log.snapshotIndex),
    databases: parts.databases,
    quarantined: raft.quarantined,
    counters: { ...parts.counters, syncs: log.syncs, entriesWritten: log.entriesWritten },
    logBytes: log.bytes,
    followers: raft.followers
      .filter((follower) => follower.id !== raft.id)
      .map(({ id, match, state }) => ({ id, match, state, lag: raft.lastIndex - match })),
  };
}
