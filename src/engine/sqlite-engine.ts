import { assert, LIMITS, QuorateError } from '../base/index.ts';
import type { PageSource, PageStore } from '../pages/index.ts';
import type { AuthorizerQuestion } from './authorizer.ts';
import type { Connection, ConnectionOptions, Engine, EngineOptions } from './contract.ts';
import { FileHandle, LOCK } from './file-handle.ts';
import { LinearFunctions } from './linear-functions.ts';
import { PageVfs } from './page-vfs.ts';
import { extendedName, SQLITE } from './result-codes.ts';
import { SessionFunctionTable } from './session-functions.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import type { Pointer } from './sqlite-exports.ts';
import { SqliteLibrary } from './sqlite-library.ts';

/** The build that the authorizer, the pragma rules and the VFS were made for. */
const SQLITE_VERSION = 3_054_001;
/** READWRITE | CREATE | NOMUTEX. */
const OPEN_FLAGS = 2 | 4 | 0x8000;
const DBCONFIG_DEFENSIVE = 1010;
const DBCONFIG_TRUSTED_SCHEMA = 1017;
/** Operations of SQLite's machine between two calls of the progress hook. */
const PROGRESS_OPERATIONS = 1000;
const CACHED_STATEMENTS = 64;
const CACHE_PAGES = 2000;
/**
 * By SQLITE_LIMIT_*. What is not listed is bounded by the build: 1,000 levels of an expression, 2,500 of the parser, 500 parts of a
 * compound SELECT, 32,766 parameters. A LIKE pattern and a trigger take stack for each of their levels, and the stack is JavaScript's:
 * when it ends, SQLite is left in the middle of something.
 */
const SQLITE_LIMITS: readonly (readonly [id: number, value: number])[] = [
  [0, LIMITS.valueBytes], // LENGTH
  [1, LIMITS.clientMessageBytes], // SQL_LENGTH
  [8, LIMITS.likePatternBytes], // LIKE_PATTERN_LENGTH
  [10, 200], // TRIGGER_DEPTH
];
const DENY = 1;

/** One instance of SQLite with its VFS and its connections. */
export class SqliteEngine implements Engine {
  /** The text "main" in the heap. */
  readonly mainName: Pointer;
  readonly #library: SqliteLibrary;
  readonly #vfs: PageVfs;
  readonly #functions: SessionFunctionTable;
  readonly #linear: LinearFunctions;
  readonly #connections = new Map<Pointer, SqliteConnection>();
  readonly #cachedStatements: number;
  readonly #vfsName: Pointer;
  readonly #fileName: Pointer;
  readonly #progress: number;
  readonly #authorizer: number;

