import type { LogIndex, Member, NodeId, Role, Term, Value } from '../base/index.ts';
import type { DatabaseEvents, Schema, SchemaOptions } from './schema-types.ts';

export type * from './schema-events.ts';
export type * from './schema-status-types.ts';
export type * from './schema-types.ts';

/** What may be given as a parameter: booleans become 1 and 0, dates ISO 8601 text, buffers blobs. */
export type InValue = Value | boolean | Date | ArrayBuffer;

/** Positional parameters, or named ones (with or without the prefix of the placeholder). */
export type Args = readonly InValue[] | Readonly<Record<string, InValue>>;

export type Statement = string | { readonly sql: string; readonly args?: Args | undefined };

/** A statement of a batch: also as a pair of text and parameters. */
export type BatchStatement = Statement | readonly [sql: string, args?: Args | undefined];

/** Own enumerable properties by column name; indices and `length` sit on the prototype that all rows of a statement share. */
export interface Row {
  readonly length: number;
  [index: number]: Value;
  [name: string]: Value;
}

/** The node that executed a statement. */
export interface ExecutedBy {
  readonly id: NodeId;
  /** HOST:PORT as the node names itself. */
  readonly address: string;
}

/** What a statement returned. */
export interface ResultSet<R = Row> {
  readonly columns: string[];
  /** Declared types; '' for expressions. */
  readonly columnTypes: string[];
  readonly rows: R[];
  readonly rowsAffected: number;
  readonly lastInsertRowid: bigint | undefined;
  /** What a read saw, or where a write stands in the replicated log; 0 when the server cannot tell. */
  readonly index: LogIndex;
  readonly executedBy: ExecutedBy;
  /** Plain data for JSON: 64-bit integers as text, blobs as base64. */
  toJSON(): unknown;
}

/**
 * What a read is guaranteed to see. 'linearizable': every write acknowledged before it began. 'lease':
 * the same as long as no clock runs wrong by more than a tenth and no virtual machine with the leader is frozen and thawed; on the leader
 * it needs no answer of others if they have answered within 45 ms. 'session': the own writes, never older than seen before.
 * 'local': whatever the replica has.
 */
export type Consistency = 'linearizable' | 'lease' | 'session' | 'local';

/** Type of integers in results. 'auto': bigint only where a number would lose precision. 'number' throws INTEGER_RANGE, never rounds. */
export type Integers = 'auto' | 'number' | 'bigint';

/** Where reads run: on the leader, on any server, or on the one with this address. */
export type ReadFrom = 'leader' | 'any' | (string & {});

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Limit of the whole call with all its retries, in milliseconds. Default 30 000. */
  readonly timeoutMs?: number | undefined;
  readonly consistency?: Consistency | undefined;
  readonly integers?: Integers | undefined;
  /** With consistency 'local' only. */
  readonly maxStaleness?:
    | { readonly ms?: number | undefined; readonly entries?: number | undefined }
    | undefined;
  /** Default: the node in this process if there is one, else the leader. Writes always go to the leader. */
  readonly readFrom?: ReadFrom | undefined;
}

/** 'write' takes its turn in the queue of writers at once, 'deferred' at its first write. */
export type TransactionMode = 'write' | 'read' | 'deferred';

export interface TransactionOptions extends CallOptions {
  /** Default 'write'. */
  readonly mode?: TransactionMode | undefined;
  /** The server rolls back when nothing arrives for this long. Default 5 000. */
  readonly idleMs?: number | undefined;
  /** How often the function is run again after it was rolled back for a passing reason. Default 0. */
  readonly retries?: number | undefined;
}

