import { QuorateError } from '../base/index.ts';
import type { Connection, Statement } from '../engine/index.ts';
import { ResultsWriter } from '../wire/index.ts';
import { definitionRefused } from './definition-policy.ts';
import { failureOf, needsOwnConnection, RAW_CODE } from './failure.ts';
import type { Job } from './job.ts';
import type { MachineCore } from './machine-core.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { RequestEnd } from './messages.ts';
import { isDml, placementOf } from './placement.ts';
import { loadCounters, storeCounters, storeCountersOfFailure } from './statement-counters.ts';
import { StatementRun } from './statement-run.ts';

const SAVEPOINT = 'quorate_batch';

interface Frame {
  readonly begin: string;
  readonly commit: string;
  readonly rollBack: string;
}

const TRANSACTION: Frame = { begin: 'BEGIN IMMEDIATE', commit: 'COMMIT', rollBack: 'ROLLBACK' };
/** Inside a transaction of the session, the batch is a part of it that can fail alone. */
const PART: Frame = {
  begin: `SAVEPOINT ${SAVEPOINT}`,
  commit: `RELEASE ${SAVEPOINT}`,
  rollBack: `ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`,
};

type BatchEnd = Extract<RequestEnd, { readonly kind: 'done' | 'failed' }>;

/**
 * Runs a batch from its BEGIN to its COMMIT at one go: no other statement comes between, so it needs no connection of its own.
 * The caller has the write slot. When it fails, nothing of it has happened.
 */
export function runBatch(
  core: MachineCore,
  database: MachineDatabase,
  job: Job,
  apart = job.session.home === undefined && hasSessionState(job),
): BatchEnd {
  const { session } = job;
  const own = session.home;
  const frame = session.inTransaction ? PART : TRANSACTION;
  const connection = own ?? (apart ? database.takeHome() : database.writer());
  connection.pinPolicy = 'head';
  loadCounters(connection, session);
  const results = new ResultsWriter();
  try {
    core.guard.run(job, () => {
      execute(connection, frame.begin);
      runStatements(database, connection, job, results);
      execute(connection, frame.commit);
    });
    return { kind: 'done', results: results.finish() };
  } catch (error) {
    const { tooLarge } = connection;
    if (!connection.autocommit) connection.execute(frame.rollBack);
    if (needsOwnConnection(error) && own === undefined && !apart) {
      job.rewind();
      return runBatch(core, database, job, true);
    }
    const reason = failureOf(error);
    job.rows = [];
    const code = tooLarge ? 'TX_TOO_LARGE' : reason.code;
    const failure = { ...reason, code, statementIndex: job.cursor?.index };
    return { kind: 'failed', failure, results: [] };
  } finally {
    if (apart) database.returnHome(connection);
  }
}

/** As `Connection.execute`, for one statement that comes again and again. */
function execute(connection: Connection, sql: string): void {
  const { statement } = connection.prepare(sql);
  try {
    while (statement?.step());
  } finally {
    statement?.release();
  }
}

function hasSessionState(job: Job): boolean {
  const { work } = job.submit;
  if (work.action !== 'batch') return false;
  return work.statements.runs.some(({ sql }) => placementOf(sql) === 'state');
}

/** A text of a batch, judged and compiled. */
interface Compiled {
  readonly sql: string;
  readonly statement: Statement;
  /** An INSERT, UPDATE or DELETE: nothing else may change what the same text means the next time. */
  readonly dml: boolean;
  readonly hasColumns: boolean;
}

/** Programs repeat one text with other parameters: it is judged and compiled once for all that follow each other. */
function runStatements(
  database: MachineDatabase,
  connection: Connection,
  job: Job,
  results: ResultsWriter,
): void {
  const { cursor } = job;
  let compiled: Compiled | undefined;
  let total = connection.totalChanges;
  try {
    for (let sql = cursor?.sql; sql !== undefined; sql = cursor?.sql) {
      if (!compiled?.dml || compiled.sql !== sql) {
        compiled?.statement.release();
        compiled = undefined;
        compiled = compile(database, connection, job, sql);
      }
      total += runOne(connection, job, compiled, total, results);
      cursor?.advance();
    }
  } finally {
    compiled?.statement.release();
  }
}

function compile(
  database: MachineDatabase,
  connection: Connection,
  job: Job,
  sql: string,
): Compiled {
  const placement = placementOf(sql);
  const savepoint = /^\W*(?:savepoint|release|rollback\s+(?:transaction\s+)?to)\b/i.test(sql);
  if ((placement === 'begin' || placement === 'end') && !savepoint) {
    throw new QuorateError('BATCH_TRANSACTION', 'a batch is a transaction by itself', {
      rawCode: RAW_CODE.error,
    });
  }
  const statement = job.cursor?.prepare(connection);
  if (statement === undefined) throw new QuorateError('EMPTY_STATEMENT', 'empty statement');
  const refused = definitionRefused(database, job, statement);
  if (refused !== undefined) {
    statement.release();
    throw new QuorateError(refused.code, refused.message, refused);
  }
  const dml = !statement.readonly && isDml(sql);
  return { sql, statement, dml, hasColumns: statement.columnCount > 0 };
}

/** Returns how many rows it changed; `total` is what the connection had counted before. */
function runOne(
  connection: Connection,
  job: Job,
  { statement, dml, hasColumns }: Compiled,
  total: bigint,
  results: ResultsWriter,
): bigint {
  let changed: bigint;
  let failedAtWork = false;
  try {
    job.cursor?.bind(statement);
    failedAtWork = dml;
    const rows = hasColumns ? keepRows(job, statement) : undefined;
    if (rows === undefined) runToEnd(job, statement);
    changed = storeCounters(connection, job.session, dml, total);
    const { changes, lastInsertRowid } = job.session.counters;
    results.add(changed === 0n ? 0 : Number(changes), lastInsertRowid, rows);
  } catch (error) {
    statement.reset();
    if (failedAtWork) storeCountersOfFailure(connection, job.session, total);
    throw error;
  }
  if (connection.autocommit) {
    throw new QuorateError('BATCH_TRANSACTION', 'a statement ended the transaction of the batch', {
      rawCode: RAW_CODE.error,
    });
  }
  return changed;
}

function runToEnd(job: Job, statement: Statement): void {
  while (statement.step());
  job.columnless++;
}

/** Runs a statement with columns, keeping its rows. */
function keepRows(job: Job, statement: Statement): StatementRun {
  const run = new StatementRun(statement, job.submit.format, 'send', true);
  while (!run.done) {
    const rows = run.advance();
    if (rows !== undefined) job.keepInOrder(rows);
  }
  return run;
}
