import { logIndex, QuorateError, type Value } from '../base/index.ts';
import { firstKeyword } from '../sql/index.ts';
import { type ExtensionResult, parameterSchema, RowSetReader, WIRE_VALUE } from '../wire/index.ts';
import type { Call } from './call.ts';
import { atStatement, withOutcome } from './errors.ts';
import type { RowsHandler, Run, RunEnd, StatementText } from './link.ts';
import { parameterNames } from './parameter-names.ts';
import type { PlainConnection } from './plain-connection.ts';
import { plainFailure } from './plain-failure.ts';
import { surelyReadOnly } from './read-only.ts';

const CHANGING: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'WITH']);
const RETURNING = /\breturning\b/i;

/** State of a plain connection with an open database, as far as the client can know it. */
export interface PlainSession {
  readonly connection: PlainConnection;
  /** C-1.11 and the like: writes must not go through Query (client-protocol.md §13). */
  readonly old: boolean;
  readonly inTransaction: boolean;
}

/** Runs one statement. Throws QuorateError for failures, NotAnswered without an answer. */
async function runStatement(
  session: PlainSession,
  statement: StatementText,
  run: Pick<Run, 'integers'>,
  call: Call,
  rows: RowsHandler,
  statementIndex: number,
): Promise<ExtensionResult> {
  const { sql } = statement;
  const parameters = positional(statement);
  const schema = parameterSchema(parameters.length);
  const reading = surelyReadOnly(sql);
  const keyword = firstKeyword(sql);
  const ending = keyword === 'COMMIT' || keyword === 'END' || keyword === 'RELEASE';
  const committing = !reading && (!session.inTransaction || ending);
  const fail = (code: number, message: string) => plainFailure(code, message, committing);
  const returning = CHANGING.has(keyword) && !reading && RETURNING.test(sql);
  if (!reading && keyword !== 'PRAGMA' && !returning) {
    const request = { type: 'exec-sql', db: 0n, sql, schema, parameters } as const;
    const result = await session.connection.expect('result', request, call, fail);
    const changes = CHANGING.has(keyword) ? Number(result.rowsAffected) : 0;
    return {
      rowsAffected: changes,
      lastInsertRowid: changes > 0 ? result.lastInsertRowid : 0n,
      columns: [],
      columnTypes: [],
    };
  }
  if (returning && session.old) {
    throw new QuorateError('NOT_SUPPORTED', 'this server cannot replicate RETURNING', {
      outcome: 'rolled-back',
    });
  }
  const request = { type: 'query-sql', db: 0n, sql, schema, parameters } as const;
  let columns: readonly string[] = [];
  let count = 0;
  await session.connection.expect('rows', request, call, fail, (body) => {
    const reader = new RowSetReader(body, run.integers);
    columns = reader.columns;
    const batch: Value[][] = [];
    for (let row = reader.next(); row !== undefined; row = reader.next()) {
      reader.types.forEach((type, i) => {
        // C has no other way to send NULL in a column of times (client-protocol.md §7.2).
        if (type === WIRE_VALUE.iso8601 && row?.[i] === '') row[i] = null;
      });
      batch.push(row);
    }
    count += batch.length;
    rows(statementIndex, columns, batch, () => undefined);
  });
  return {
    rowsAffected: returning ? count : 0,
    lastInsertRowid: 0n,
    columns,
    columnTypes: columns.map(() => ''),
  };
}

/** Runs a statement, a script or a batch on a session. */
export async function runPlain(
  session: PlainSession,
  run: Run,
  call: Call,
  rows: RowsHandler,
): Promise<Omit<RunEnd, 'nodeId' | 'inTransaction'>> {
  const index = logIndex(0);
  const [first] = run.statements;
  if (run.kind === 'schema') {
    throw new QuorateError(
      'SCHEMA_UNAVAILABLE',
      'the leader is a C node, which knows no schema migrations: move leadership to a Quorate node',
      { retryable: true, outcome: 'rolled-back' },
    );
  }
  if (run.kind === 'statement') {
    return { index, results: [await runStatement(session, first, run, call, rows, 0)] };
  }
  if (run.kind === 'script') {
    const request = {
      type: 'exec-sql',
      db: 0n,
      sql: first.sql,
      schema: 0,
      parameters: [],
    } as const;
    // Statements before the failing one stay in effect, and nobody tells how many.
    await session.connection.expect('result', request, call, (code, message) =>
      plainFailure(code, message, true, { outcome: 'unknown', retryable: false }),
    );
    return { index, results: [] };
  }
  return { index, results: await runBatch(session, run, call, rows) };
}

async function runBatch(
  session: PlainSession,
  run: Run,
  call: Call,
  rows: RowsHandler,
): Promise<ExtensionResult[]> {
  const control = (sql: string, inTransaction: boolean) =>
    runStatement(
      { ...session, connection: session.connection, inTransaction },
      { sql, parameters: { kind: 'positional', values: [] } },
      run,
      call,
      rows,
      0,
    );
  const results: ExtensionResult[] = [];
  await control(run.mode === 'write' ? 'begin immediate' : 'begin', true);
  for (const [i, statement] of run.statements.entries()) {
    try {
      const inside = { ...session, inTransaction: true };
      results.push(await runStatement(inside, statement, run, call, rows, i));
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      await control('rollback', true).catch(() => session.connection.destroy());
      throw atStatement(withOutcome(error, 'rolled-back'), i);
    }
  }
  await control('commit', true);
  return results;
}

function positional({ sql, parameters }: StatementText): readonly Value[] {
  if (parameters.kind === 'positional') return parameters.values;
  const given = new Map(parameters.values.map(([name, value]) => [name, value]));
  return parameterNames(sql).map((name) => {
    if (name === undefined) return null;
    return given.get(name) ?? given.get(name.slice(1)) ?? null;
  });
}
