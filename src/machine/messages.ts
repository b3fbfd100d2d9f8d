import type { LogIndex, Value } from '../base/index.ts';
import type { StatementBatch } from '../wire/index.ts';

/** How row batches are encoded: dqlite's Rows body, or the body of our extension's Rows (docs/protocol-extensions.md). */
export type RowFormat = 'dqlite' | 'extension';

/** Positional values, or pairs of a name (with or without its prefix) and a value. */
export type Parameters =
  | { readonly kind: 'positional'; readonly values: readonly Value[] }
  | { readonly kind: 'named'; readonly values: readonly (readonly [string, Value])[] };

export interface StatementRequest {
  readonly sql: string;
  readonly parameters: Parameters;
}

/** What a session asks of a database. */
export type Work =
  /** Prepare only: parameters, columns, tail. */
  | { readonly action: 'describe'; readonly sql: string }
  /**
   * One statement. `rows`: 'send' encodes them; 'refuse' fails when the statement yields one (dqlite's Exec).
   * `tail`: 'refuse' fails when text remains after the statement, 'ignore' does not look at it.
   * `surplus`: what happens with more parameters than placeholders (client-protocol.md §6.2).
   */
  | {
      readonly action: 'statement';
      readonly statement: StatementRequest;
      readonly rows: 'send' | 'refuse';
      readonly tail: 'refuse' | 'ignore';
      readonly surplus: 'refuse' | 'ignore';
    }
  /** All statements of a text, one after another, parameters handed out progressively (§6.2); rows are refused
   * or dropped. Each is its own transaction unless the text has BEGIN. */
  | {
      readonly action: 'script';
      readonly sql: string;
      readonly parameters: readonly Value[];
      readonly rows: 'refuse' | 'drop';
    }
  /** Statements as one transaction, all or nothing; rows of each are sent. */
  | {
      readonly action: 'batch';
      readonly statements: StatementBatch;
      readonly mode: 'write' | 'read' | 'deferred';
    }
  /** About schema migrations: a request of room `schema` as JSON; the answer is one row with one text, JSON too. */
  | { readonly action: 'schema'; readonly json: string }
  /** Tries migrations on a copy of what is published (`RehearsalRequest` as JSON), on a reader; answered like 'schema'. */
  | { readonly action: 'rehearse'; readonly json: string };

/** What an answer has seen; the output gate holds it until that is committed (M5). */
export type Observed =
  /** Needs the seal with this sequence number of this epoch and database to be published. */
  | {
      readonly kind: 'speculative';
      readonly epoch: number;
      readonly database: string;
      readonly sequence: number;
      /** True when the request itself committed changes that are in that seal. */
      readonly wrote: boolean;
    }
  /** Saw only what was published when this index had been applied. */
  | { readonly kind: 'published'; readonly index: LogIndex };

/** State of a session after an answer. */
export interface SessionState {
  readonly transaction: 'none' | 'read' | 'write';
  /** The transaction was ended by the server; everything fails until ROLLBACK (M12). */
  readonly aborted: boolean;
  /** The session has a connection of its own on the SQL thread (M11). */
  readonly home: boolean;
}

export interface StatementResult {
  readonly rowsAffected: number;
  readonly lastInsertRowid: bigint;
  readonly columns: readonly string[];
  readonly columnTypes: readonly string[];
}

/** Those of a batch that may write are encoded as in End of the extension (`ResultsWriter`): they cross threads. */
export type StatementResults = readonly StatementResult[] | Uint8Array;

export interface StatementDescription {
  readonly parameters: readonly string[];
  readonly columns: readonly string[];
  readonly columnTypes: readonly string[];
  readonly readonly: boolean;
  /** Byte offset of the first byte after the statement; the text's length when nothing follows. */
  readonly tail: number;
  /** Only white space and comments follow. */
  readonly tailEmpty: boolean;
}

/** A failed request. `code` as in QuorateError; `rawCode` the SQLite extended code (0 = not from SQLite). */
export interface SqlFailure {
  readonly code: string;
  readonly message: string;
  readonly rawCode: number;
  readonly extendedCode?: string | undefined;
  readonly offset?: number | undefined;
  readonly statementIndex?: number | undefined;
  readonly retryable: boolean;
}

