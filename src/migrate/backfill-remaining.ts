import { QuorateError, type Value } from '../base/index.ts';
import type { Database, NamespaceStatus } from '../client/index.ts';
import { quoteIdentifier } from '../sql/index.ts';
import type { Migrations } from './define.ts';

/** Rows that are counted at most, so that a figure costs milliseconds on a table of any size. */
const REMAINING_MAX = 100_000;

/** Rows of one backfill that its pass has not gone through yet. */
export interface Remaining {
  readonly namespace: string;
  readonly migration: string;
  readonly rows: number;
}

/** For each pending backfill that this program knows and whose table is there. Throws QuorateError of the cluster. */
export async function backfillRemaining(
  database: Database,
  migrations: readonly Migrations[],
  statuses: readonly NamespaceStatus[],
): Promise<readonly Remaining[]> {
  const found: Remaining[] = [];
  for (const { namespace, pending } of statuses) {
    const own = migrations.find((each) => each.namespace === namespace);
    for (const { name } of pending) {
      const step = own?.step(name);
      if (step?.step !== 'batch') continue;
      const rows = await counted(database, namespace, name, step);
      if (rows !== undefined) found.push({ namespace, migration: name, rows });
    }
  }
  return found;
}

async function counted(
  database: Database,
  namespace: string,
  name: string,
  { table, key }: { readonly table: string; readonly key: string },
): Promise<number | undefined> {
  const job = await database.first<{ after: Value }>(
    'select after_key as after from __quorate_schema_job where ns = ?1 and name = ?2',
    [namespace, name],
  );
  const after = job?.after ?? null;
  const where = after === null ? '' : ` where ${quoteIdentifier(key)} > ?1`;
  try {
    const row = await database.first<{ n: number }>(
      `select count(*) as n from (select 1 from ${quoteIdentifier(table)}${where} limit ${REMAINING_MAX})`,
      after === null ? [] : [after],
    );
    return Number(row?.n ?? 0);
  } catch (error) {
    // Its table comes with a migration before it.
    if (error instanceof QuorateError && error.code === 'SQLITE_ERROR') return undefined;
    throw error;
  }
}
