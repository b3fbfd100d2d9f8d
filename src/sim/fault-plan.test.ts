import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { drawWeights, FAULT_KINDS, planFaults } from './fault-plan.ts';
import { drawPartition, isolate } from './partitions.ts';

test('a plan has faults of the kinds that are on, in order, from the first half of the run on', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.integer({ min: 500, max: 20_000 }), (seed, everyMs) => {
      const random = new SeededRandom(seed);
      const weights = drawWeights(random, FAULT_KINDS);
      const plan = planFaults(random, weights, everyMs, 30_000);
      expect(plan.length).toBeGreaterThan(0);
      expect(plan[0].atMs).toBeLessThan(15_000);
      expect(plan.map(({ number }) => number)).toEqual(plan.map((_, i) => i + 1));
      for (const [i, fault] of plan.entries()) {
        expect(weights[fault.kind]).toBeGreaterThan(0);
        if (i > 0) expect(fault.atMs).toBeGreaterThanOrEqual(plan[i - 1].atMs);
      }
    }),
  );
});

test('partitions cut directed links between different hosts', () => {
  const hosts = ['a', 'b', 'c', 'd', 'e'];
  fc.assert(
    fc.property(fc.integer({ min: 0 }), (seed) => {
      for (const [from, to] of drawPartition(new SeededRandom(seed), hosts)) {
        expect(hosts).toContain(from);
        expect(hosts).toContain(to);
        expect(from).not.toBe(to);
      }
    }),
  );
  expect(isolate(['a', 'b', 'c'], 'b')).toEqual([
    ['b', 'a'],
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'b'],
  ]);
});
