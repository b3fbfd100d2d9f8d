import type { Value } from '../base/index.ts';
import type { Connection } from '../engine/index.ts';

/** SQL of the engine itself on a connection: short statements with few rows. */
export class SchemaSql {
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** All rows of one statement. Throws SQLite's errors. */
  rows(sql: string, ...values: Value[]): Value[][] {
    const { statement } = this.connection.prepare(sql);
    if (statement === undefined) return [];
    try {
      values.forEach((value, i) => {
        statement.bind(i + 1, value);
      });
      const rows: Value[][] = [];
      while (statement.step()) {
        rows.push(Array.from({ length: statement.columnCount }, (_, i) => statement.value(i)));
      }
      return rows;
    } finally {
      statement.release();
    }
  }

  first(sql: string, ...values: Value[]): Value[] | undefined {
    return this.rows(sql, ...values)[0];
  }

  /** The first column of the first row as a number; 0 when there is none. */
  count(sql: string, ...values: Value[]): number {
    return Number(this.first(sql, ...values)?.[0] ?? 0);
  }
}

/** A column that holds a text. */
export function text(value: Value | undefined): string {
  return typeof value === 'string' ? value : '';
}