  constructor(module: WebAssembly.Module, options: EngineOptions) {
    const library = new SqliteLibrary(module, options);
    this.#library = library;
    const version = library.exports.sqlite3_libversion_number();
    if (version !== SQLITE_VERSION) {
      throw new QuorateError('SQLITE_VERSION', `sqlite3.wasm is ${version}, not ${SQLITE_VERSION}`);
    }
    this.#vfs = new PageVfs(library, options);
    this.#functions = new SessionFunctionTable(library);
    this.#linear = new LinearFunctions(library, options.random);
    this.#cachedStatements = options.cachedStatements ?? CACHED_STATEMENTS;
    this.#vfsName = library.allocateText(this.#vfs.name);
    this.#fileName = library.allocateText('database');
    this.mainName = library.allocateText('main');
    this.#progress = library.guardedFunction(
      'ii',
      (db) => (this.#connections.get(db)?.file.hooks.progress?.() === true ? 1 : 0),
      1,
    );
    this.#authorizer = library.guardedFunction(
      'iiiiiii',
      (db, action, first, second, schema, source) =>
        this.#authorize(db, action, [first, second, schema, source]),
      DENY,
    );
    library.link();
  }

  get memoryBytes(): number {
    return this.#library.memoryBytes;
  }

  get connections(): number {
    return this.#connections.size;
  }

  open(source: PageSource, options: ConnectionOptions = {}): Connection {
    const library = this.#library;
    const file = new FileHandle(source, options.hooks ?? {});
    const code = this.#vfs.opening(file, () =>
      library.exports.sqlite3_open_v2(this.#fileName, library.out, OPEN_FLAGS, this.#vfsName),
    );
    const db = library.words[library.out >> 2];
    if (code !== SQLITE.OK || db === 0) {
      if (db !== 0) library.exports.sqlite3_close_v2(db);
      const thrown = library.takeFailure();
      if (thrown !== undefined) throw thrown;
      throw new QuorateError('SQLITE_NOMEM', `cannot open a connection: ${extendedName(code)}`, {
        rawCode: code,
      });
    }
    const connection = new SqliteConnection(this, library, db, file, {
      ...options,
      cachedStatements: this.#cachedStatements,
    });
    this.#connections.set(db, connection);
    try {
      this.#configure(connection, options.cachePages ?? CACHE_PAGES);
    } catch (error) {
      connection.close();
      throw error;
    }
    file.configuring = false;
    return connection;
  }

  /**
   * The default page size of the build is 8192, so it is set before anything can be written. Double-quoted
   * strings stay off, as the build has it. Spilling the cache stays on: it goes into the write set.
   */
  #configure(connection: SqliteConnection, cachePages: number): void {
    const { exports } = this.#library;
    const { db } = connection;
    exports.sqlite3_extended_result_codes(db, 1);
    connection.execute(
      `PRAGMA page_size=4096; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;
       PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON; PRAGMA cache_size=${cachePages};
       PRAGMA max_page_count=${LIMITS.databasePages}`,
    );
    assert(connection.file.lock === LOCK.none, 'setting up holds a lock');
    this.#config(db, DBCONFIG_DEFENSIVE, 1);
    this.#config(db, DBCONFIG_TRUSTED_SCHEMA, 0);
    for (const [id, value] of SQLITE_LIMITS) exports.sqlite3_limit(db, id, value);
    const code = this.#functions.install(db, {
      changes: () => connection.sessionChanges(),
      totalChanges: () => connection.sessionTotalChanges(),
    });
    assert(code === SQLITE.OK, () => `sqlite3_create_function_v2: ${code}`);
    const replaced = this.#linear.install(db);
    assert(replaced === SQLITE.OK, () => `sqlite3_create_function_v2: ${replaced}`);
    exports.sqlite3_set_authorizer(db, this.#authorizer, db);
    if (connection.file.hooks.progress !== undefined) {
      exports.sqlite3_progress_handler(db, PROGRESS_OPERATIONS, this.#progress, db);
    }
  }

  #config(db: Pointer, option: number, value: number): void {
    const { exports, out, words } = this.#library;
    const code = exports.sqlite3__wasm_db_config_ip(db, option, value, out);
    assert(code === SQLITE.OK && words[out >> 2] === value, () => `db_config ${option}: ${code}`);
  }

  #authorize(db: Pointer, action: number, texts: readonly Pointer[]): number {
    const connection = this.#connections.get(db);
    const text = (i: number): string | undefined =>
      texts[i] === 0 ? undefined : this.#library.text(texts[i]);
    const question = (): AuthorizerQuestion => ({
      action,
      first: text(0),
      second: text(1),
      schema: text(2),
      source: text(3),
    });
    return connection?.authorize(action, question) === true ? 0 : DENY;
  }

  closeAbove(store: PageStore, change: number): readonly Connection[] {
    return this.#closeIf(({ file }) => file.source === store && file.newestChange > change);
  }

  closeAll(source?: PageSource): readonly Connection[] {
    return this.#closeIf(({ file }) => source === undefined || file.source === source);
  }

  #closeIf(condition: (connection: SqliteConnection) => boolean): readonly Connection[] {
    const doomed = [...this.#connections.values()].filter(condition);
    for (const connection of doomed) connection.close();
    return doomed;
  }

  /** A connection has closed itself. */
  forget(connection: SqliteConnection): void {
    this.#connections.delete(connection.db);
    this.#functions.remove(connection.db);
  }
}
