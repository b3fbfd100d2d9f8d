import { assert, fromUtf8, QuorateError, utf8 } from '../base/index.ts';
import type { PageSource } from '../pages/index.ts';
import {
  type AuthorizerQuestion,
  definesSchema,
  isAlwaysAllowed,
  makesSessionState,
  type Refusal,
  refusalOf,
  usesFunction,
} from './authorizer.ts';
import type {
  Connection,
  ConnectionOptions,
  PinPolicy,
  Prepared,
  SessionCounters,
} from './contract.ts';
import type { FileHandle } from './file-handle.ts';
import { baseName, extendedName, SQLITE } from './result-codes.ts';
import type { SqliteEngine } from './sqlite-engine.ts';
import type { Pointer, SqliteExports } from './sqlite-exports.ts';
import { SCRATCH_BYTES, type SqliteLibrary } from './sqlite-library.ts';
import { SqliteStatement } from './sqlite-statement.ts';
import { StatementCache } from './statement-cache.ts';

const PREPARE_PERSISTENT = 1;
const TRANSACTIONS = ['none', 'read', 'write'] as const;

/** What is being compiled, for the authorizer. */
interface Compiling {
  readonly text: Uint8Array;
  readonly offset: number;
  refusal: Refusal | undefined;
  needsSessionState: boolean;
  makesSessionState: boolean;
  definesSchema: boolean;
}

/** A connection to one page source. `SqliteEngine.open` sets it up. */
export class SqliteConnection implements Connection {
  readonly db: Pointer;
  readonly file: FileHandle;
  counters: SessionCounters = { lastInsertRowid: 0n, changes: 0n, totalChanges: 0n };
  privileged = false;
  hasSessionState = false;
  tooLarge = false;
  readonly #engine: SqliteEngine;
  readonly #library: SqliteLibrary;
  readonly #exports: SqliteExports;
  readonly #readOnly: boolean;
  readonly #shared: boolean;
  readonly #functions: ReadonlySet<string> | undefined;
  readonly #cache: StatementCache;
  readonly #statements = new Set<SqliteStatement>();
  #compiling: Compiling | undefined;
  /** The long text that is in the heap. */
  #script: { readonly text: Uint8Array; readonly at: Pointer } | undefined;
  #stepRefusal: Refusal | undefined;
  #running: SqliteStatement | undefined;
  #closed = false;
  /** sqlite3_changes and sqlite3_total_changes when the running statement began. */
  #changesBefore = 0;
  #totalBefore = 0;

  constructor(
    engine: SqliteEngine,
    library: SqliteLibrary,
    db: Pointer,
    file: FileHandle,
    options: ConnectionOptions & { readonly cachedStatements: number },
  ) {
    this.#engine = engine;
    this.#library = library;
    this.#exports = library.exports;
    this.db = db;
    this.file = file;
    this.#readOnly = options.readOnly ?? false;
    this.#shared = options.shared ?? false;
    this.#functions = options.functions;
    this.#cache = new StatementCache(options.cachedStatements);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get source(): PageSource {
    return this.file.source;
  }

  get pinPolicy(): PinPolicy {
    return this.file.policy;
  }

  set pinPolicy(policy: PinPolicy) {
    this.file.policy = policy;
  }

  get newestChange(): number {
    return this.file.newestChange;
  }

  get pinnedChange(): number | undefined {
    return this.file.pin?.version.change;
  }

  get pinnedIndex(): number | undefined {
    return this.file.pin?.version.index;
  }

  get pinnedIsNewest(): boolean {
    const { pin, source } = this.file;
    return pin !== undefined && source.isNewest(pin);
  }

  pinnedPage(pageNumber: number): Uint8Array | undefined {
    const { pin, source } = this.file;
    return pin?.usable ? source.memory.pageIn(pin.version.root, pageNumber) : undefined;
  }

  get autocommit(): boolean {
    return this.#exports.sqlite3_get_autocommit(this.#open) !== 0;
  }

  get transaction(): 'none' | 'read' | 'write' {
    const state = this.#exports.sqlite3_txn_state(this.#open, this.#engine.mainName);
    return TRANSACTIONS[Math.max(0, state)];
  }

  get changes(): bigint {
    return this.#exports.sqlite3_changes64(this.#open);
  }

  get totalChanges(): bigint {
    return this.#exports.sqlite3_total_changes64(this.#open);
  }

  get lastInsertRowid(): bigint {
    return this.#exports.sqlite3_last_insert_rowid(this.#open);
  }

  set lastInsertRowid(rowid: bigint) {
    this.#exports.sqlite3_set_last_insert_rowid(this.#open, rowid);
    this.counters.lastInsertRowid = rowid;
  }

  get #open(): Pointer {
    assert(!this.#closed, 'the connection is closed');
    return this.db;
  }

  // ---- compiling ----

  prepare(sql: string): Prepared {
    const cached = this.privileged ? undefined : this.#cache.take(sql);
    if (cached !== undefined) return { statement: cached, tail: cached.tail };
    const prepared = this.#compile(utf8(sql), 0, sql);
    this.#freeScript();
    const { statement } = prepared;
    if (statement !== undefined && !this.privileged) {
      const evicted = this.#cache.add(sql, statement);
      if (evicted !== undefined) this.#finalize(evicted);
    }
    return prepared;
  }

