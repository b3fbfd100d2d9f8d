import { isBlank, tokens } from './tokenizer.ts';

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
        `${type} ${name.toLowerCase()} ${table.toLowerCase()} ${normalized(sql)}`,
    )
    .sort()
    .join('\n');
}

function normalized(statement: string): string {
  const parts: string[] = [];
  for (const token of tokens(statement)) {
    if (isBlank(token)) continue;
    const piece = statement.slice(token.start, token.end);
    if (token.kind === 'word') parts.push(piece.toLowerCase());
    else if (token.kind === 'quoted') parts.push(unquoted(piece).toLowerCase());
    else parts.push(piece);
  }
  return parts.join(' ');
}

/** The name inside quotes, backquotes or brackets. */
export function unquoted(piece: string): string {
  const quote = piece[0];
  const inside = piece.slice(1, -1);
  return quote === '[' ? inside : inside.replaceAll(`${quote}${quote}`, `${quote}`);
}
