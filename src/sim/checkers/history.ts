/** What became of an operation, as its client was told. `failed`: it had no effect; `unknown`: it may have one, even later. */
export type Fate = 'ok' | 'failed' | 'unknown';

/** What every operation of a history has. Times are of one clock that all clients share. */
export interface Operation {
  readonly client: number;
  readonly invokedAt: number;
  /** When the client was told. */
  readonly completedAt: number;
  readonly fate: Fate;
}

/** The invariant of docs/invariants.md that each anomaly breaks. */
export const BROKEN_BY = {
  'lost write': 'ACK',
  'wrong outcome': 'DEF',
  phantom: 'DEF',
  'duplicated write': 'TX',
  'dirty read': 'TX',
  'dirty error': 'TX',
  'wrong refusal': 'LIN',
  'intermediate read': 'TX',
  'internal inconsistency': 'TX',
  'incompatible order': 'TX',
  'torn transaction': 'TX',
  'lost update': 'TX',
  G0: 'TX',
  G1c: 'TX',
  'G-single': 'TX',
  G2: 'TX',
  'cycle in real time': 'LIN',
  'stale read': 'LIN',
  'not linearizable': 'LIN',
  'own write unseen': 'RYW',
  'non-monotonic session': 'RYW',
  'staler than claimed': 'AGE',
} as const;

export type AnomalyName = keyof typeof BROKEN_BY;

/** What must not be in a history. */
export interface Anomaly {
  readonly name: AnomalyName;
  readonly detail: string;
}

/** Whether one operation ended before the other began, so that everybody may expect their order. */
export function precedes(a: Operation, b: Operation): boolean {
  return a.completedAt < b.invokedAt;
}