  prepareAt(text: Uint8Array, offset: number): Prepared {
    assert(offset >= 0 && offset <= text.length, () => `offset ${offset} of ${text.length}`);
    return this.#compile(text, offset, undefined);
  }

  #compile(text: Uint8Array, offset: number, whole: string | undefined): CompiledStatement {
    const db = this.#open;
    const library = this.#library;
    const at = this.#textInHeap(text, offset);
    const compiling: Compiling = {
      text,
      offset,
      refusal: undefined,
      needsSessionState: false,
      makesSessionState: false,
      definesSchema: false,
    };
    const outer = this.#compiling;
    this.#compiling = compiling;
    const { out } = library;
    const code = this.#exports.sqlite3_prepare_v3(db, at, -1, PREPARE_PERSISTENT, out, out + 4);
    this.#compiling = outer;
    if (code !== SQLITE.OK) throw this.#compileError(code, compiling, offset);
    const pointer = library.words[out >> 2];
    const tail = offset + library.words[(out + 4) >> 2] - at;
    if (pointer === 0) return { statement: undefined, tail };
    const all = whole !== undefined && tail === text.length;
    const sql = all ? whole : fromUtf8(text.subarray(offset, tail));
    return { statement: this.#adopt(pointer, compiling, tail, sql), tail };
  }

