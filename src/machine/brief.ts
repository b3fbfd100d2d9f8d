import type { EngineLimit } from './reader-pool.ts';
import type { Budget } from './sql-guard.ts';

/** What one request may take of a thread that has more to do than SQL: some tens of microseconds. */
export const BRIEF: Budget = { progress: 2, pages: 64 };

/** LENGTH and SQL_LENGTH of the connections there: neither a function nor the planner runs for long on so little. */
export const BRIEF_LIMITS: readonly EngineLimit[] = [
  [0, 16 * 1024],
  [1, 4 * 1024],
];

/**
 * What functions do is one operation, however long it takes, and nothing interrupts it: LIKE or instr() on texts made for it takes a second.
 * These take no longer than their arguments are long.
 */
export const BRIEF_FUNCTIONS: ReadonlySet<string> = new Set([
  ...['abs', 'avg', 'coalesce', 'count', 'date', 'datetime', 'ifnull', 'iif', 'julianday'],
  ...['length', 'lower', 'max', 'min', 'nullif', 'octet_length', 'round', 'sign', 'substr'],
  ...['substring', 'sum', 'time', 'total', 'typeof', 'unixepoch', 'upper'],
]);
