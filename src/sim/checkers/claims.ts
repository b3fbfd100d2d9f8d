import { type Anomaly, type Operation, precedes } from './history.ts';

/** Somebody tried to insert the one row with this key. `refused`: the answer was that the row exists. */
export interface Claim extends Operation {
  readonly key: number;
  readonly refused: boolean;
}

/** One claim of each key succeeds; whoever is refused was refused because of a row that came to be. */
export function checkClaims(history: readonly Claim[]): Anomaly | undefined {
  const attempts = new Map<number, Claim[]>();
  for (const claim of history) {
    const others = attempts.get(claim.key);
    if (others === undefined) attempts.set(claim.key, [claim]);
    else others.push(claim);
  }
  for (const [key, claims] of attempts) {
    const winners = claims.filter(({ fate }) => fate === 'ok');
    if (winners.length > 1) {
      return { name: 'duplicated write', detail: `key ${key} was claimed ${winners.length} times` };
    }
    const possible = claims.filter(({ fate }) => fate !== 'failed');
    for (const claim of claims) {
      if (!claim.refused || possible.some((other) => !precedes(claim, other))) continue;
      const detail = `key ${key} was refused to client ${claim.client} because of a row that never was`;
      return { name: 'dirty error', detail };
    }
  }
  return undefined;
}