export type RequestEnd =
  | { readonly kind: 'done'; readonly results: StatementResults }
  | { readonly kind: 'described'; readonly description: StatementDescription }
  | {
      readonly kind: 'failed';
      readonly failure: SqlFailure;
      /** Results of the statements of a script that stay in effect (S4). */
      readonly results: readonly StatementResult[];
    }
  /** Not for this thread: a reader was given a write, or the machine an autocommit read. */
  | { readonly kind: 'redirect' };

/** Part of the answer to a request; the one with `end` is the last. */
export interface Answer {
  readonly kind: 'answer';
  readonly session: number;
  readonly request: number;
  readonly observed: Observed;
  /**
   * Encoded row batches in the request's format, in order. The last batch of each statement has the end marker. In our own format a
   * statement without columns has no batch, except in a `batch`, where it has one before those of a later statement.
   */
  readonly rows: readonly Uint8Array[];
  readonly end: RequestEnd | undefined;
  readonly state: SessionState;
}

/** A request of a session. Session 0 keeps no state: each of its requests stands alone. */
export interface Submit {
  readonly kind: 'submit';
  readonly session: number;
  /** Unique in the process. */
  readonly request: number;
  readonly database: string;
  readonly work: Work;
  readonly format: RowFormat;
  /** Milliseconds that the whole request may take from its arrival; 0 = no limit of the caller's. */
  readonly timeoutMs: number;
  /** For a session's transaction: limits in ms; 0 = default of LIMITS. */
  readonly transactionIdleMs: number;
  readonly transactionTotalMs: number;
  /** Which migrations the code that asks knows (`Declaration.id`); absent = it does not say. */
  readonly declaration?: string | undefined;
}

/** To the machine and to readers alike. */
export type SessionMessage =
  | Submit
  /** The consumer took batches: that many more may be produced. Requests start with LIMITS.rowsBatchesAhead. */
  | { readonly kind: 'credit'; readonly request: number; readonly batches: number }
  /** Ends the request as soon as possible; it is answered with a failure SQLITE_INTERRUPT, or its result. */
  | { readonly kind: 'interrupt'; readonly request: number }
  /** Rolls back and forgets the session; its running request is interrupted and not answered. */
  | { readonly kind: 'close-session'; readonly session: number };

/** node → machine. All but `submit` are handled even while a statement runs. */
export type ToMachine =
  | SessionMessage
  /** Leadership `epoch` may execute: its barrier is applied (M2). */
  | { readonly kind: 'lead'; readonly epoch: number }
  /** Leadership is over: revert everything unpublished, close connections that saw it (M3), abort sessions (M12). */
  | { readonly kind: 'unlead'; readonly epoch: number }
  /** The proposal of this seal was refused (M2). Means the same as `unlead`: the epoch is over, another one may follow. */
  | {
      readonly kind: 'refused';
      readonly epoch: number;
      readonly database: string;
      readonly sequence: number;
    }
  /** A live sealed version was committed at `index`. */
  | {
      readonly kind: 'publish';
      readonly epoch: number;
      readonly database: string;
      readonly sequence: number;
      readonly index: LogIndex;
    }
  /** A committed command that is not a live seal of this node. */
  | { readonly kind: 'apply'; readonly index: LogIndex; readonly command: Uint8Array }
  /** Entries without effect on databases were committed up to `index`. */
  | { readonly kind: 'advance'; readonly index: LogIndex }
  /** Do not start (or start again) transactions: the output gate is full. */
  | { readonly kind: 'gate'; readonly open: boolean }
  /**
   * Limit of the unsealed difference in pages (64 with C members, M13). `deletion` false: refuse PRAGMA
   * delete_database, a member is older than C-1.18.3 or of unknown version (S11).
   */
  | {
      readonly kind: 'limits';
      readonly unsealedPages: number;
      readonly deletion?: boolean | undefined;
      /** False: a voter has no fence (a C node), so what breaks older code is not kept from it. Absent = unchanged. */
      readonly fenced?: boolean | undefined;
    }
  /** Ids of the members of the cluster as text: only they count at the barrier of a migration. */
  | { readonly kind: 'members'; readonly ids: readonly string[] }
  /** Before a transfer (S1): start nothing new, end or abort what runs within `graceMs`, seal all, then `drained`. */
  | { readonly kind: 'drain'; readonly id: number; readonly graceMs: number }
  | { readonly kind: 'resume'; readonly id: number }
  /** Pin a cut of all databases at the applied index (S6); answered by `cut`, then read with `read-cut`. */
  | { readonly kind: 'cut'; readonly id: number }
  | { readonly kind: 'read-cut'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'release-cut'; readonly id: number }
  /** A cut of one database as a plain image of its pages (Dump, digest, backup). */
  | { readonly kind: 'cut-database'; readonly id: number; readonly database: string }
  /** Snapshot content arrives in chunks; built beside the old stores, swapped in at `restore-end` (S14). */
  | { readonly kind: 'restore-begin'; readonly id: number; readonly index: LogIndex }
  | { readonly kind: 'restore-chunk'; readonly id: number; readonly bytes: Uint8Array }
  /** The content is complete: answered by `restored` with what is wrong with it. Nothing is swapped. */
  | { readonly kind: 'restore-check'; readonly id: number }
  | { readonly kind: 'restore-end'; readonly id: number; readonly commit: boolean }
  | { readonly kind: 'statistics'; readonly id: number };

