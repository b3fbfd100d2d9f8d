import { isBlank, tokens } from './tokenizer.ts';

const PLAIN = /^[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*$/;
/** Keywords that SQLite never takes for a name. */
const RESERVED_WORDS: ReadonlySet<string> = new Set(
  (
    'add all alter and as autoincrement between case check collate commit constraint create default deferrable delete distinct drop else ' +
    'escape exists foreign from group having in index insert into is isnull join limit not nothing notnull null on or order primary ' +
    'references returning select set table then to transaction union unique update using values when where'
  ).split(' '),
);

/** A row of sqlite_schema: type, name, table and SQL. */
export type SchemaRow = readonly [type: string, name: string, table: string, sql: string];

/**
 * A schema as it means, not as it was written, as a text: blanks, comments, the case of words and the way in which names are quoted do not count,
 * because ALTER TABLE quotes anew. Equal schemas have equal texts, whatever the order of the rows.
 */
export function canonicalSchema(rows: readonly SchemaRow[]): string {
  return rows
    .map(
      ([type, name, table, sql]) =>
        `${type} ${canonicalName(name)} ${canonicalName(table)} ${normalized(sql)}`,
    )
    .sort()
    .join('\n');
}

function normalized(statement: string): string {
  const parts: string[] = [];
  for (const token of tokens(statement)) {
    if (isBlank(token)) continue;
    const piece = statement.slice(token.start, token.end);
    if (token.kind === 'word') parts.push(lowered(piece));
    else if (token.kind === 'quoted') parts.push(canonicalName(unquoted(piece)));
    else parts.push(piece);
  }
  return parts.join(' ');
}

/** A name in the case that does not count, in quotes only where it means something else without them: `"a b"` is not `a b`, nor `"primary"` primary. */
function canonicalName(name: string): string {
  const lower = lowered(name);
  const isPlain = PLAIN.test(lower) && !RESERVED_WORDS.has(lower);
  return isPlain ? lower : `"${lower.replaceAll('"', '""')}"`;
}

/** As SQLite compares names: letters beyond ASCII keep their case. */
function lowered(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The name inside quotes, backquotes or brackets. */
export function unquoted(piece: string): string {
  const quote = piece[0];
  const inside = piece.slice(1, -1);
  return quote === '[' ? inside : inside.replaceAll(`${quote}${quote}`, `${quote}`);
}
