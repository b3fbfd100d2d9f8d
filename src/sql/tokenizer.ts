/** What a token of SQL is. Keywords are words: which words are keywords depends on where they stand. */
export type TokenKind =
  | 'space'
  | 'comment'
  | 'word'
  /** An identifier in double quotes, backquotes or brackets. */
  | 'quoted'
  | 'text'
  | 'blob'
  | 'number'
  | 'parameter'
  | 'semicolon'
  | 'operator'
  | 'illegal';

/** A token as a piece of the text, in UTF-16 units. */
export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** False for a string, identifier or block comment that the end of the text cuts off. */
  readonly complete: boolean;
}

const SPACE = /[ \t\n\f\r\ufeff]+/y;
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const WORD_REST = /[A-Za-z0-9_$\u0080-\uffff]+/y;
const BLOB = /[xX]'[0-9A-Fa-f]*'/y;
const BROKEN_BLOB = /[xX]'[^']*'?/y;
const HEX_NUMBER = /0[xX][0-9A-Fa-f](_?[0-9A-Fa-f])*/y;
const DIGITS = '[0-9](?:_?[0-9])*';
const NUMBER = new RegExp(
  `(?:${DIGITS}(?:\\.(?:${DIGITS})?)?|\\.${DIGITS})(?:[eE][+-]?${DIGITS})?`,
  'y',
);
const NUMBERED_PARAMETER = /\?[0-9]*/y;
/** Names may have `::` inside and, as in Tcl, a suffix in parentheses. */
const NAMED_PARAMETER = /[$@#:](?:[A-Za-z0-9_$\u0080-\uffff]|::)+(?:\([^)\s]*\))?/y;
const OPERATOR = /->>|->|==|<=|<>|<<|>=|>>|!=|\|\||[-+*/%=<>|,&~().]/y;

/** End of what the sticky expression matches at `at`, or `at`. */
function match(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}

/** End of the word that begins at `start`, or `start` when none does. */
export function wordEnd(text: string, start: number): number {
  const isBlob = text[start + 1] === "'" && (text[start] === 'x' || text[start] === 'X');
  return isBlob ? start : match(WORD, text, start);
}

/** The token of SQLite's grammar that begins at `start`, which must be before the end of the text. */
function tokenAt(text: string, start: number): Token {
  const token = (kind: TokenKind, end: number, complete = true): Token => ({
    kind,
    start,
    end,
    complete,
  });
  const char = text[start];
  switch (char) {
    case ' ':
    case '\t':
    case '\n':
    case '\f':
    case '\r':
    case '\ufeff':
      return token('space', match(SPACE, text, start));
    case ';':
      return token('semicolon', start + 1);
    case "'":
      return quoted(text, start, char, 'text');
    case '"':
    case '`':
      return quoted(text, start, char, 'quoted');
    case '[': {
      const end = text.indexOf(']', start);
      return end < 0 ? token('illegal', text.length, false) : token('quoted', end + 1);
    }
    case '?':
      return token('parameter', match(NUMBERED_PARAMETER, text, start));
    case '$':
    case '@':
    case '#':
    case ':': {
      const end = match(NAMED_PARAMETER, text, start);
      return end === start ? token('illegal', start + 1) : token('parameter', end);
    }
  }
  if (text.startsWith('--', start)) {
    const end = text.indexOf('\n', start);
    return token('comment', end < 0 ? text.length : end + 1);
  }
  if (text.startsWith('/*', start)) {
    const end = text.indexOf('*/', start + 2);
    return end < 0 ? token('comment', text.length, false) : token('comment', end + 2);
  }
  return plainToken(text, start, token);
}

function plainToken(
  text: string,
  start: number,
  token: (kind: TokenKind, end: number, complete?: boolean) => Token,
): Token {
  const blob = match(BLOB, text, start);
  // Two digits for each byte.
  if (blob > start && (blob - start) % 2 === 1) return token('blob', blob);
  const broken = match(BROKEN_BLOB, text, start);
  if (broken > start)
    return token('illegal', broken, text[broken - 1] === "'" && broken > start + 2);
  const word = match(WORD, text, start);
  if (word > start) return token('word', word);
  const hexadecimal = match(HEX_NUMBER, text, start);
  const number = hexadecimal > start ? hexadecimal : match(NUMBER, text, start);
  if (number > start) {
    const junk = match(WORD_REST, text, number);
    return junk > number ? token('illegal', junk) : token('number', number);
  }
  const operator = match(OPERATOR, text, start);
  return operator > start ? token('operator', operator) : token('illegal', start + 1);
}

/** A text or identifier whose quote is doubled inside. */
function quoted(text: string, start: number, quote: string, kind: TokenKind): Token {
  let at = start + 1;
  for (;;) {
    const end = text.indexOf(quote, at);
    if (end < 0) return { kind: 'illegal', start, end: text.length, complete: false };
    if (text[end + 1] !== quote) return { kind, start, end: end + 1, complete: true };
    at = end + 2;
  }
}

/** All tokens of a text; together they cover it without gaps. */
export function* tokens(text: string): Generator<Token, void, undefined> {
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    yield token;
    at = token.end;
  }
}

/** True for what only separates other tokens. */
export function isBlank(token: Token): boolean {
  return token.kind === 'space' || token.kind === 'comment';
}