export interface DatabaseStatistics {
  readonly name: string;
  readonly pages: number;
  readonly transactions: number;
  readonly seals: number;
}

export interface MachineStatistics {
  readonly applied: LogIndex;
  readonly databases: readonly DatabaseStatistics[];
  readonly slots: number;
  readonly slotsFree: number;
  readonly wasmBytes: number;
  readonly queue: number;
  readonly connections: number;
}

/** machine → node. */
export type FromMachine =
  | Answer
  /** Propose this command in `epoch`; sequences of a database are 1, 2, 3 … within an epoch. */
  | {
      readonly kind: 'seal';
      readonly epoch: number;
      readonly database: string;
      readonly sequence: number;
      readonly transactions: number;
      readonly command: Uint8Array;
    }
  | { readonly kind: 'applied'; readonly index: LogIndex }
  | { readonly kind: 'drained'; readonly id: number }
  /** The cut was made; `bytes` is the exact length of its content. `index` 0 and `missing` when the database is unknown. */
  | {
      readonly kind: 'cut';
      readonly id: number;
      readonly index: LogIndex;
      readonly bytes: number;
      readonly pages: number;
      readonly missing: boolean;
    }
  | {
      readonly kind: 'cut-chunk';
      readonly id: number;
      readonly bytes: Uint8Array;
      readonly last: boolean;
      /** Why there is no more: the pages were kept for too long (S5). The cut is released then. */
      readonly error?: string | undefined;
    }
  | { readonly kind: 'restored'; readonly id: number; readonly error: string | undefined }
  /** Names of the databases that exist, whenever the list changes. */
  | { readonly kind: 'databases'; readonly names: readonly string[] }
  /** A database was replicated here that this build of SQLite cannot open: its text is UTF-16 (S12). Told once. */
  | { readonly kind: 'unreadable'; readonly database: string }
  | { readonly kind: 'statistics'; readonly id: number; readonly statistics: MachineStatistics }
  /** A session was ended by the server: its transaction ran into a limit, or speculation was dropped. */
  | { readonly kind: 'session-aborted'; readonly session: number; readonly reason: string }
  /** A broken invariant or a full memory: the node must stop. */
  | { readonly kind: 'fatal'; readonly message: string };

/**
 * node → reader: the session messages, for autocommit reads (session 0, whoever asks) and declared read-only sessions (any other
 * number; none of their statements is redirected).
 */
export type ToReader = SessionMessage | { readonly kind: 'close' };

/** reader → node. */
export type FromReader = Answer | { readonly kind: 'fatal'; readonly message: string };
