import type { LogIndex, Member, NodeId, Outcome, Role, Term } from '../base/index.ts';
import type {
  RowFormat,
  StatementDescription,
  StatementResult,
  StatementResults,
  Work,
} from '../machine/index.ts';

export type Consistency = 'linearizable' | 'lease' | 'session' | 'local';

/** One request as a session (plain dqlite or extension) hands it to the node. */
export interface NodeRequest {
  readonly database: string;
  readonly work: Work;
  readonly format: RowFormat;
  readonly consistency: Consistency;
  /** 'session': the replica must have applied this. 0 = nothing. */
  readonly minimumIndex: LogIndex;
  /** 'local': refused when the replica is older; undefined = any age. */
  readonly maxStalenessMs: number | undefined;
  readonly maxStalenessEntries: number | undefined;
  /** 0 = no limit of the caller's. */
  readonly timeoutMs: number;
  /** Which migrations the code that asks knows (room `schema`, `Declaration.id`); '' = it does not say. */
  readonly declaration: string;
}

/** Failure as a session reports it: to plain clients by `dqliteCode`, to ours whole. */
export interface RequestFailure {
  /** As QuorateError.code. */
  readonly code: string;
  readonly message: string;
  /** SQLite extended result code; 0 = not from SQLite. */
  readonly rawCode: number;
  readonly extendedCode: string | undefined;
  readonly offset: number | undefined;
  readonly statementIndex: number | undefined;
  readonly retryable: boolean;
  readonly outcome: Outcome | undefined;
  /** Address of the leader when known. */
  readonly leader: string | undefined;
  /** Failure code for plain dqlite clients (client-protocol.md §10, S3). */
  readonly dqliteCode: number;
}

export type RequestResult =
  | {
      readonly kind: 'done';
      readonly index: LogIndex;
      readonly results: StatementResults;
      readonly inTransaction: boolean;
    }
  | { readonly kind: 'described'; readonly description: StatementDescription }
  | {
      readonly kind: 'failed';
      readonly failure: RequestFailure;
      readonly results: readonly StatementResult[];
      readonly inTransaction: boolean;
    };

/** Receives the answer to one request; nothing arrives before it passed the output gate. */
export interface AnswerSink {
  /** An encoded batch of rows; give it back with `credit` when it was sent. */
  rows(batch: Uint8Array): void;
  /** Called exactly once. */
  end(result: RequestResult): void;
}

export interface RunningRequest {
  /** The sink took that many batches. */
  credit(batches: number): void;
  /** Ends it as soon as possible; the sink still gets its `end`. */
  interrupt(): void;
}

/** State of one client connection or stream: transaction, temp tables, counters. One request at a time. */
export interface NodeSession {
  submit(request: NodeRequest, sink: AnswerSink): RunningRequest;
  /** Rolls back and frees everything. A running request gets no further calls. */
  close(): void;
}

export interface SessionOptions {
  /** A declared read-only transaction: lives on a reader at one published version. */
  readonly readOnly: boolean;
  readonly transactionIdleMs: number;
  readonly transactionTotalMs: number;
  /** The node lost leadership or reverted what this session saw: transaction, statements and database are gone. */
  lost(): void;
}

export interface LeaderHint {
  readonly id: NodeId;
  readonly address: string;
}

export interface NodeStatus {
  readonly id: NodeId;
  readonly address: string;
  readonly role: 'leader' | 'candidate' | 'follower';
  readonly memberRole: Role | undefined;
  readonly term: Term;
  readonly leader: LeaderHint | undefined;
  readonly members: readonly Member[];
  readonly lastIndex: LogIndex;
  readonly stored: LogIndex;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly snapshotIndex: LogIndex;
  readonly databases: readonly string[];
  readonly quarantined: boolean;
  /** Counters since start. */
  readonly counters: {
    readonly entriesProposed: number;
    readonly transactionsProposed: number;
    readonly syncs: number;
    readonly entriesWritten: number;
    readonly readRounds: number;
    /** Reads of the level `lease` that needed no round. */
    readonly leasedReads: number;
    readonly snapshotsTaken: number;
    readonly snapshotsInstalled: number;
    readonly elections: number;
  };
  readonly logBytes: number;
  readonly followers: readonly {
    readonly id: NodeId;
    readonly match: LogIndex;
    readonly state: string;
    readonly lag: number;
  }[];
}

export type NodeEvent =
  | { readonly kind: 'role'; readonly role: NodeStatus['role']; readonly term: Term }
  | { readonly kind: 'leader'; readonly leader: LeaderHint | undefined }
  | { readonly kind: 'members'; readonly members: readonly Member[] }
  | {
      readonly kind: 'snapshot';
      readonly index: LogIndex;
      readonly bytes: number;
      readonly ms: number;
      readonly installed: boolean;
    }
  | { readonly kind: 'applied'; readonly index: LogIndex }
  | { readonly kind: 'disk'; readonly state: 'ok' | 'full' | 'damaged'; readonly detail: string }
  /** A database whose text is UTF-16, written by a C node: statements on it fail wherever a Quorate node runs them (S12). */
  | { readonly kind: 'unreadable'; readonly database: string }
  | { readonly kind: 'stopped'; readonly reason: string };

/** Pages of one database as this replica has published them. */
export interface DatabaseImage {
  readonly index: LogIndex;
  readonly pages: number;
  /** Pages 1..n concatenated, in chunks; must be read to the end or closed. */
  chunks(): AsyncIterableIterator<Uint8Array>;
}

/** What `server` needs of a node; implemented by `Node`, faked in tests of `server`. */
export interface NodeServices {
  status(): NodeStatus;
  /** The leader to tell clients, by the rules of client-protocol.md §8.1. */
  leaderHint(): LeaderHint | undefined;
  isLeader(): boolean;
  openSession(options: SessionOptions): NodeSession;
  /** A request without a session: autocommit or a batch. Many may run at once. */
  execute(request: NodeRequest, sink: AnswerSink): RunningRequest;
  /** Leader only: confirms leadership, resolves to an index that includes everything acknowledged before. */
  readIndex(timeoutMs: number): Promise<LogIndex>;
  add(id: NodeId, address: string): Promise<void>;
  assign(id: NodeId, role: Role): Promise<void>;
  remove(id: NodeId): Promise<void>;
  transfer(to: NodeId): Promise<void>;
  /** undefined = no such database here. */
  image(database: string): Promise<DatabaseImage | undefined>;
  failureDomain: bigint;
  weight: bigint;
  on(listener: (event: NodeEvent) => void): () => void;
}
