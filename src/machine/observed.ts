import type { Observed } from './messages.ts';

/**
 * The later of two observations of one request: what is speculative outlives what is published. Both are of the same epoch,
 * because the end of an epoch ends every request on the machine.
 */
export function later(a: Observed | undefined, b: Observed): Observed {
  if (a === undefined) return b;
  if (a.kind === 'published') {
    return b.kind === 'published' && b.index < a.index ? a : b;
  }
  if (b.kind === 'published') return a;
  if (b.sequence < a.sequence) return a;
  return a.wrote && !b.wrote ? { ...b, wrote: true } : b;
}
