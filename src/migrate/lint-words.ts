import { isBlank, type Token, tokens, unquoted } from '../sql/index.ts';

/** A token that is no blank, as rules look at it. */
export interface Word {
  readonly kind: Token['kind'];
  /** Words in lower case, names without quotes and in lower case, everything else as written. */
  readonly text: string;
  /** Written in double quotes. */
  readonly doubleQuoted: boolean;
}

/** The tokens of a statement without blanks and semicolons. */
export function wordsOf(statement: string): readonly Word[] {
  const words: Word[] = [];
  for (const token of tokens(statement)) {
    if (isBlank(token) || token.kind === 'semicolon') continue;
    const piece = statement.slice(token.start, token.end);
    const named = token.kind === 'quoted' ? unquoted(piece) : piece;
    const text = token.kind === 'word' || token.kind === 'quoted' ? named.toLowerCase() : piece;
    words.push({ kind: token.kind, text, doubleQuoted: piece.startsWith('"') });
  }
  return words;
}

/** Whether the words (never names in quotes) stand one after another from `at` on. */
export function isAt(words: readonly Word[], at: number, ...texts: string[]): boolean {
  return texts.every((text, i) => {
    const word = words[at + i];
    return word !== undefined && word.kind !== 'quoted' && word.text === text;
  });
}

/** Where the words stand first from `from` on, -1 = nowhere. */
export function find(words: readonly Word[], texts: readonly string[], from = 0): number {
  for (let at = from; at < words.length; at++) if (isAt(words, at, ...texts)) return at;
  return -1;
}

/** The name that begins at `at`, without IF [NOT] EXISTS and the schema before it. */
export function nameAt(
  words: readonly Word[],
  at: number,
): { readonly name: string; readonly end: number } {
  let start = at;
  if (isAt(words, start, 'if', 'not', 'exists')) start += 3;
  else if (isAt(words, start, 'if', 'exists')) start += 2;
  if (isAt(words, start + 1, '.')) start += 2;
  return { name: words[start]?.text ?? '', end: start + 1 };
}

/** What a statement does to one table, as far as rules ask for it. */
export type Change =
  | { readonly kind: 'create-table'; readonly table: string; readonly parents: readonly Parent[] }
  | { readonly kind: 'create-unique'; readonly table: string }
  | { readonly kind: 'drop-table'; readonly table: string }
  | { readonly kind: 'drop-column'; readonly table: string; readonly column: string }
  | { readonly kind: 'rename-table'; readonly table: string; readonly to: string }
  | { readonly kind: 'rename-column'; readonly table: string; readonly column: string }
  | { readonly kind: 'add-column'; readonly table: string; readonly definition: readonly Word[] }
  | { readonly kind: 'rows'; readonly table: string; readonly where: boolean }
  | { readonly kind: 'other' };

/** A table that another one refers to, and whether rows there are changed with those of the parent. */
export interface Parent {
  readonly table: string;
  readonly acts: boolean;
}

const OTHER: Change = { kind: 'other' };

/** Reads one statement. Never throws: what it does not know is 'other'. */
export function changeOf(words: readonly Word[]): Change {
  if (isAt(words, 0, 'create')) return creation(words);
  if (isAt(words, 0, 'drop', 'table')) return { kind: 'drop-table', table: nameAt(words, 2).name };
  if (isAt(words, 0, 'alter', 'table')) return alteration(words);
  const start = isAt(words, 0, 'with') ? topLevel(words, ['delete', 'update']) : 0;
  if (isAt(words, start, 'delete')) return rows(words, start + 2);
  if (!isAt(words, start, 'update')) return OTHER;
  return rows(words, isAt(words, start + 1, 'or') ? start + 3 : start + 1);
}

function rows(words: readonly Word[], at: number): Change {
  const { name, end } = nameAt(words, at);
  const where = topLevel(words, ['where'], end) >= 0;
  return { kind: 'rows', table: name, where };
}

/** Where one of the words stands outside of parentheses, -1 = nowhere. */
function topLevel(words: readonly Word[], texts: readonly string[], from = 0): number {
  let depth = 0;
  for (let at = from; at < words.length; at++) {
    if (isAt(words, at, '(')) depth++;
    else if (isAt(words, at, ')')) depth--;
    else if (depth === 0 && texts.some((text) => isAt(words, at, text))) return at;
  }
  return -1;
}

function creation(words: readonly Word[]): Change {
  if (isAt(words, 1, 'unique', 'index')) {
    const on = find(words, ['on']);
    return { kind: 'create-unique', table: nameAt(words, on + 1).name };
  }
  if (!isAt(words, 1, 'table')) return OTHER;
  const { name, end } = nameAt(words, 2);
  const parents: Parent[] = [];
  for (let at = find(words, ['references'], end); at >= 0; ) {
    const next = find(words, ['references'], at + 1);
    const clause = words.slice(at, next < 0 ? words.length : next);
    const action = find(clause, ['on', 'delete']);
    const acts = isAt(clause, action + 2, 'cascade') || isAt(clause, action + 2, 'set');
    parents.push({ table: nameAt(words, at + 1).name, acts: action >= 0 && acts });
    at = next;
  }
  return { kind: 'create-table', table: name, parents };
}

function alteration(words: readonly Word[]): Change {
  const { name: table, end } = nameAt(words, 2);
  if (isAt(words, end, 'rename', 'to')) {
    return { kind: 'rename-table', table, to: words[end + 2]?.text ?? '' };
  }
  const column = (at: number): string => words[isAt(words, at, 'column') ? at + 1 : at]?.text ?? '';
  if (isAt(words, end, 'rename')) return { kind: 'rename-column', table, column: column(end + 1) };
  if (isAt(words, end, 'drop')) return { kind: 'drop-column', table, column: column(end + 1) };
  if (!isAt(words, end, 'add')) return OTHER;
  return { kind: 'add-column', table, definition: words.slice(end + 1) };
}
