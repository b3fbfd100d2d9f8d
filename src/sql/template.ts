import { QuorateError } from '../base/index.ts';
import { tokens } from './tokenizer.ts';

/**
 * Tag for statements with arguments: sql`select * from t where id = ${id}` gives the text with `?` for each argument
 * and the arguments in order. Throws QuorateError `INVALID_ARGUMENT` when an argument stands inside a string or comment, where it
 * would not be a parameter, and when the text has parameters of its own.
 */
export function sql<T>(parts: TemplateStringsArray, ...args: T[]): { sql: string; args: T[] } {
  const text = parts.join('?');
  const places = new Set<number>();
  let at = -1;
  for (const part of parts.slice(0, -1)) {
    at += part.length + 1;
    places.add(at);
  }
  let parameters = 0;
  for (const token of tokens(text)) {
    if (token.kind !== 'parameter') continue;
    parameters++;
    if (!places.has(token.start) || token.end !== token.start + 1) {
      const found = text.slice(token.start, token.end);
      throw new QuorateError('INVALID_ARGUMENT', `the parameter ${found} has no argument`);
    }
  }
  if (parameters !== args.length) {
    throw new QuorateError('INVALID_ARGUMENT', 'an argument stands inside a string or a comment');
  }
  return { sql: text, args };
}
