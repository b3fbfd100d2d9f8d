import type { Random } from '../../base/index.ts';
import { randomBelow } from '../../base/index.ts';
import type { Fate, Operation } from './history.ts';

/** When and how one operation of a made-up history took place. */
export interface Moment extends Operation {
  /** Whether it had its effect; a failed one never, a doubtful one perhaps, and then maybe late. */
  readonly effective: boolean;
}

/** Moments in the order of their effects, for correct histories: each effect lies between invocation and completion. */
export function serialMoments(random: Random, count: number): Moment[] {
  const below = (limit: number): number => randomBelow(random, limit);
  return Array.from({ length: count }, (_, i) => {
    const at = i * 10;
    const draw = below(10);
    const fate: Fate = draw < 7 ? 'ok' : draw < 8 ? 'failed' : 'unknown';
    const late = fate === 'unknown' && below(2) === 0;
    const invokedAt = at - 1 - below(60);
    return {
      client: below(5),
      invokedAt,
      // A client may give up before the effect.
      completedAt: late ? invokedAt + 1 : at + 1 + below(60),
      fate,
      effective: fate === 'ok' || (fate === 'unknown' && below(2) === 0),
    };
  });
}
