import { logIndex, QuorateError, type Value } from '../base/index.ts';
import type { NodeRequest } from '../node/index.ts';
import type { ExtensionStatement, ReceivedRun } from '../wire/index.ts';

/** Fields of a plain dqlite request, which only a leader answers, with C's batches of rows. */
export function plainRequest(
  database: string,
  work: NodeRequest['work'],
  declaration = '',
  consistency: NodeRequest['consistency'] = 'linearizable',
): NodeRequest {
  return {
    database,
    work,
    format: 'dqlite',
    consistency,
    minimumIndex: logIndex(0),
    maxStalenessMs: undefined,
    maxStalenessEntries: undefined,
    timeoutMs: 0,
    declaration,
  };
}

/** Describe of the extension; linearizable, so that a table created just before is known. */
export function describeRequest(database: string, sql: string): NodeRequest {
  return { ...plainRequest(database, { action: 'describe', sql }), format: 'extension' };
}

/** Run of the extension on `database`. A QuorateError is returned when it asks for something impossible. */
export function runRequest(run: ReceivedRun, database: string): NodeRequest | QuorateError {
  const work = runWork(run);
  if (work instanceof QuorateError) return work;
  return {
    database,
    work,
    format: 'extension',
    consistency: run.consistency,
    minimumIndex: run.minimumIndex,
    maxStalenessMs: run.maxStalenessMs,
    maxStalenessEntries: run.maxStalenessEntries,
    timeoutMs: run.deadlineMs,
    declaration: run.declaration,
  };
}

function runWork(run: ReceivedRun): NodeRequest['work'] | QuorateError {
  const { kind, mode, statements } = run;
  if ('runs' in statements) return { action: 'batch', statements, mode };
  const statement = statements;
  if (kind === 'schema' || kind === 'rehearse') return { action: kind, json: statement.sql };
  if (kind === 'script') {
    const parameters = positional(statement);
    if (parameters === undefined) {
      return new QuorateError('BAD_PARAMETERS', 'a script takes parameters by position only');
    }
    return { action: 'script', sql: statement.sql, parameters, rows: 'drop' };
  }
  return { action: 'statement', statement, rows: 'send', tail: 'refuse', surplus: 'refuse' };
}

function positional({ parameters }: ExtensionStatement): readonly Value[] | undefined {
  return parameters.kind === 'positional' ? parameters.values : undefined;
}
