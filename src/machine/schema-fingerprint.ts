import { digestOf, RESERVED_PREFIX } from '../schema/index.ts';
import { isBlank, tokens } from '../sql/index.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/**
 * SHA-256 of the schema as it means, not as it was written: blanks, comments, the case of words and the way in which names are quoted do
 * not count, because ALTER TABLE quotes anew. Tables of the engine and of SQLite itself do not count.
 */
export function schemaFingerprint(sql: SchemaSql): string {
  const lines = sql
    .rows('select type, name, tbl_name, sql from sqlite_schema where sql is not null')
    .filter(([, name]) => !isInternal(text(name)))
    .map((row) => `${text(row[0])} ${lower(row[1])} ${lower(row[2])} ${normalized(text(row[3]))}`);
  return digestOf(lines.sort().join('\n'));
}

function isInternal(name: string): boolean {
  const lowered = name.toLowerCase();
  return lowered.startsWith('sqlite_') || lowered.startsWith(RESERVED_PREFIX);
}

function lower(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : '';
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
