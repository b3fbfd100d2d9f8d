import { QuorateError, type Value } from '../base/index.ts';
import type { BatchSpecification } from '../schema/index.ts';
import { quoteIdentifier } from '../sql/index.ts';
import { changeRows, queryRows } from './schema-query.ts';
import { mayDelete, RowCounts } from './schema-row-counts.ts';
import { wordsOf } from './schema-script.ts';
import type { SchemaStore } from './schema-store.ts';

/** Rows of one batch at most. */
const ROWS_MAX = 100_000;
/** Stands before every number; what stands before texts is the empty one. */
const BEFORE_NUMBERS = Number.NEGATIVE_INFINITY;

/** What one batch did. */
export interface BatchReport {
  /** The backfill is complete and verified; its migration counts as applied. */
  readonly complete: boolean;
  readonly rows: number;
  readonly done: number;
}

/**
 * One batch of a backfill and its cursor, in one transaction, so that each range of keys is processed once. With no range left the result is
 * verified: what is not done yet (rows that came in behind the cursor) is gone through again from the start.
 * Throws MIGRATION_FAILED, ROWCOUNT_TRIPWIRE, and BACKFILL_INCOMPLETE when a whole further pass changed nothing or keys cannot be reached.
 */
export function runBackfill(
  store: SchemaStore,
  name: string,
  specification: BatchSpecification,
  mayLoseRows: readonly string[],
): BatchReport {
  const { sql } = store;
  const { table, key, step, verify } = specification;
  const progress = store.progress(name);
  const rows = Math.min(Math.max(1, specification.rows), ROWS_MAX);
  const column = quoteIdentifier(key);
  const from = quoteIdentifier(table);
  if (progress.after === null) refuseKeys(store, name, specification);
  const upto = sql.first(
    `select max(k) from (select ${column} as k from ${from} ${progress.after === null ? '' : `where ${column} > ?1`} order by ${column} limit ${rows})`,
    ...(progress.after === null ? [] : [progress.after]),
  )?.[0];
  if (upto !== null && upto !== undefined) {
    const after = progress.after ?? before(upto);
    const words = new Set([...wordsOf(step), table.toLowerCase()]);
    const counts = mayDelete(sql, step, words) ? new RowCounts(sql, words, mayLoseRows) : undefined;
    const changed = changeRows(sql, step, (name) => (name === 'after' ? after : upto));
    counts?.check();
    const done = progress.done + changed;
    store.putProgress(name, { after: upto, done, batches: progress.batches + 1 });
    return { complete: false, rows: changed, done };
  }
  // They may have come in after the first batch.
  refuseKeys(store, name, specification);
  const left = verify === undefined ? 0 : Number(queryRows(sql, verify)[0]?.[0] ?? 0);
  if (left === 0) return { complete: true, rows: 0, done: progress.done };
  if (progress.batches > 0 && progress.done === 0) {
    throw new QuorateError(
      'BACKFILL_INCOMPLETE',
      `${name}: ${left} rows are left after all keys were gone through, and its step changes none of them`,
    );
  }
  store.putProgress(name, { after: null, done: 0, batches: 0 });
  return { complete: false, rows: 0, done: 0 };
}

/** Nothing stands before NULL and the empty text, so no range could begin with them. */
function refuseKeys({ sql }: SchemaStore, name: string, { table, key }: BatchSpecification): void {
  const column = quoteIdentifier(key);
  const from = quoteIdentifier(table);
  for (const [condition, what] of [
    [`${column} is null`, 'NULL'],
    [`${column} = ''`, 'the empty text'],
  ]) {
    if (sql.first(`select 1 from ${from} where ${condition} limit 1`) === undefined) continue;
    throw new QuorateError(
      'BACKFILL_INCOMPLETE',
      `${name}: a row of ${table} has ${what} in ${key}, which a backfill cannot reach: name another key, for example the primary key`,
    );
  }
}

function before(key: Value): Value {
  return typeof key === 'string' ? '' : BEFORE_NUMBERS;
}
