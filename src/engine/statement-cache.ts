import type { SqliteStatement } from './sqlite-statement.ts';

/** Idle and running statements by their text; the one unused longest is given up when the cache is full. */
export class StatementCache {
  readonly #limit: number;
  readonly #entries = new Map<string, SqliteStatement>();
  #uses = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The idle statement of this text, now in use. */
  take(sql: string): SqliteStatement | undefined {
    const statement = this.#entries.get(sql);
    if (statement === undefined || statement.inUse) return undefined;
    statement.inUse = true;
    statement.lastUse = ++this.#uses;
    return statement;
  }

  /** Keeps a statement that is in use; returns the one that has to go, if any. */
  add(sql: string, statement: SqliteStatement): SqliteStatement | undefined {
    if (this.#limit === 0 || this.#entries.has(sql)) return undefined;
    this.#entries.set(sql, statement);
    statement.cacheKey = sql;
    statement.lastUse = ++this.#uses;
    if (this.#entries.size <= this.#limit) return undefined;
    const oldest = this.#unusedLongest();
    this.#entries.delete(oldest?.cacheKey ?? sql);
    return oldest;
  }

  #unusedLongest(): SqliteStatement | undefined {
    let oldest: SqliteStatement | undefined;
    for (const each of this.#entries.values()) {
      if (!each.inUse && (oldest === undefined || each.lastUse < oldest.lastUse)) oldest = each;
    }
    return oldest;
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
