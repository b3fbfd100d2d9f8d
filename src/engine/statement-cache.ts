import type { SqliteStatement } from './sqlite-statement.ts';

/** Idle and running statements by their text; the one unused longest is given up when the cache is full. */
export class StatementCache {
  readonly #limit: number;
  /** In order of last use: a Map keeps the order of insertion. */
  readonly #entries = new Map<string, SqliteStatement>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The idle statement of this text, now in use. */
  take(sql: string): SqliteStatement | undefined {
    const statement = this.#entries.get(sql);
    if (statement === undefined || statement.inUse) return undefined;
    this.#entries.delete(sql);
    this.#entries.set(sql, statement);
    statement.inUse = true;
    return statement;
  }

  /** Keeps a statement that is in use; returns the one that has to go, if any. */
  add(sql: string, statement: SqliteStatement): SqliteStatement | undefined {
    if (this.#limit === 0 || this.#entries.has(sql)) return undefined;
    this.#entries.set(sql, statement);
    statement.cacheKey = sql;
    if (this.#entries.size <= this.#limit) return undefined;
    for (const [text, candidate] of this.#entries) {
      if (candidate.inUse) continue;
      this.#entries.delete(text);
      return candidate;
    }
    this.#entries.delete(sql);
    return undefined;
  }

  has(statement: SqliteStatement): boolean {
    const { cacheKey } = statement;
    return cacheKey !== undefined && this.#entries.get(cacheKey) === statement;
  }

  /** Forgets everything; the connection frees the statements. */
  clear(): void {
    this.#entries.clear();
  }
}
