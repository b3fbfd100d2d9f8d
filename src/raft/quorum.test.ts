import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LogIndex } from '../base/index.ts';
import { hasQuorum, majority, quorumIndex } from './quorum.ts';

/** The definition itself: the highest index that more than half of the voters have reached. */
function slowQuorumIndex(matches: readonly number[]): number {
  let best = 0;
  for (const candidate of matches) {
    const holders = matches.filter((match) => match >= candidate).length;
    if (holders * 2 > matches.length && candidate > best) best = candidate;
  }
  return best;
}

test('quorumIndex equals its definition', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 9 }), (matches) => {
      expect(quorumIndex([...matches] as LogIndex[])).toBe(slowQuorumIndex(matches));
    }),
    { numRuns: 5000 },
  );
});

test('two majorities of the same voters meet', () => {
  for (let voters = 1; voters <= 9; voters++) {
    expect(majority(voters) * 2).toBeGreaterThan(voters);
    expect((majority(voters) - 1) * 2).toBeLessThanOrEqual(voters);
  }
});

test('hasQuorum counts voters only, and nobody is no quorum', () => {
  const yes = new Set([1n, 2n, 9n]);
  expect(hasQuorum([1n, 2n, 3n], (id) => yes.has(id))).toBe(true);
  expect(hasQuorum([1n, 3n, 4n], (id) => yes.has(id))).toBe(false);
  expect(hasQuorum([1n, 3n], (id) => yes.has(id))).toBe(false);
  expect(hasQuorum([], () => true)).toBe(false);
});
