import { headTokens } from './head-tokens.ts';

/**
 * Which connection a statement of a session outside a transaction needs (RULES M11).
 *
 * - `reader`: may run on a reader if SQLite says that it only reads;
 * - `shared`: the writer connection of the database;
 * - `begin`: opens a transaction, so a home connection until its end;
 * - `end`: COMMIT, END, ROLLBACK or RELEASE;
 * - `state`: changes the connection itself (temporary objects, pragmas, ATTACH), so a home connection for good.
 *
 * A reader and the machine use the same function: a statement that one of them redirects the other one takes.
 */
export type Placement = 'reader' | 'shared' | 'begin' | 'end' | 'state';

/** Pragmas whose argument only says what to look at. */
const QUERY_PRAGMAS = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
  'foreign_key_check',
  'integrity_check',
  'quick_check',
]);

/** Pragmas that act even without an argument. */
const ACTING_PRAGMAS = new Set([
  'incremental_vacuum',
  'optimize',
  'shrink_memory',
  'wal_checkpoint',
  'delete_database',
  'data_version',
]);

/** Pragmas whose setting is stored in the database, not in the connection. */
const STORED_PRAGMAS = new Set([
  'user_version',
  'application_id',
  'incremental_vacuum',
  'optimize',
]);

const COUNTERS = /\b(?:last_insert_rowid|changes|total_changes)\s*\(/i;

const LONGEST_HEAD = 8;

/** Decides from the first words of a statement; wrong guesses cost a hop or are refused, they never corrupt. */
export function placementOf(sql: string): Placement {
  const tokens = headTokens(sql, LONGEST_HEAD);
  let at = 0;
  if (tokens[0] === 'explain') {
    at = tokens[1] === 'query' && tokens[2] === 'plan' ? 3 : 1;
    // EXPLAIN executes nothing, but some pragmas act while they are compiled.
    if (tokens[at] !== 'pragma') return 'reader';
  }
  switch (tokens[at]) {
    case 'begin':
    case 'savepoint':
      return 'begin';
    case 'commit':
    case 'end':
    case 'rollback':
    case 'release':
      return 'end';
    case 'attach':
    case 'detach':
      return 'state';
    case 'create':
      return tokens.includes('temp') || tokens.includes('temporary') ? 'state' : 'shared';
    case 'pragma':
      return pragmaPlacement(tokens.slice(at + 1));
    case 'select':
    case 'values':
    case 'with':
      return COUNTERS.test(sql) ? 'shared' : 'reader';
    case undefined:
      return 'reader';
    default:
      return 'shared';
  }
}

function pragmaPlacement(tokens: readonly string[]): Placement {
  const at = tokens[1] === '.' ? 2 : 0;
  const name = tokens[at] ?? '';
  const hasArgument = tokens.length > at + 1;
  if (STORED_PRAGMAS.has(name) && (hasArgument || ACTING_PRAGMAS.has(name))) return 'shared';
  if (hasArgument) return QUERY_PRAGMAS.has(name) ? 'reader' : 'state';
  return ACTING_PRAGMAS.has(name) ? 'state' : 'reader';
}

/** Whether a statement is a ROLLBACK of the whole transaction (not `ROLLBACK TO`). */
export function isRollback(sql: string): boolean {
  const tokens = headTokens(sql, 4);
  return tokens[0] === 'rollback' && !tokens.includes('to');
}

/** Whether a statement is COMMIT or END. */
export function isCommit(sql: string): boolean {
  const [first] = headTokens(sql, 1);
  return first === 'commit' || first === 'end';
}
