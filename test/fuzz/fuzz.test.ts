import { describe, expect, test } from 'vitest';
import { failureOf, fuzzRound, savedInputs } from './fuzzer.ts';
import { TARGETS } from './targets/index.ts';

/* A bounded run of every target with a fixed seed, and every input that ever failed. `npm run fuzz` goes on from here. */

const QUICK_INPUTS = 300;

describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (_name, target) => {
  test('inputs that once failed', async () => {
    for (const [name, bytes] of savedInputs(target)) {
      expect([name, await failureOf(target, bytes)]).toEqual([name, undefined]);
    }
  });

  test('fresh inputs', async () => {
    expect(await fuzzRound(target, 1, target.quickInputs ?? QUICK_INPUTS)).toBeUndefined();
  });
});
