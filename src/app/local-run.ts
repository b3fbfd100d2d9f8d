import { QuorateError, type Value } from '../base/index.ts';
import type { LocalQuery, LocalResult } from '../client/index.ts';
import {
  COLUMN_TYPE,
  type Connection,
  type ConnectionHooks,
  type Statement,
} from '../engine/index.ts';
import type { Budget } from '../machine/index.ts';
import { nowMs } from './freshness-word.ts';

type QueryParameters = LocalQuery['parameters'];

/** Runs queries to their end on the caller's thread, none longer than the limit, or beyond its budget. */
export class LocalRun {
  readonly #statementMs: number;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #tooLong = false;
  #progressed = 0;
  #pages = 0;
  readonly hooks: ConnectionHooks;

  /** With a budget `statementMs` does not count. */
  constructor(statementMs: number, budget?: Budget) {
    this.#statementMs = statementMs;
    if (budget === undefined) this.hooks = { progress: () => this.#progress() };
    else {
      this.hooks = {
        progress: () => this.#spent(++this.#progressed >= budget.progress),
        pageRead: () => this.#spent(++this.#pages > budget.pages),
      };
    }
  }

  #progress(): boolean {
    return this.#spent(nowMs() > this.#deadlineMs);
  }

  #spent(now: boolean): boolean {
    if (now) this.#tooLong = true;
    return this.#tooLong;
  }

  /**
   * Throws QuorateError: CLOSED, EMPTY_STATEMENT, STATEMENT_TAIL, SQLITE_READONLY, PARAMETERS, STATEMENT_TOO_LONG, and
   * SQLite's codes.
   */
  query(connection: Connection, query: LocalQuery): LocalResult {
    if (connection.closed) throw new QuorateError('CLOSED', 'the node is closed');
    this.#tooLong = false;
    this.#progressed = 0;
    this.#pages = 0;
    if (this.#statementMs > 0) this.#deadlineMs = nowMs() + this.#statementMs;
    let statement: Statement | undefined;
    try {
      statement = prepareQuery(connection, query.sql);
      bind(statement, query.parameters);
      const rows: Value[][] = [];
      while (rows.length < query.rowsMax && statement.step()) {
        rows.push(readRow(statement, query.bigints));
      }
      // Some statements end well all the same: an integrity check reports pages that it did not get as damaged.
      if (this.#tooLong) throw this.#statementTooLong(undefined);
      const { names, types } = statement.columns;
      return { columns: names, columnTypes: types, rows };
    } catch (error) {
      throw this.#tooLong ? this.#statementTooLong(error) : error;
    } finally {
      statement?.release();
      this.#deadlineMs = Number.POSITIVE_INFINITY;
      this.#tooLong = false;
    }
  }

  #statementTooLong(cause: unknown): QuorateError {
    return new QuorateError(
      'STATEMENT_TOO_LONG',
      `the local query took longer than ${this.#statementMs} ms; use query() or stream() for long ones`,
      { cause },
    );
  }
}

function prepareQuery(connection: Connection, sql: string): Statement {
  const statement = prepare(connection, sql);
  if (statement === undefined) throw new QuorateError('EMPTY_STATEMENT', 'empty statement');
  // BEGIN and COMMIT count as read-only; they would move the version that a snapshot keeps.
  if (!statement.readonly || statement.columnCount === 0) {
    statement.release();
    throw readOnly();
  }
  if (statement.sql.length === sql.length) return statement;
  const second = prepareRest(connection, sql.slice(statement.sql.length), statement);
  if (second === undefined) return statement;
  second.release();
  statement.release();
  throw new QuorateError('STATEMENT_TAIL', 'a local read takes one statement');
}

function prepare(connection: Connection, sql: string): Statement | undefined {
  try {
    return connection.prepare(sql).statement;
  } catch (error) {
    // What would leave something behind in a connection that all callers share is no query.
    if (error instanceof QuorateError && error.code === 'SESSION_STATE') throw readOnly(error);
    throw error;
  }
}

/** What follows the first statement, which is given back when that fails to compile. */
function prepareRest(connection: Connection, sql: string, first: Statement): Statement | undefined {
  try {
    return prepare(connection, sql);
  } catch (error) {
    first.release();
    throw error;
  }
}

function readOnly(cause?: Error): QuorateError {
  return new QuorateError('SQLITE_READONLY', 'a local read takes queries only', {
    rawCode: 8,
    extendedCode: 'SQLITE_READONLY',
    cause,
  });
}

function bind(statement: Statement, parameters: QueryParameters): void {
  const { parameterCount } = statement;
  if (parameters.kind === 'positional') {
    const { values } = parameters;
    if (values.length > parameterCount) {
      throw parameterError(
        `${values.length} parameters for a statement that has ${parameterCount}`,
      );
    }
    values.forEach((value, i) => {
      statement.bind(i + 1, value);
    });
    return;
  }
  const names = statement.parameterNames;
  for (const [name, value] of parameters.values) {
    const index = names.findIndex((known) => known === name || known.slice(1) === name);
    if (index < 0 || names[index] === '') {
      throw parameterError(`the statement has no parameter ${name}`);
    }
    statement.bind(index + 1, value);
  }
}

function parameterError(message: string): QuorateError {
  return new QuorateError('PARAMETERS', message, { rawCode: 25 });
}

function readRow(statement: Statement, bigints: boolean): Value[] {
  const row: Value[] = [];
  const { columnCount } = statement;
  for (let column = 0; column < columnCount; column++) {
    const exact = bigints && statement.type(column) === COLUMN_TYPE.integer;
    row.push(exact ? statement.bigint(column) : statement.value(column));
  }
  return row;
}
