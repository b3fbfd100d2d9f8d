import type { Limits, LogIndex, Member, NodeId, Term } from '../base/index.ts';
import type { Cluster, Database, DatabaseOptions } from '../client/index.ts';
import type { NodeStatus } from '../node/index.ts';

/** How a node with an empty directory begins; a directory with data is always resumed. */
export type StartMode = 'auto' | 'bootstrap' | 'wait';

/** Options of `startNode`. */
export interface NodeOptions {
  /** Data directory of this node alone; created if missing. */
  readonly dir: string;
  /** HOST:PORT under which other nodes and clients reach this node. Fixed for the life of the directory. */
  readonly address: string;
  /** HOST:PORT to listen on when it differs from `address`. */
  readonly bind?: string | undefined;
  /** Only for a new directory; drawn at random (or 1 for a bootstrap) when absent. */
  readonly id?: bigint | undefined;
  /** Addresses of members of the cluster to join. */
  readonly join?: readonly string[] | undefined;
  /** 'auto': join when `join` is given, else bootstrap; 'wait': be added by a client. Default 'auto'. */
  readonly start?: StartMode | undefined;
  /** 'manual': nobody changes roles by itself. Default 3 voters and 3 stand-bys. */
  readonly roles?: 'manual' | { readonly voters?: number; readonly standbys?: number } | undefined;
  readonly failureDomain?: number | undefined;
  /** Lower is preferred for promotion. */
  readonly weight?: number | undefined;
  /** Default 800. */
  readonly electionTimeoutMs?: number | undefined;
  /** Default 100. */
  readonly heartbeatMs?: number | undefined;
  /** In log entries; by default snapshots follow the size of the log. */
  readonly snapshot?: { readonly threshold?: number; readonly trailing?: number } | undefined;
  /**
   * false: everything on the caller's thread. Then a statement may take half an election timeout (STATEMENT_TOO_LONG),
   * and what else the process does on that thread delays consensus. Default true.
   */
  readonly threads?: boolean | undefined;
  /** Reader threads, 1 to 16. Default 2. */
  readonly readers?: number | undefined;
  /**
   * What the reads of clients that speak dqlite's own protocol (go-dqlite, the C client) are guaranteed to see; they cannot
   * ask for a level themselves. See `Consistency`. Default 'linearizable'.
   */
  readonly dqliteReads?: 'linearizable' | 'lease' | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Permits listening on an address that is not loopback although nothing is encrypted yet. */
  readonly insecure?: boolean | undefined;
  /** Gives up starting; closes what was opened. */
  readonly signal?: AbortSignal | undefined;
  /** Receives what an operator should see. Default: warnings and errors to standard error. */
  readonly log?: LogSink | undefined;
}

export type LogSink = (record: LogRecord) => void;

export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export interface NodeEvents {
  role: { role: NodeStatus['role']; term: Term };
  leader: { id: NodeId; address: string } | undefined;
  members: readonly Member[];
  snapshot: { index: LogIndex; bytes: number; ms: number; installed: boolean };
  disk: { state: 'ok' | 'full' | 'damaged'; detail: string };
  /** The node ended: by `close` or because an invariant broke. */
  stopped: { reason: string };
}

/** A running node. */
export interface QuorateNode extends AsyncDisposable {
  readonly id: bigint;
  readonly address: string;
  readonly cluster: Cluster;
  /** A database of the cluster; the same handle for the same name and options. Nothing happens before the first call on it. */
  database(name: string, options?: DatabaseOptions): Database;
  /** Resolves when the node is a member, knows the leader and has caught up once. */
  ready(options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): Promise<void>;
  status(): Promise<NodeStatus>;
  on<E extends keyof NodeEvents>(event: E, listener: (event: NodeEvents[E]) => void): () => void;
  /**
   * Hands leadership over first, and the role of a voter or stand-by where another member can take it, unless told not to; that takes 5 s
   * at most. Idempotent.
   */
  close(options?: { readonly handover?: boolean }): Promise<void>;
}