export interface Executor {
  /**
   * Runs one statement.
   * @example
   * const result = await db.execute('insert into item (name) values (?)', ['lamp']);
   * console.log(result.lastInsertRowid);
   */
  execute(statement: Statement): Promise<ResultSet>;
  execute(sql: string, args?: Args, options?: CallOptions): Promise<ResultSet>;
  /**
   * Rows of one statement.
   * @example const rows = await db.query<{ name: string }>('select name from item where id > ?', [10]);
   */
  query<R extends object = Row>(sql: string, args?: Args, options?: CallOptions): Promise<R[]>;
  /**
   * The first row of a statement, or undefined.
   * @example const item = await db.first('select * from item where id = :id', { id: 7 });
   */
  first<R extends object = Row>(
    sql: string,
    args?: Args,
    options?: CallOptions,
  ): Promise<R | undefined>;
  /**
   * Rows one after another, all of one version of the database, with bounded memory however many there
   * are. Leaving the loop early ends the statement at the server.
   * @example for await (const row of db.stream('select * from log')) console.log(row);
   */
  stream<R extends object = Row>(
    sql: string,
    args?: Args,
    options?: CallOptions,
  ): AsyncIterableIterator<R>;
  /**
   * Several statements as one transaction: all or nothing, in one round trip.
   * @example await db.batch(['delete from item', ['insert into item (name) values (?)', ['lamp']]]);
   */
  batch(
    statements: readonly BatchStatement[],
    mode?: TransactionMode,
    options?: CallOptions,
  ): Promise<ResultSet[]>;
  /**
   * All statements of a text, each a transaction of its own unless the text has BEGIN; rows are dropped.
   * @example await db.executeMultiple('create table a (x); create table b (y);');
   */
  executeMultiple(sql: string, options?: CallOptions): Promise<void>;
  /**
   * A statement to be run several times.
   * @example
   * const insert = db.prepare('insert into item (name) values (?)');
   * await insert.execute(['lamp']);
   */
  prepare<R extends object = Row>(sql: string): Prepared<R>;
}

/** What the server says about a statement without running it. */
export interface StatementInfo {
  readonly readonly: boolean;
  readonly parameters: readonly string[];
  readonly columns: readonly string[];
  readonly columnTypes: readonly string[];
}

export interface Prepared<R extends object = Row> extends Disposable {
  readonly sql: string;
  /** Asks the server; the answer is kept. Errors in the statement surface here. */
  describe(options?: CallOptions): Promise<StatementInfo>;
  execute(args?: Args, options?: CallOptions): Promise<ResultSet<R>>;
  all(args?: Args, options?: CallOptions): Promise<R[]>;
  first(args?: Args, options?: CallOptions): Promise<R | undefined>;
  stream(args?: Args, options?: CallOptions): AsyncIterableIterator<R>;
}

/** An open transaction. Disposed or closed while open: rolled back. */
export interface Transaction extends Executor, AsyncDisposable {
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Rolls back without waiting, if still open. */
  close(): void;
  readonly closed: boolean;
  /**
   * Runs a function whose statements are undone together when it fails.
   * @example await tx.savepoint(async (inner) => { await inner.execute('delete from item'); });
   */
  savepoint<T>(run: (transaction: Transaction) => Promise<T>): Promise<T>;
}

