import { headTokens } from './head-tokens.ts';

/**
 * Which connection a statement of a session outside a transaction needs (M11).
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

/** What the text of a statement lets expect. */
interface Guess {
  readonly placement: Placement;
  /** INSERT, UPDATE, DELETE or REPLACE, if it writes at all: those set the counters of rows. */
  readonly dml: boolean;
}

const DML = new Set(['insert', 'update', 'delete', 'replace', 'with']);

/** Guesses by text: programs repeat few texts. Emptied when it is full. */
const guesses = new Map<string, Guess>();
const GUESSES_MAX = 1024;
const GUESSED_LENGTH_MAX = 2048;

function guess(sql: string): Guess {
  const known = guesses.get(sql);
  if (known !== undefined) return known;
  const [first] = headTokens(sql, 1);
  const made = { placement: decide(sql), dml: first !== undefined && DML.has(first) };
  if (sql.length <= GUESSED_LENGTH_MAX) {
    if (guesses.size >= GUESSES_MAX) guesses.clear();
    guesses.set(sql, made);
  }
  return made;
}

/** Decides from the first words of a statement; wrong guesses cost a hop or are refused, they never corrupt. */
export function placementOf(sql: string): Placement {
  return guess(sql).placement;
}

/** Whether a statement, if it writes, is INSERT, UPDATE, DELETE or REPLACE. */
export function isDml(sql: string): boolean {
  return guess(sql).dml;
}

function decide(sql: string): Placement {
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
