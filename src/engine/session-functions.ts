import type { Pointer } from './sqlite-exports.ts';
import type { SqliteLibrary } from './sqlite-library.ts';

/** SQLITE_UTF8 | SQLITE_INNOCUOUS: may be used in triggers and views although the schema is not trusted. */
const FLAGS = 1 | 0x200000;

/** Answers of the SQL functions that belong to a session rather than to a connection (M11). */
export interface SessionFunctions {
  changes(): bigint;
  totalChanges(): bigint;
}

/**
 * Overrides changes() and total_changes() of connections. last_insert_rowid() needs no override: the
 * connection is given the session's value before each statement, so that it also counts inside triggers.
 */
export class SessionFunctionTable {
  readonly #library: SqliteLibrary;
  readonly #answers = new Map<Pointer, SessionFunctions>();
  readonly #names: { readonly name: Pointer; readonly call: number }[];

  constructor(library: SqliteLibrary) {
    this.#library = library;
    const { exports } = library;
    const register = (name: string, answer: (functions: SessionFunctions) => bigint) => ({
      name: library.allocateText(name),
      call: library.guardedFunction('viii', (context) => {
        const functions = this.#answers.get(exports.sqlite3_user_data(context));
        exports.sqlite3_result_int64(context, functions === undefined ? 0n : answer(functions));
        return 0;
      }),
    });
    this.#names = [
      register('changes', (functions) => functions.changes()),
      register('total_changes', (functions) => functions.totalChanges()),
    ];
  }

  /** Returns SQLite's result code. */
  install(db: Pointer, functions: SessionFunctions): number {
    this.#answers.set(db, functions);
    for (const { name, call } of this.#names) {
      const code = this.#library.exports.sqlite3_create_function_v2(
        db,
        name,
        0,
        FLAGS,
        db,
        call,
        0,
        0,
        0,
      );
      if (code !== 0) return code;
    }
    return 0;
  }

  remove(db: Pointer): void {
    this.#answers.delete(db);
  }
}