export interface Transactional extends Executor, AsyncDisposable {
  /**
   * Runs a function in a transaction: committed when it returns, rolled back when it throws.
   * @example
   * await db.transaction(async (tx) => {
   *   await tx.execute('update account set amount = amount - 5 where id = 1');
   *   await tx.execute('update account set amount = amount + 5 where id = 2');
   * });
   */
  transaction<T>(
    run: (transaction: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /**
   * Opens a transaction that the caller commits or rolls back.
   * @example
   * await using tx = await db.transaction('write');
   * await tx.execute('delete from item');
   * await tx.commit();
   */
  transaction(mode?: TransactionMode, options?: TransactionOptions): Promise<Transaction>;
}

/** Options of a synchronous local read. */
export type LocalOptions = Pick<CallOptions, 'maxStaleness' | 'integers'>;

/** How current a replica's own pages are. */
export interface LocalState {
  /** Where the newest published change of this database stands in the replicated log. */
  readonly index: LogIndex;
  /** At most so long ago everything then committed was here, in milliseconds; Infinity before the node has heard a leader. */
  readonly ageMs: number;
  /** Entries of the log that the node knows committed and has not applied. */
  readonly lag: number;
}

/**
 * Synchronous reads, on the caller's thread, of what the replica in this process has published: no network and no promise.
 * A write may be acknowledged a moment before it is published, on this node too: use a session to see one's own writes. A long query
 * keeps the caller's thread.
 */
export interface LocalReader {
  /**
   * Rows of one query. Throws QuorateError: TOO_STALE, DATABASE_NOT_FOUND (not here, or not yet), SQLITE_READONLY,
   * STATEMENT_TOO_LONG, CLOSED, and SQLite's codes.
   * @example const items = db.local?.all<{ name: string }>('select name from item', [], { maxStaleness: { ms: 500 } });
   */
  all<R extends object = Row>(sql: string, args?: Args, options?: LocalOptions): R[];
  /** The first row of a query, or undefined; further rows are not computed. Throws as `all`. */
  get<R extends object = Row>(sql: string, args?: Args, options?: LocalOptions): R | undefined;
  /**
   * Runs several queries on one version of the database. The reader works until `run` returns, so `run` must be synchronous.
   * @example const sums = db.local?.snapshot((r) => [r.get('select sum(x) from a'), r.get('select sum(x) from b')]);
   */
  snapshot<T>(run: (reader: LocalReader) => T): T;
  /** Of the newest published version; inside a snapshot of the one it keeps. Throws DATABASE_NOT_FOUND. */
  readonly state: LocalState;
}

/** One database of a cluster. */
export interface Database extends Transactional {
  readonly name: string;
  readonly closed: boolean;
  /**
   * Reads that see the own writes and never go back in time, also on followers. The token of an earlier
   * session, for example from a cookie, continues it.
   * @example const session = db.session(cookies.get('quorate'));
   */
  session(token?: string): Session;
  /** Reads of the replica in this process; undefined for `connect`, where there is none. */
  readonly local: LocalReader | undefined;
  /** The migrations that this program takes part in; undefined unless the option `schema` was given. */
  readonly schema: Schema | undefined;
  /**
   * Tells a listener what happens to the schema, when the option `schema` was given; returns what ends that.
   * @example db.on('fenced', ({ reason }) => { console.error(reason); });
   */
  on<E extends keyof DatabaseEvents>(
    event: E,
    listener: (event: DatabaseEvents[E]) => void,
  ): () => void;
  /** Ends what is running with CLOSED and frees the connections if nobody else uses them. */
  close(): Promise<void>;
}

/** Read-your-writes and monotonic reads; `token` travels in a cookie or header. */
export interface Session extends Transactional {
  readonly token: string;
}

/** How far a follower is, as its leader sees it. */
export interface FollowerReport {
  readonly id: NodeId;
  /** It is known to have the log up to here. */
  readonly match: LogIndex;
  /** 'probe', 'pipeline' or 'snapshot'. */
  readonly state: string;
  /** Entries that it lacks. */
  readonly lag: number;
}

/** State of one node as its operators see it. */
export interface NodeStatusReport {
  readonly id: NodeId;
  readonly address: string;
  readonly role: 'leader' | 'candidate' | 'follower';
  /** Undefined when it is no member. */
  readonly memberRole: Role | undefined;
  readonly term: Term;
  readonly leader: { readonly id: NodeId; readonly address: string } | undefined;
  readonly members: readonly Member[];
  /** End of the log, how far of it is on disk, known committed, and applied to the databases. */
  readonly lastIndex: LogIndex;
  readonly stored: LogIndex;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly snapshotIndex: LogIndex;
  readonly databases: readonly string[];
  /** It may have lost what it acknowledged: it neither votes nor acknowledges. */
  readonly quarantined: boolean;
  /** Since the node's start, by name: syncs, entriesWritten, entriesProposed, transactionsProposed, readRounds, … */
  readonly counters: Readonly<Record<string, number>>;
  /** Of the log on disk. */
  readonly logBytes: number;
  /** On the leader; empty elsewhere. */
  readonly followers: readonly FollowerReport[];
}

/** Checksum of the pages of one database as one replica has them. */
export interface DatabaseDigest {
  /** The last log entry applied. Replicas at the same index have equal digests. */
  readonly index: LogIndex;
  readonly pages: number;
  /** SHA-256 in hexadecimal digits. */
  readonly sha256: string;
}

/** Members of the cluster and changes to them. */
export interface Cluster {
  /** The leader, or undefined when there is none at the moment. */
  leader(options?: CallOptions): Promise<Member | undefined>;
  members(options?: CallOptions): Promise<Member[]>;
  /** Adds a node as spare; `assign` gives it another role. */
  add(id: NodeId, address: string, options?: CallOptions): Promise<void>;
  assign(id: NodeId, role: Role, options?: CallOptions): Promise<void>;
  remove(id: NodeId, options?: CallOptions): Promise<void>;
  /** Moves leadership to a voter, by default one of the leader's choice. */
  transfer(to?: NodeId, options?: CallOptions): Promise<void>;
  /** Of the node with this id. */
  describe(
    id: NodeId,
    options?: CallOptions,
  ): Promise<{ readonly failureDomain: number; readonly weight: number }>;
  /** Of the node at this address. Not available from C nodes. */
  status(address: string, options?: CallOptions): Promise<NodeStatusReport>;
  /** Of a database at the node with this address. Not available from C nodes. */
  digest(address: string, database: string, options?: CallOptions): Promise<DatabaseDigest>;
}

/** Defaults of all calls of a database. */
export interface DatabaseOptions
  extends Pick<CallOptions, 'consistency' | 'integers' | 'timeoutMs' | 'readFrom'> {
  /** Migrations that this program knows and takes part in. */
  readonly schema?: SchemaOptions | undefined;
}