  /**
   * Address of a zero-terminated copy of `text` from `offset`. A long text stays in the heap for the next
   * statement of it, so that a script costs its length once and not once per statement.
   */
  #textInHeap(text: Uint8Array, offset: number): Pointer {
    const script = this.#script;
    if (script?.text === text) return script.at + offset;
    const long = text.length - offset >= SCRATCH_BYTES;
    const start = long ? 0 : offset;
    const nul = text.indexOf(0, start);
    if (nul >= 0) {
      throw new QuorateError('SQLITE_ERROR', 'an SQL text contains a NUL character', {
        rawCode: SQLITE.ERROR,
        extendedCode: 'SQLITE_ERROR',
        offset: nul,
      });
    }
    const library = this.#library;
    const at = long ? library.allocate(text.length + 1) : library.scratch;
    library.bytes.set(start === 0 ? text : text.subarray(start), at);
    library.bytes[at + text.length - start] = 0;
    if (!long) return at;
    this.#freeScript();
    this.#script = { text, at };
    return at + offset;
  }

  #freeScript(): void {
    if (this.#script !== undefined) this.#exports.sqlite3_free(this.#script.at);
    this.#script = undefined;
  }

  #adopt(pointer: Pointer, compiling: Compiling, tail: number, sql: string): SqliteStatement {
    const statement = new SqliteStatement(this, this.#library, pointer, {
      sql,
      tail,
      makesSessionState: compiling.makesSessionState,
      definesSchema: compiling.definesSchema,
    });
    if (this.#readOnly && !statement.readonly && !this.file.configuring) {
      statement.finalize();
      throw new QuorateError('SQLITE_READONLY', 'attempt to write through a read-only connection', {
        rawCode: SQLITE.READONLY,
        extendedCode: 'SQLITE_READONLY',
      });
    }
    this.#statements.add(statement);
    return statement;
  }

  #compileError(code: number, compiling: Compiling, offset: number): unknown {
    if (compiling.needsSessionState) {
      this.#library.takeFailure();
      return new QuorateError('SESSION_STATE', 'the statement needs a connection of its own', {
        rawCode: SQLITE.AUTH,
      });
    }
    return this.errorOf(code, compiling.refusal, offset);
  }

  /** For the authorizer: an extended code, 0 = allowed. */
  authorize(action: number, question: () => AuthorizerQuestion): boolean {
    if (this.file.configuring || isAlwaysAllowed(action)) return true;
    if (usesFunction(action)) {
      return this.#functions?.has((question().second ?? '').toLowerCase()) !== false;
    }
    const asked = question();
    const compiling = this.#compiling;
    const refusal = refusalOf(asked, {
      sql: () =>
        compiling === undefined
          ? (this.#running?.sql ?? '')
          : fromUtf8(compiling.text.subarray(compiling.offset)),
      privileged: this.privileged,
    });
    if (refusal !== undefined) {
      if (compiling === undefined) this.#stepRefusal = refusal;
      else compiling.refusal ??= refusal;
      return false;
    }
    if (compiling !== undefined && definesSchema(asked)) compiling.definesSchema = true;
    if (compiling !== undefined && makesSessionState(asked)) {
      compiling.makesSessionState = true;
      compiling.needsSessionState = this.#shared;
      return !this.#shared;
    }
    return true;
  }

  /** Takes a released statement back: into the cache it came from, or frees it. For the statement. */
  giveBack(statement: SqliteStatement): void {
    if (this.#running === statement) this.#running = undefined;
    statement.inUse = false;
    if (this.#cache.has(statement)) statement.clearBindings();
    else this.#finalize(statement);
  }

  #finalize(statement: SqliteStatement): void {
    this.#statements.delete(statement);
    statement.finalize();
  }

  // ---- running ----

  /** Before the first step of a statement. For the statement. */
  beginStatement(statement: SqliteStatement): void {
    const db = this.#open;
    this.#running = statement;
    this.tooLarge = false;
    this.#stepRefusal = undefined;
    if (statement.makesSessionState) this.hasSessionState = true;
    this.#exports.sqlite3_set_last_insert_rowid(db, this.counters.lastInsertRowid);
    this.#changesBefore = this.#exports.sqlite3_changes(db);
    this.#totalBefore = this.#exports.sqlite3_total_changes(db);
  }

  /**
   * changes() as the session sees it: its own value until the running statement (or a trigger of it) has
   * changed something itself.
   */
  sessionChanges(): bigint {
    const own =
      this.#exports.sqlite3_changes(this.db) === this.#changesBefore && this.#newChanges() === 0;
    return own ? this.counters.changes : this.#exports.sqlite3_changes64(this.db);
  }

  sessionTotalChanges(): bigint {
    return this.counters.totalChanges + BigInt(this.#newChanges());
  }

  #newChanges(): number {
    return (this.#exports.sqlite3_total_changes(this.db) - this.#totalBefore) >>> 0;
  }

  execute(sql: string): void {
    const text = utf8(sql);
    let offset = 0;
    while (offset < text.length) {
      const { statement, tail } = this.prepareAt(text, offset);
      offset = tail;
      if (statement === undefined) continue;
      try {
        while (statement.step());
      } finally {
        statement.release();
      }
    }
    this.#freeScript();
  }

  flush(): number {
    const { file } = this;
    const { store } = file;
    assert(store !== undefined && file.writing, 'no write transaction is open');
    file.flushing = true;
    try {
      this.execute('COMMIT');
      // Nothing was written, so that nobody was asked.
      assert(!this.autocommit, 'there was nothing to flush');
    } catch (error) {
      if (!(error instanceof QuorateError) || error.rawCode !== SQLITE.BUSY) throw error;
    } finally {
      file.flushing = false;
    }
    const { writeSet } = store;
    let growth = 0;
    // Pages by which the database grows travel even when SQLite did not write them (M10).
    for (let page = (file.pin?.version.pages ?? 0) + 1; page <= writeSet.pages; page++) {
      if (writeSet.find(page) === 0) growth++;
    }
    return writeSet.count + growth;
  }

  interrupt(): void {
    this.#exports.sqlite3_interrupt(this.#open);
  }

  limit(id: number, value: number): number {
    return this.#exports.sqlite3_limit(this.#open, id, value);
  }

  // ---- errors ----

  /** Throws what a result code stands for. */
  fail(code: number): never {
    throw this.errorOf(code);
  }

  /** The error for a result code of the last call; what a callback threw takes precedence. */
  errorOf(code: number, refusal = this.#stepRefusal, offset = 0): unknown {
    const thrown = this.#library.takeFailure();
    if (thrown !== undefined) return thrown;
    const known = this.#refusalError(code);
    if (known !== undefined) return known;
    const raw = this.#exports.sqlite3_extended_errcode(this.db) || code;
    const at = this.#exports.sqlite3_error_offset(this.db);
    const denied = (raw & 255) === SQLITE.AUTH ? refusal : undefined;
    const message = denied?.message ?? this.#library.text(this.#exports.sqlite3_errmsg(this.db));
    return new QuorateError(denied?.code ?? baseName(raw), message, {
      rawCode: raw,
      extendedCode: extendedName(raw),
      offset: at < 0 ? undefined : at + offset,
      retryable: (raw & 255) === SQLITE.BUSY,
    });
  }

  #refusalError(code: number): QuorateError | undefined {
    const { refusal } = this.file;
    const base = code & 255;
    if (refusal?.kind === 'too-large' && base === SQLITE.FULL) {
      this.tooLarge = true;
      return new QuorateError('TX_TOO_LARGE', 'the transaction is too large', {
        rawCode: SQLITE.FULL,
        extendedCode: 'SQLITE_FULL',
      });
    }
    if (refusal?.kind === 'snapshot-too-old' && base === SQLITE.ABORT) {
      return new QuorateError('SNAPSHOT_TOO_OLD', 'the transaction read for too long', {
        rawCode: SQLITE.ABORT,
        extendedCode: 'SQLITE_ABORT',
        retryable: true,
      });
    }
    if (refusal?.kind === 'damage' && (base === SQLITE.CORRUPT || base === SQLITE.IOERR)) {
      const message = `the transaction would damage the database: ${refusal.detail}`;
      return new QuorateError('SQLITE_CORRUPT', message, {
        rawCode: SQLITE.CORRUPT,
        extendedCode: 'SQLITE_CORRUPT',
      });
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cache.clear();
    for (const statement of this.#statements) statement.finalize();
    this.#statements.clear();
    this.#freeScript();
    this.#exports.sqlite3_close_v2(this.db);
    this.#library.takeFailure();
    this.#engine.forget(this);
  }
}

interface CompiledStatement extends Prepared {
  readonly statement: SqliteStatement | undefined;
}
