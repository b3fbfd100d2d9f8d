import { skipBlank, statementStart } from '../sql/index.ts';

const WORD = /[A-Za-z0-9_$\u0080-\uffff]/;

/**
 * The first `count` tokens of the first statement of a text: words and quoted names in lower case and without quotes,
 * everything else as single characters. Only a hint about what a statement is: what it did is read from SQLite
 * afterwards (M12).
 */
export function headTokens(sql: string, count: number): readonly string[] {
  const tokens: string[] = [];
  let at = statementStart(sql);
  while (tokens.length < count && at < sql.length && sql[at] !== ';') {
    const end = tokenEnd(sql, at);
    const quoted = !WORD.test(sql[at] ?? '') && end > at + 1;
    tokens.push((quoted ? sql.slice(at + 1, end - 1) : sql.slice(at, end)).toLowerCase());
    at = skipBlank(sql, end);
  }
  return tokens;
}

function tokenEnd(sql: string, start: number): number {
  const c = sql[start] ?? '';
  let end = start + 1;
  if (WORD.test(c)) {
    while (end < sql.length && WORD.test(sql[end] ?? '')) end++;
    return end;
  }
  if (c !== '"' && c !== '`' && c !== '[' && c !== "'") return end;
  end = sql.indexOf(c === '[' ? ']' : c, end);
  return end < 0 ? sql.length : end + 1;
}
