// Whether a failed run shows a bug of the product or one of the harness.

/** What JavaScript itself throws: the patch has made nonsense, or the simulator has a bug. */
const NONSENSE =
  /is not a function|Cannot read propert|is not defined|is not iterable|Maximum call stack/;

/**
 * @param {unknown} error
 * @returns {{ caught?: string, invalid?: string }}
 */
export function verdict(error) {
  const message = error instanceof Error ? error.message : String(error);
  const short = message.split('\n')[0].slice(0, 160);
  if (NONSENSE.test(message)) return { invalid: short };
  if (typeof error?.invariant === 'string') return { caught: short };
  if (/^node \d+ stopped: /.test(message)) return { caught: short };
  const name = error?.constructor?.name ?? '';
  if (name === 'AssertionError' || name === 'QuorateError') return { caught: `${name}: ${short}` };
  return { invalid: `${name}: ${short}` };
}
