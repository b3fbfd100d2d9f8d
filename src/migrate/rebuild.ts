import { QuorateError } from '../base/index.ts';
import { isBlank, quoteIdentifier, splitStatements, type Token, tokens } from '../sql/index.ts';
import type { SqlStep, StepOptions } from './steps.ts';

/** How a table is built anew. */
export interface RebuildOptions extends StepOptions {
  readonly table: string;
  /** The whole `create table` of the new shape, under the table's own name. */
  readonly create: string;
  /**
   * Expressions over the old columns for columns of the new table; every other column is copied from the old one of its name. `null`: the
   * column gets its default.
   */
  readonly copy?: Readonly<Record<string, string | null>> | undefined;
  /** Indexes and triggers of the old table that are not made again. All others are. */
  readonly drops?: readonly string[] | undefined;
  /** Further statements at the end, for example `create index`. */
  readonly indexes?: readonly string[] | undefined;
}

const TEMPORARY = '__rebuilt';
const CONSTRAINTS = new Set(['constraint', 'primary', 'unique', 'check', 'foreign']);

interface Piece {
  readonly text: string;
  readonly token: Token;
}

/**
 * Builds a table anew, for what ALTER TABLE cannot do, as SQLite's documentation prescribes: foreign keys off, new table, copy, drop, rename.
 * Rows of referencing tables stay, indexes, triggers and views are as before, AUTOINCREMENT goes on where it was. Fewer rows afterwards roll it back
 * unless `mayLoseRows` names the table. Throws BAD_MIGRATIONS when `create` is no plain `create table` of this table.
 * @example
 * rebuildTable('0015_not_null', { table: 'orders', copy: { qty: 'coalesce(qty, 1)' },
 *   create: 'create table orders (id integer primary key, qty integer not null)' })
 */
export function rebuildTable(name: string, options: RebuildOptions): SqlStep {
  const { table, create, copy = {}, drops = [], indexes = [], ...step } = options;
  const shape = shapeOf(name, table, create);
  for (const column of Object.keys(copy)) {
    if (shape.columns.some((each) => same(each, column))) continue;
    throw bad(name, `"copy" names ${column}, which is no column of the new table`);
  }
  const expressions = shape.columns.map((column) => {
    const own = Object.keys(copy).find((each) => same(each, column));
    // Qualified, because a bare "x" without a column x is a text for SQLite.
    const from = `${quoteIdentifier(table)}.${quoteIdentifier(column)}`;
    return { column, expression: own === undefined ? from : (copy[own] ?? null) };
  });
  const copied = expressions.filter(({ expression }) => expression !== null);
  if (copied.length === 0) throw bad(name, 'no column would be copied');
  const old = quoteIdentifier(table);
  const fresh = quoteIdentifier(`${table}${TEMPORARY}`);
  const statements = [
    'pragma foreign_keys = off',
    'pragma legacy_alter_table = on',
    ...drops.map((each) => `drop index if exists ${quoteIdentifier(each)}`),
    ...drops.map((each) => `drop trigger if exists ${quoteIdentifier(each)}`),
    `create table ${fresh}${shape.definition}`,
    `insert into ${fresh} (${copied.map(({ column }) => quoteIdentifier(column)).join(', ')})
  select ${copied.map(({ expression }) => expression).join(', ')} from ${old}`,
    ...(shape.autoincrement ? sequenceOf(table) : []),
    `drop table ${old}`,
    `alter table ${fresh} rename to ${quoteIdentifier(shape.name)}`,
    ...indexes.map(trimmed),
  ];
  return {
    ...{ step: 'sql', name, ...step },
    sql: `-- quorate: recreate = ${table}\n${statements.join(';\n')};\n`,
  };
}

/** Numbers that were given once are not given again. */
function sequenceOf(table: string): string[] {
  const [old, fresh] = [text(table), text(`${table}${TEMPORARY}`)];
  return [
    `delete from sqlite_sequence where name = ${fresh} and exists (select 1 from sqlite_sequence where name = ${old} collate nocase)`,
    `insert into sqlite_sequence (name, seq) select ${fresh}, seq from sqlite_sequence where name = ${old} collate nocase`,
  ];
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

interface Shape {
  /** The table as it is spelt here. */
  readonly name: string;
  /** The text behind the table's name. */
  readonly definition: string;
  /** Columns that can be written. */
  readonly columns: readonly string[];
  readonly autoincrement: boolean;
}

function shapeOf(name: string, table: string, create: string): Shape {
  const [only, ...more] = splitStatements(create);
  if (only === undefined || more.length > 0) throw bad(name, '"create" is one statement');
  const statement = trimmed(only);
  const pieces = piecesOf(statement);
  const words = pieces.map((piece) => piece.text.toLowerCase());
  const at = words.slice(2, 5).join(' ') === 'if not exists' ? 5 : 2;
  const named = pieces[at];
  if (words[0] !== 'create' || words[1] !== 'table' || named === undefined) {
    throw bad(name, '"create" begins with create table');
  }
  if (!same(unquoted(named.text), table) || words[at + 1] !== '(') {
    throw bad(name, `"create" makes the table ${table}, with its columns in parentheses`);
  }
  return {
    name: unquoted(named.text),
    definition: statement.slice(named.token.end),
    columns: columnsOf(pieces.slice(at + 2)),
    autoincrement: words.includes('autoincrement'),
  };
}

/** Names of the columns in a list of definitions; generated ones cannot be written. */
function columnsOf(pieces: readonly Piece[]): string[] {
  const columns: string[] = [];
  let depth = 0;
  let definition: string[] = [];
  const take = (): void => {
    const [first = ''] = definition;
    const words = definition.map((each) => each.toLowerCase());
    const generated = words.some((word, i) => word === 'as' && words[i + 1] === '(');
    if (first !== '' && !CONSTRAINTS.has(first.toLowerCase()) && !generated) {
      columns.push(unquoted(first));
    }
    definition = [];
  };
  for (const { text: piece } of pieces) {
    if (piece === ')' && depth === 0) break;
    if (piece === ',' && depth === 0) {
      take();
      continue;
    }
    // What stands in parentheses says nothing about the definition; their beginning does.
    if (depth === 0) definition.push(piece);
    if (piece === '(') depth++;
    if (piece === ')') depth--;
  }
  take();
  return columns;
}

function piecesOf(statement: string): Piece[] {
  const pieces: Piece[] = [];
  for (const token of tokens(statement)) {
    if (!isBlank(token)) pieces.push({ token, text: statement.slice(token.start, token.end) });
  }
  return pieces;
}

function unquoted(piece: string): string {
  const quote = piece[0] ?? '';
  if (quote === '[') return piece.slice(1, -1);
  if (quote !== '"' && quote !== '`' && quote !== "'") return piece;
  return piece.slice(1, -1).replaceAll(quote + quote, quote);
}

function trimmed(statement: string): string {
  return statement.trim().replace(/;\s*$/, '');
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function bad(name: string, what: string): QuorateError {
  return new QuorateError('BAD_MIGRATIONS', `${name} cannot build its table anew: ${what}`);
}
