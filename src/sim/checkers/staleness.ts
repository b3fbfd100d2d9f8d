import type { Anomaly, Operation } from './history.ts';

/** A version number that only grows was raised, or read from a replica. */
export interface VersionOperation extends Operation {
  readonly kind: 'raise' | 'read';
  readonly version: number;
  /** Of a read: how old the answer may be at most. */
  readonly maxAgeMs?: number | undefined;
}

/**
 * Reads of one replica with a bound on their age: what was acknowledged longer ago is in the answer. `drift`: so much slower than true
 * time may the clocks run by which replicas measure.
 */
export function checkStaleness(
  history: readonly VersionOperation[],
  drift: number,
): Anomaly | undefined {
  const raises = history
    .filter(({ kind, fate }) => kind === 'raise' && fate === 'ok')
    .sort((a, b) => a.completedAt - b.completedAt);
  for (const read of history) {
    if (read.kind !== 'read' || read.fate !== 'ok' || read.maxAgeMs === undefined) continue;
    const bound = read.invokedAt - read.maxAgeMs / (1 - drift);
    for (const raise of raises) {
      if (raise.completedAt >= bound) break;
      if (raise.version <= read.version) continue;
      const age = Math.round(read.invokedAt - raise.completedAt);
      const detail = `${raise.version} was ${age} ms old, at most ${read.maxAgeMs} were asked for, and ${read.version} was read`;
      return { name: 'staler than claimed', detail };
    }
  }
  return undefined;
}
