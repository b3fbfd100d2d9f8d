import type {
  Configuration,
  Entry,
  EntryType,
  InstallSnapshot,
  LogIndex,
  NodeId,
  RaftMessage,
  Random,
  Role,
  Term,
} from '../base/index.ts';

/** What was read from the disk at start, plus settings. */
export interface RaftStart {
  readonly id: NodeId;
  readonly address: string;
  readonly term: Term;
  readonly vote: NodeId;
  readonly snapshot: SnapshotInfo | undefined;
  /** Index of the first entry of `entries` (snapshot index + 1 − trailing, or 1). */
  readonly firstIndex: LogIndex;
  readonly entries: readonly Entry[];
  /** Refuses votes and acknowledgements: this voter may have lost what it acknowledged (M15). */
  readonly quarantined: boolean;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** For how long a round that was confirmed is a lease (M7): shorter than the election timeout of any voter. */
  readonly leaseMs: number;
  /** Bytes of entry data kept in memory; what is older is asked for with `fetch-entries`. */
  readonly tailBytes: number;
  readonly random: Random;
  /** Clock.now() at start. */
  readonly now: number;
}

export interface SnapshotInfo {
  readonly index: LogIndex;
  readonly term: Term;
  readonly configurationIndex: LogIndex;
  readonly configuration: Configuration;
}

export type MembershipChange =
  | { readonly kind: 'add'; readonly id: NodeId; readonly address: string }
  | { readonly kind: 'assign'; readonly id: NodeId; readonly role: Role }
  | { readonly kind: 'remove'; readonly id: NodeId };

/** Everything that can happen to the core. All times are Clock.now() milliseconds. */
export type RaftInput =
  | { readonly kind: 'tick'; readonly now: number }
  | {
      readonly kind: 'receive';
      readonly now: number;
      readonly from: NodeId;
      readonly fromAddress: string;
      readonly message: Exclude<RaftMessage, InstallSnapshot>;
    }
  /** A proposal of the machine; refused (output `refused`) unless leader, not in a transfer, and in `term`. */
  | {
      readonly kind: 'propose';
      readonly now: number;
      readonly term: Term;
      readonly type: EntryType & ('command' | 'barrier');
      readonly data: Uint8Array;
      /** Comes back in `accepted` or `refused`. */
      readonly tag: number;
    }
  /** The persist operation with this ticket, and all before it, are durable. */
  | { readonly kind: 'persisted'; readonly now: number; readonly ticket: number }
  /** The log could not be written: the leader steps down, the entry counts as lost locally. */
  | { readonly kind: 'persist-failed'; readonly now: number; readonly ticket: number }
  /** The state machine has applied up to `index` (used for snapshots, not for safety). */
  | { readonly kind: 'applied'; readonly now: number; readonly index: LogIndex }
  /** Starts a read round for all reads that arrived before now (M6); answered by `read-confirmed`. */
  | { readonly kind: 'read'; readonly now: number; readonly tag: number }
  | {
      readonly kind: 'change';
      readonly now: number;
      readonly change: MembershipChange;
      readonly tag: number;
    }
  /** Transfer leadership; target 0n = the core chooses (§13). Answered by `transfer-finished`. */
  | {
      readonly kind: 'transfer';
      readonly now: number;
      readonly target: NodeId;
      readonly tag: number;
    }
  /** The local snapshot is on disk: older entries may leave memory, keeping `trailing` entries. */
  | {
      readonly kind: 'snapshot-taken';
      readonly now: number;
      readonly snapshot: SnapshotInfo;
      readonly trailing: number;
    }
  /** Header of an InstallSnapshot arrived; the output says whether to receive it (`install`) or skip it. */
  | {
      readonly kind: 'install-offered';
      readonly now: number;
      readonly from: NodeId;
      readonly fromAddress: string;
      readonly message: InstallSnapshot;
    }
  /** The installed snapshot is durable and restored, or its reception failed. */
  | {
      readonly kind: 'install-finished';
      readonly now: number;
      readonly ok: boolean;
    }
  /** Answers `fetch-entries`: some of what was asked for, from the first one on, or undefined when it cannot be read. */
  | {
      readonly kind: 'entries-fetched';
      readonly now: number;
      readonly to: NodeId;
      readonly first: LogIndex;
      readonly entries: readonly Entry[] | undefined;
    }
  /** The snapshot sent to a follower was handed over completely, or sending failed. */
  | {
      readonly kind: 'snapshot-sent';
      readonly now: number;
      readonly to: NodeId;
      readonly ok: boolean;
    }
  /** This node turned out to be a voter that lost its log: it refuses votes and acknowledgements from now on (M15). */
  | { readonly kind: 'quarantine'; readonly now: number }
  /** A connection to this peer broke or messages to it were dropped. */
  | { readonly kind: 'unreachable'; readonly now: number; readonly peer: NodeId };

/** A write to stable storage. Operations are carried out in order; all are durable before `persisted`. */
export type PersistOperation =
  | { readonly kind: 'metadata'; readonly term: Term; readonly vote: NodeId }
  | { readonly kind: 'truncate'; readonly from: LogIndex }
  | { readonly kind: 'append'; readonly first: LogIndex; readonly entries: readonly Entry[] };

