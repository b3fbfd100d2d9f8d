import type { Clock, Random, Value } from '../base/index.ts';
import type { PageSource, PageStore } from '../pages/index.ts';

/** Which version a statement sees when it takes SQLite's shared lock (M4). */
export type PinPolicy = 'published' | 'head';

export interface EngineOptions {
  /** For CURRENT_TIMESTAMP and friends. */
  readonly clock: Pick<Clock, 'wallMs'>;
  /** For random(), randomblob() and row ids. */
  readonly random: Random;
  /** Largest transaction, in bytes of page images (M13); default LIMITS.transactionBytes. */
  readonly transactionBytes?: number;
  /** Compiled statements that each connection keeps; default 64. */
  readonly cachedStatements?: number;
}

/** One WASM instance with any number of connections on any number of sources. Single-threaded, synchronous. */
export interface Engine {
  /**
   * Opens a connection. Pages are only read until the first statement runs. Throws QuorateError SQLITE_NOMEM.
   */
  open(source: PageSource, options?: ConnectionOptions): Connection;
  /** Bytes of the WASM memory; it never shrinks (S8: replace the instance above 256 MiB). */
  readonly memoryBytes: number;
  /** Open connections. */
  readonly connections: number;
  /**
   * M3: closes every connection to `store` that has ever pinned a version above `change` (that is
   * `store.published.change` before or after `revert`), with its statements; returns those connections.
   */
  closeAbove(store: PageStore, change: number): readonly Connection[];
  /** Closes all connections to `source` (deleted or restored), or all connections. */
  closeAll(source?: PageSource): readonly Connection[];
}

export interface ConnectionOptions {
  /** Refuse everything that writes to the main database at prepare (SQLITE_READONLY). Default false. */
  readonly readOnly?: boolean;
  /**
   * The connection runs statements of several sessions (M11): one that would leave something behind in it
   * (temp objects, pragmas, ATTACH) fails at prepare with QuorateError SESSION_STATE, before it has any effect.
   * Default false.
   */
  readonly shared?: boolean;
  /** The only functions of SQL that statements may use, in lower case: others are refused at prepare (SQLITE_AUTH). Default all. */
  readonly functions?: ReadonlySet<string>;
  /** Page cache of SQLite, in pages; default 2000. */
  readonly cachePages?: number;
  readonly hooks?: ConnectionHooks;
}

/** All optional. They run inside SQLite calls: they must not call the connection or the engine, and not throw. */
export interface ConnectionHooks {
  /**
   * The last point at which a commit can be refused (FCNTL_SYNC). Return 0, or the SQLite code that the
   * statement fails with, unchanged (for example 10250, IOERR_NOT_LEADER).
   */
  beforeCommit?(): number;
  /** The write set went into head (COMMIT_PHASETWO); `changed` is false when no page changed. */
  committed?(changed: boolean): void;
  /** About every 1,000 operations of the virtual machine; true interrupts the statement (SQLITE_INTERRUPT). */
  progress?(): boolean;
  /** Before a page is copied out of the version that is read; true ends the statement (SQLITE_INTERRUPT). */
  pageRead?(): boolean;
  /** A pragma before all other rules; undefined = the usual rules apply. Name in lower case. */
  pragma?(name: string, argument: string | undefined): PragmaAnswer | undefined;
}

/** `row` = answered with that one value; `none` = done without a row; `error` = fails with the message. */
export type PragmaAnswer =
  | { readonly kind: 'row'; readonly text: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly message: string };

/** What last_insert_rowid(), changes() and total_changes() answer (M11): a session's own values. */
export interface SessionCounters {
  lastInsertRowid: bigint;
  changes: bigint;
  totalChanges: bigint;
}

/** A statement and where it ended in its text. */
export interface Prepared {
  /** Undefined when the text holds nothing but white space and comments. */
  readonly statement: Statement | undefined;
  /** Byte offset in the UTF-8 text of the first byte after the statement and its semicolon. */
  readonly tail: number;
}

export interface Connection {
  readonly closed: boolean;
  readonly source: PageSource;
  /** Takes effect at the next statement or transaction that starts. Default 'published'. */
  pinPolicy: PinPolicy;
  /**
   * The session whose statement runs next: what last_insert_rowid(), changes() and total_changes() answer until the
   * statement itself changes something. The connection never writes into it (but see `lastInsertRowid`): after each
   * statement the machine stores what `changes`, `totalChanges` and `lastInsertRowid` say.
   */
  counters: SessionCounters;
  /**
   * True: statements may write the engine's own tables (`__quorate_…`, S20). They are not cached. Default false.
   */
  privileged: boolean;
  /** The newest change number this connection ever pinned (M3). */
  readonly newestChange: number;
  /** The version that the running transaction or statement sees; undefined when none is pinned. */
  readonly pinnedChange: number | undefined;
  /** Log index of that version. */
  readonly pinnedIndex: number | undefined;
  /** Whether that version is still the newest published one; false when none is pinned. */
  readonly pinnedIsNewest: boolean;
  /** The image of a page of that version; undefined when none is pinned, or the page does not exist. Valid while it is pinned. */
  pinnedPage(pageNumber: number): Uint8Array | undefined;
  /** False inside BEGIN…COMMIT or SAVEPOINT…RELEASE (sqlite3_get_autocommit). */
  readonly autocommit: boolean;
  /** sqlite3_txn_state of the main database. */
  readonly transaction: 'none' | 'read' | 'write';
  /** The last failure was caused by the transaction limit (M13): report TX_TOO_LARGE. Cleared by the next transaction. */
  readonly tooLarge: boolean;
  /** A temp object or an attached temporary database was made, or a connection pragma set: not to be shared (M11). */
  readonly hasSessionState: boolean;
  /** Rows changed by the last INSERT, UPDATE or DELETE (sqlite3_changes64). */
  readonly changes: bigint;
  readonly totalChanges: bigint;
  /** Setting it also sets `counters.lastInsertRowid`. */
  lastInsertRowid: bigint;

