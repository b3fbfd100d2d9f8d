import { type LogIndex, QuorateError, type Value } from '../base/index.ts';
import {
  type ExtensionResult,
  type IntegerReader,
  readIntegerAuto,
  readIntegerBigint,
} from '../wire/index.ts';
import { type RowFactory, rowFactory } from './rows.ts';
import type { ExecutedBy, Integers, ResultSet, Row } from './types.ts';

/** How integers of results become values, by the caller's choice. */
export function integerReader(mode: Integers): IntegerReader {
  if (mode === 'bigint') return readIntegerBigint;
  if (mode === 'auto') return readIntegerAuto;
  return (high, low) => {
    const value = readIntegerAuto(high, low);
    if (typeof value === 'number') return value;
    throw integerRange(value);
  };
}

export function integerRange(value: Value): QuorateError {
  return new QuorateError(
    'INTEGER_RANGE',
    `the integer ${value} does not fit into a number; use integers: 'auto' or 'bigint'`,
  );
}

/** Collects the rows of each statement of a run. */
export class RowCollector {
  readonly #sets: { readonly make: RowFactory; readonly rows: Row[] }[] = [];

  /** Takes rows as they arrive. */
  add(statementIndex: number, columns: readonly string[], rows: readonly Value[][]): void {
    this.#sets[statementIndex] ??= { make: rowFactory(columns), rows: [] };
    const set = this.#sets[statementIndex];
    for (const values of rows) set.rows.push(set.make(values));
  }

  /** Rows of one statement. */
  rows(statementIndex: number): Row[] {
    return this.#sets[statementIndex]?.rows ?? [];
  }
}

/** The result of one statement. */
export class StatementResultSet implements ResultSet {
  readonly columns: string[];
  readonly columnTypes: string[];
  readonly rows: Row[];
  readonly rowsAffected: number;
  readonly lastInsertRowid: bigint | undefined;
  readonly index: LogIndex;
  readonly executedBy: ExecutedBy;

  constructor(result: ExtensionResult, rows: Row[], index: LogIndex, executedBy: ExecutedBy) {
    this.columns = [...result.columns];
    this.columnTypes = [...result.columnTypes];
    this.rows = rows;
    this.rowsAffected = result.rowsAffected;
    // The server repeats the last one of the connection for statements that insert nothing.
    this.lastInsertRowid = result.rowsAffected > 0 ? result.lastInsertRowid : undefined;
    this.index = index;
    this.executedBy = executedBy;
  }

  toJSON(): unknown {
    return {
      columns: this.columns,
      columnTypes: this.columnTypes,
      rows: this.rows.map((row) => this.columns.map((_, i) => jsonValue(row[i]))),
      rowsAffected: this.rowsAffected,
      lastInsertRowid: this.lastInsertRowid?.toString() ?? null,
    };
  }
}

function jsonValue(value: Value): string | number | null {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return base64(value);
  return value;
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
