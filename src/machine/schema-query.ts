import { QuorateError, type Value } from '../base/index.ts';
import type { Statement } from '../engine/index.ts';
import { firstKeyword, splitStatements } from '../sql/index.ts';
import type { SchemaSql } from './schema-sql.ts';

const QUERIES = new Set(['SELECT', 'VALUES', 'WITH', 'PRAGMA']);
const CHANGES = new Set(['UPDATE', 'INSERT', 'REPLACE', 'DELETE', 'WITH']);
/** Rows that are looked at: more would only be counted, in memory and while writers wait. */
const ROWS_MAX = 1000;

/**
 * Rows of a query that a migration brings along. It may look and nothing else: a COMMIT among the checks would leave a migration without its
 * record. Throws MIGRATION_INVALID.
 */
export function queryRows(sql: SchemaSql, query: string): Value[][] {
  return foreign(sql, query, QUERIES, 'only queries can check a migration', (statement) => {
    if (!statement.readonly || statement.columnCount === 0) {
      throw invalid('only queries can check a migration', query);
    }
    const rows: Value[][] = [];
    while (rows.length < ROWS_MAX && statement.step()) {
      rows.push(Array.from({ length: statement.columnCount }, (_, i) => statement.value(i)));
    }
    return rows;
  });
}

/** Runs one statement that changes rows, with values for its parameters by name; returns how many. Throws MIGRATION_INVALID. */
export function changeRows(
  sql: SchemaSql,
  step: string,
  bound: (parameter: string) => Value,
): number {
  const problem = 'the step of a backfill is one statement that changes rows';
  foreign(sql, step, CHANGES, problem, (statement) => {
    if (statement.readonly) throw invalid(problem, step);
    statement.parameterNames.forEach((parameter, i) => {
      statement.bind(i + 1, bound(parameter.slice(1)));
    });
    while (statement.step());
  });
  return Number(sql.connection.changes);
}

/** Runs a statement of somebody else, without the engine's rights. */
function foreign<T>(
  { connection }: SchemaSql,
  text: string,
  keywords: ReadonlySet<string>,
  problem: string,
  run: (statement: Statement) => T,
): T {
  const [only, ...more] = splitStatements(text);
  if (only === undefined || more.length > 0 || !keywords.has(firstKeyword(only))) {
    throw invalid(problem, text);
  }
  connection.privileged = false;
  try {
    const { statement } = connection.prepare(only);
    if (statement === undefined) throw invalid(problem, text);
    try {
      return run(statement);
    } finally {
      statement.release();
    }
  } finally {
    connection.privileged = true;
  }
}

function invalid(problem: string, text: string): QuorateError {
  const snippet = text.replace(/\s+/g, ' ').trim().slice(0, 80);
  return new QuorateError('MIGRATION_INVALID', `${problem}, not: ${snippet || 'nothing'}`);
}