  /**
   * Compiles the first statement of `sql`, from the cache when the text is known and its statement idle.
   * Give it back with `statement.release()`. Throws QuorateError: SQLITE_ERROR, SQLITE_AUTH (23) with the reason, …
   */
  prepare(sql: string): Prepared;
  /** Compiles the statement that starts at byte `offset` of a UTF-8 text; not cached. `tail` counts from the text's
   * start. The bytes of a text must stay as they are while it is being worked through. */
  prepareAt(text: Uint8Array, offset: number): Prepared;
  /** Runs all statements of `sql`, dropping rows. For tests and set-up. */
  execute(sql: string): void;
  /**
   * Writes everything the open transaction has changed into the write set, as COMMIT would, and leaves the transaction open.
   * Returns the number of pages that a COMMIT now would change. Throws what the COMMIT would fail with, and does then what it would do.
   */
  flush(): number;
  /** Ends the running statement as soon as possible; for use by hooks and between steps. */
  interrupt(): void;
  /** sqlite3_limit: sets when `value` ≥ 0; returns the earlier value. `id` as SQLITE_LIMIT_*. */
  limit(id: number, value: number): number;
  /** Finalizes all statements, rolls back, releases pins. Idempotent. */
  close(): void;
}

/** SQLite's storage classes as sqlite3_column_type numbers them. */
export const COLUMN_TYPE = { integer: 1, float: 2, text: 3, blob: 4, null: 5 } as const;

export interface Statement {
  readonly sql: string;
  /** sqlite3_stmt_readonly: leaves the database as it is (BEGIN, COMMIT … count as read-only). */
  readonly readonly: boolean;
  /** Leaves something behind in the connection: temp objects, pragmas, ATTACH (M11). */
  readonly makesSessionState: boolean;
  /** Changes what the main database is made of: CREATE, ALTER, DROP of what is not temporary. */
  readonly definesSchema: boolean;
  /** True for EXPLAIN and EXPLAIN QUERY PLAN. */
  readonly isExplain: boolean;
  readonly parameterCount: number;
  /** Names with their prefix (`:a`, `@a`, `$a`, `?5`), '' for a plain `?`; index 0 is parameter 1. */
  readonly parameterNames: readonly string[];
  /** Columns: read again after the first step, a changed schema recompiles the statement. */
  readonly columnCount: number;
  readonly columnNames: readonly string[];
  /** Declared types, '' for an expression. */
  readonly columnTypes: readonly string[];
  /** Both at once, for one call into SQLite instead of two. */
  readonly columns: { readonly names: readonly string[]; readonly types: readonly string[] };

  /** Binds parameter `index`, from 1. NaN becomes NULL. Throws SQLITE_RANGE (25), SQLITE_TOOBIG (18). */
  bind(index: number, value: Value): void;
  /** Binds the text that a range of UTF-8 bytes is; what is no UTF-8 in it becomes U+FFFD. */
  bindUtf8(index: number, bytes: Uint8Array, start: number, end: number): void;
  /** Binds a float even when the number is an integer (`1.0`); dqlite's wire tells them apart. */
  bindDouble(index: number, value: number): void;
  clearBindings(): void;
  /** True = a row is there, false = done. Throws QuorateError with SQLite's code; the statement is then reset. */
  step(): boolean;
  /** Ends the execution; bindings stay. Never throws. */
  reset(): void;
  /** Resets, clears the bindings and gives the statement back to the cache (or finalizes it). Use it no more. */
  release(): void;

  /** Columns of the current row, from 0. */
  type(column: number): number;
  /** A float, or an integer rounded to a double. */
  double(column: number): number;
  /** An integer without loss. */
  bigint(column: number): bigint;
  /** An integer as number when it is safe, else as bigint. */
  integer(column: number): number | bigint;
  /** UTF-8 bytes of a text, a view of the WASM heap: valid until the next call of anything in the engine. */
  textBytes(column: number): Uint8Array;
  /** A view like `textBytes`. */
  blobBytes(column: number): Uint8Array;
  text(column: number): string;
  /** The value by its type; blobs are copied. */
  value(column: number): Value;
}
