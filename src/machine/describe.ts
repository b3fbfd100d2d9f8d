import { QuorateError } from '../base/index.ts';
import type { Connection } from '../engine/index.ts';
import { needsOwnConnection } from './failure.ts';
import type { Job } from './job.ts';
import type { MachineCore } from './machine-core.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { StatementDescription } from './messages.ts';
import { placementOf } from './placement.ts';
import { tailIsEmpty } from './work-cursor.ts';

/** Compiles a statement and tells what it is. Throws QuorateError: SQLite's errors, EMPTY_STATEMENT. */
export function describeOn(connection: Connection, sql: string): StatementDescription {
  const { statement, tail } = connection.prepare(sql);
  if (statement === undefined) throw new QuorateError('EMPTY_STATEMENT', 'empty statement');
  const description: StatementDescription = {
    parameters: statement.parameterNames,
    columns: statement.columnNames,
    columnTypes: statement.columnTypes,
    readonly: statement.readonly,
    tail,
    tailEmpty: tailIsEmpty(sql, tail),
  };
  statement.release();
  return description;
}

/** Describes on the session's own connection or the shared one; a statement that acts while it is compiled gets one for itself. */
export function describeStatement(
  core: MachineCore,
  database: MachineDatabase,
  job: Job,
): StatementDescription {
  const { work } = job.submit;
  const sql = work.action === 'describe' ? work.sql : '';
  const { session } = job;
  job.saw(session.base ?? core.observedHead(database));
  const own = session.home;
  if (own !== undefined) return core.guard.run(job, () => describeOn(own, sql));
  if (placementOf(sql) !== 'state') {
    try {
      return core.guard.run(job, () => describeOn(database.writer(), sql));
    } catch (error) {
      if (!needsOwnConnection(error)) throw error;
    }
  }
  const connection = database.takeHome();
  try {
    return core.guard.run(job, () => describeOn(connection, sql));
  } finally {
    connection.close();
  }
}
