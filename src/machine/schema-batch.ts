import { QuorateError, type Value } from '../base/index.ts';
import type { BatchSpecification } from '../schema/index.ts';
import { quoteIdentifier } from '../sql/index.ts';
import { changeRows, queryRows } from './schema-query.ts';
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
 * Throws MIGRATION_FAILED, and BACKFILL_INCOMPLETE when a whole further pass changed nothing.
 */
export function runBackfill(
  store: SchemaStore,
  name: string,
  specification: BatchSpecification,
): BatchReport {
  const { sql } = store;
  const { table, key, step, verify } = specification;
  const progress = store.progress(name);
  const rows = Math.min(Math.max(1, specification.rows), ROWS_MAX);
  const column = quoteIdentifier(key);
  const from = quoteIdentifier(table);
  const upto = sql.first(
    `select max(k) from (select ${column} as k from ${from} ${progress.after === null ? '' : `where ${column} > ?1`} order by ${column} limit ${rows})`,
    ...(progress.after === null ? [] : [progress.after]),
  )?.[0];
  if (upto !== null && upto !== undefined) {
    const after = progress.after ?? before(upto);
    const changed = changeRows(sql, step, (name) => (name === 'after' ? after : upto));
    const done = progress.done + changed;
    store.putProgress(name, { after: upto, done, batches: progress.batches + 1 });
    return { complete: false, rows: changed, done };
  }
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

function before(key: Value): Value {
  return typeof key === 'string' ? '' : BEFORE_NUMBERS;
}
