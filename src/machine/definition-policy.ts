import type { Statement } from '../engine/index.ts';
import { DEFINITIONS } from './fence.ts';
import type { Job } from './job.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { SqlFailure } from './messages.ts';

/** Why a statement may not change the schema: an operator wants only migrations to do that, and it belongs to none. */
export function definitionRefused(
  database: MachineDatabase,
  job: Job,
  statement: Statement,
): SqlFailure | undefined {
  const { definesSchema, isExplain } = statement;
  if (!definesSchema || isExplain || job.session.migration !== undefined) return undefined;
  return database.fence.check(database.head, DEFINITIONS, true, () => database.lookAtHead());
}
