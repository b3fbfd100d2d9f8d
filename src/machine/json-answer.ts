import { assert } from '../base/index.ts';
import type { Connection } from '../engine/index.ts';
import type { Job, JobSession } from './job.ts';
import { StatementRun } from './statement-run.ts';

/** Adds an answer to those of a request: one row with one column, JSON. */
export function keepJson<S extends JobSession>(
  job: Job<S>,
  connection: Connection,
  answer: object,
  lastInsertRowid: bigint,
): void {
  const { statement } = connection.prepare('select ?1 as answer');
  assert(statement !== undefined, 'a statement');
  const run = new StatementRun(statement, job.submit.format, 'send', false);
  try {
    statement.bind(1, JSON.stringify(answer));
    while (!run.done) {
      const batch = run.advance();
      if (batch !== undefined) job.keep(batch);
    }
    const { columns, columnTypes } = run;
    job.results.push({ rowsAffected: 0, lastInsertRowid, columns, columnTypes });
  } finally {
    run.release();
  }
}
