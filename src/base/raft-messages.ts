import type { Configuration, Entry, LogIndex, Term } from './types.ts';

/** RequestVote (raft-rpc.md §3.1). For a pre-vote `term` is the term the candidate would start. */
export interface RequestVote {
  readonly type: 'request-vote';
  readonly term: Term;
  readonly candidate: bigint;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly disrupt: boolean;
  readonly preVote: boolean;
}

/** RequestVote result (§3.2). `preVote` is undefined in 16-byte messages of old senders. */
export interface RequestVoteResult {
  readonly type: 'request-vote-result';
  readonly term: Term;
  readonly granted: boolean;
  readonly preVote: boolean | undefined;
}

/** AppendEntries (§3.3). `previousIndex` above 2^48 is the nonce of a read round (M6). */
export interface AppendEntries {
  readonly type: 'append-entries';
  readonly term: Term;
  readonly previousIndex: LogIndex;
  readonly previousTerm: Term;
  readonly commit: LogIndex;
  readonly entries: readonly Entry[];
}

/** AppendEntries result (§3.4), also the answer to InstallSnapshot. */
export interface AppendEntriesResult {
  readonly type: 'append-entries-result';
  readonly term: Term;
  /** 0 = success, otherwise the index that was refused. */
  readonly rejected: LogIndex;
  readonly lastIndex: LogIndex;
}

/** InstallSnapshot (§3.5) without its payload, which the node streams on a connection of its own. */
export interface InstallSnapshot {
  readonly type: 'install-snapshot';
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly configurationIndex: LogIndex;
  readonly configuration: Configuration;
  /** Length of the snapshot content that follows, in bytes. */
  readonly dataLength: number;
}

/** TimeoutNow (§3.6): the receiver starts an election at once. */
export interface TimeoutNow {
  readonly type: 'timeout-now';
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

export type RaftMessage =
  | RequestVote
  | RequestVoteResult
  | AppendEntries
  | AppendEntriesResult
  | InstallSnapshot
  | TimeoutNow;
