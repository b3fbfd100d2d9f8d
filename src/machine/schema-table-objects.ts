import { QuorateError } from '../base/index.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/** Indexes and triggers of tables that a migration builds anew: they go with the old table and are made again for the new one. */
export class TableObjects {
  readonly #sql: SchemaSql;
  readonly #objects: { readonly type: string; readonly name: string; readonly sql: string }[] = [];

  constructor(sql: SchemaSql) {
    this.#sql = sql;
  }

  /** Before the table is dropped. */
  remember(table: string): void {
    const rows = this.#sql.rows(
      `select type, name, sql from sqlite_schema where lower(tbl_name) = ?1 and type in ('index', 'trigger') and sql is not null order by rowid`,
      table,
    );
    for (const row of rows) {
      this.#objects.push({ type: text(row[0]), name: text(row[1]), sql: text(row[2]) });
    }
  }

  /** When the new table has the old one's name. Throws MIGRATION_FAILED. */
  recreate(migration: string): void {
    for (const { type, name, sql } of this.#objects) {
      if (this.#exists(type, name)) continue;
      try {
        this.#sql.connection.execute(sql);
      } catch (error) {
        if (!(error instanceof QuorateError) || error.code === 'SQLITE_INTERRUPT') throw error;
        throw new QuorateError(
          'MIGRATION_FAILED',
          `${migration}: ${type} ${name} does not fit the table that was built anew: ${error.message}; drop it before, or name it in "drops"`,
          { cause: error },
        );
      }
    }
  }

  #exists(type: string, name: string): boolean {
    const found = this.#sql.first(
      'select 1 from sqlite_schema where type = ?1 and name = ?2 collate nocase',
      ...[type, name],
    );
    return found !== undefined;
  }
}
