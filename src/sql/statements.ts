import { statementStart } from './blank.ts';
import { isBlank, type Token, tokens, wordEnd } from './tokenizer.ts';

/**
 * Where a text stands between the beginning of a statement and its end. A trigger has semicolons inside; it ends with
 * `; END ;`, so its body is followed through three states of its own. The same rule as sqlite3_complete's.
 */
type Place =
  | 'start'
  | 'statement'
  | 'explain'
  | 'create'
  | 'trigger'
  | 'trigger-semicolon'
  | 'trigger-end';

function nextPlace(place: Place, text: string, token: Token): Place {
  if (isBlank(token)) return place;
  const word = token.kind === 'word' ? text.slice(token.start, token.end).toUpperCase() : '';
  const isSemicolon = token.kind === 'semicolon';
  switch (place) {
    case 'trigger':
      return isSemicolon ? 'trigger-semicolon' : 'trigger';
    case 'trigger-semicolon':
      if (isSemicolon) return 'trigger-semicolon';
      return word === 'END' ? 'trigger-end' : 'trigger';
    case 'trigger-end':
      return isSemicolon ? 'start' : 'trigger';
  }
  if (isSemicolon) return 'start';
  switch (place) {
    case 'start':
      if (word === 'EXPLAIN') return 'explain';
      return word === 'CREATE' ? 'create' : 'statement';
    case 'explain':
      // QUERY PLAN may stand between.
      return word === 'CREATE' ? 'create' : 'explain';
    case 'create':
      if (word === 'TRIGGER') return 'trigger';
      return word === 'TEMP' || word === 'TEMPORARY' ? 'create' : 'statement';
    case 'statement':
      return 'statement';
  }
}

/** True when the text ends at the end of a statement, or has none: a shell need not wait for more lines. */
export function isComplete(text: string): boolean {
  let place: Place = 'start';
  for (const token of tokens(text)) {
    if (!token.complete) return false;
    place = nextPlace(place, text, token);
  }
  return place === 'start';
}

/**
 * Cuts a text into its statements, in order, each with its semicolon if it has one and without the blanks and comments
 * around it. Statements of nothing but blanks and comments are left out; a trigger is one statement.
 */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let place: Place = 'start';
  let first = -1;
  let last = -1;
  for (const token of tokens(text)) {
    if (isBlank(token)) continue;
    place = nextPlace(place, text, token);
    if (first < 0 && token.kind === 'semicolon') continue;
    if (first < 0) first = token.start;
    last = token.end;
    if (place === 'start') {
      statements.push(text.slice(first, last));
      first = -1;
    }
  }
  if (first >= 0) statements.push(text.slice(first, last));
  return statements;
}

/** The first word of a text in capital letters, '' when it begins with something else. */
export function firstKeyword(text: string): string {
  const start = statementStart(text);
  return text.slice(start, wordEnd(text, start)).toUpperCase();
}

/**
 * True when each statement of the text looks like one that reads only: a hint for choosing where to run it, never
 * a decision. SQL functions and pragmas can make it wrong in both directions.
 */
export function likelyReadOnly(text: string): boolean {
  const statements = splitStatements(text);
  return statements.length > 0 && statements.every(readsOnly);
}

function readsOnly(statement: string): boolean {
  switch (firstKeyword(statement)) {
    case 'SELECT':
    case 'VALUES':
    case 'EXPLAIN':
      return true;
    case 'WITH':
      return withReadsOnly(statement);
    default:
      return false;
  }
}

const WRITING_VERBS: ReadonlySet<string> = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);

/** The verb of WITH … stands outside of all parentheses. */
function withReadsOnly(statement: string): boolean {
  let depth = 0;
  for (const token of tokens(statement)) {
    const piece = statement.slice(token.start, token.end);
    if (token.kind === 'operator' && piece === '(') depth++;
    else if (token.kind === 'operator' && piece === ')') depth--;
    else if (token.kind === 'word' && depth === 0) {
      const word = piece.toUpperCase();
      if (word === 'SELECT' || word === 'VALUES') return true;
      if (WRITING_VERBS.has(word)) return false;
    }
  }
  return false;
}