export interface Envelope {
  readonly to: NodeId;
  readonly address: string;
  readonly message: Exclude<RaftMessage, InstallSnapshot>;
}

export type ReadFailure = 'not-leader' | 'leadership-lost';

/** Error of a membership change or transfer, with the texts of client-protocol.md §10.3. */
export type ChangeError =
  | 'not-leader'
  | 'leadership-lost'
  | 'cannot-change'
  | 'bad-id'
  | 'not-found'
  | 'bad-role'
  | 'last-voter'
  | 'bad-address'
  | 'too-many-members'
  | 'duplicate-id'
  | 'duplicate-address'
  | 'no-connection'
  | 'transfer-failed';

/**
 * What the caller must do, in this order:
 * 1. `send` may leave at once;
 * 2. `persist` is queued behind everything queued before; when durable, step { kind: 'persisted', ticket },
 *    and only then `sendAfter` leaves (answers that promise what is on disk). With an empty `persist` it
 *    leaves when everything queued before is durable;
 * 3. `effects` are carried out in order.
 */
export interface RaftOutput {
  readonly send: readonly Envelope[];
  readonly persist: readonly PersistOperation[];
  /** Number of this batch of `persist`; 0 when `persist` is empty. */
  readonly ticket: number;
  readonly sendAfter: readonly Envelope[];
  readonly effects: readonly RaftEffect[];
  /** Clock.now() at which `tick` is due next at the latest. */
  readonly nextTick: number;
}

export type RaftEffect =
  /** Entries became committed; in order, without gaps. Also after a restart, from the snapshot on. */
  | { readonly kind: 'commit'; readonly first: LogIndex; readonly entries: readonly Entry[] }
  | {
      readonly kind: 'accepted';
      readonly tag: number;
      readonly index: LogIndex;
      readonly term: Term;
    }
  | { readonly kind: 'refused'; readonly tag: number }
  | {
      readonly kind: 'role';
      readonly role: 'leader' | 'candidate' | 'follower';
      readonly term: Term;
    }
  /** The leader as this node knows it; id 0n and '' when unknown (§8.1 of client-protocol.md decides who tells). */
  | { readonly kind: 'leader'; readonly id: NodeId; readonly address: string }
  /** The configuration in force, possibly uncommitted. */
  | {
      readonly kind: 'configuration';
      readonly configuration: Configuration;
      readonly index: LogIndex;
      readonly committed: boolean;
    }
  /** A quorum confirmed leadership after the time `at`: what was committed then, anywhere, is at or below `index`. */
  | { readonly kind: 'leadership-proven'; readonly at: number; readonly index: LogIndex }
  /** A quorum confirmed leadership after `read` with this tag arrived; reads see `index` at least. */
  | { readonly kind: 'read-confirmed'; readonly tag: number; readonly index: LogIndex }
  | { readonly kind: 'read-failed'; readonly tag: number; readonly reason: ReadFailure }
  | {
      readonly kind: 'change-finished';
      readonly tag: number;
      readonly error: ChangeError | undefined;
    }
  | {
      readonly kind: 'transfer-finished';
      readonly tag: number;
      readonly error: ChangeError | undefined;
    }
  /** Read these entries from the disk, fewer than `last` says if they are longer than `bytesMax` together; answer `entries-fetched`. */
  | {
      readonly kind: 'fetch-entries';
      readonly to: NodeId;
      readonly first: LogIndex;
      readonly last: LogIndex;
      readonly bytesMax: number;
    }
  /** Send the newest snapshot to this follower on a connection of its own; answer `snapshot-sent`. */
  | { readonly kind: 'send-snapshot'; readonly to: NodeId; readonly address: string }
  /** Receive the offered snapshot, store and restore it, then `install-finished`. */
  | { readonly kind: 'install'; readonly message: InstallSnapshot; readonly from: NodeId }
  /** Read past the payload of the offered snapshot without using it. */
  | { readonly kind: 'skip-install' }
  /** A broken invariant of the cluster (conflict below the commit index): the node must stop. */
  | { readonly kind: 'fatal'; readonly message: string };

/** State that others may look at, never change. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly role: 'leader' | 'candidate' | 'follower';
  readonly term: Term;
  readonly leader: NodeId;
  readonly leaderAddress: string;
  readonly lastIndex: LogIndex;
  /** Oldest entry in memory; lastIndex + 1 when there is none. */
  readonly firstIndex: LogIndex;
  /** Highest index durable on this node. */
  readonly storedIndex: LogIndex;
  readonly commit: LogIndex;
  readonly configuration: Configuration;
  readonly configurationIndex: LogIndex;
  readonly configurationCommitted: boolean;
  readonly transferring: boolean;
  /** On a leader: a TimeoutNow may still be on its way, so there is no lease (M7). */
  readonly timeoutNowOutstanding: boolean;
  readonly quarantined: boolean;
  /** On a leader: replication state by member. */
  readonly followers: readonly FollowerStatus[];
}

export interface FollowerStatus {
  readonly id: NodeId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: 'probe' | 'pipeline' | 'snapshot';
  /** Clock.now() when something was last heard; undefined = never. */
  readonly heardAt: number | undefined;
}
