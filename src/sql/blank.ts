const SPACE = /[ \t\n\f\r\ufeff]/;

/**
 * Index of the first character at or after `from` that is neither white space nor a comment. A loop and not an expression: those that
 * repeat alternatives fail with a RangeError on megabytes of blanks.
 */
export function skipBlank(text: string, from: number): number {
  let at = from;
  for (;;) {
    const c = text[at];
    if (c === undefined) return at;
    if (SPACE.test(c)) {
      at++;
    } else if (c === '-' && text[at + 1] === '-') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end + 1;
    } else if (c === '/' && text[at + 1] === '*') {
      const end = text.indexOf('*/', at + 2);
      at = end < 0 ? text.length : end + 2;
    } else {
      return at;
    }
  }
}

/** Where the first statement of a text begins, behind blanks and empty statements; the length of the text when there is none. */
export function statementStart(text: string): number {
  let at = skipBlank(text, 0);
  while (text[at] === ';') at = skipBlank(text, at + 1);
  return at;
}
