/** A broken invariant: the program is wrong, not its input. Whoever catches it stops the node. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws AssertionError unless `condition` holds. A function as message is only called on failure. */
export function assert(
  condition: unknown,
  message: string | (() => string) = 'assertion failed',
): asserts condition {
  if (!condition) throw new AssertionError(typeof message === 'string' ? message : message());
}

/** The value, which must be neither undefined nor null. */
export function must<T>(value: T | undefined | null, message = 'value is missing'): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}

/** For the default branch of a switch over a union: a type error when a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}
