import { expect, test } from 'vitest';
import { assert, randomBelow, SeededRandom } from '../base/index.ts';
import { RandomRun } from './testing/random-run.ts';

const SEEDS = Number(process.env.RAFT_SEEDS ?? 200);
const FIRST = Number(process.env.RAFT_FIRST_SEED ?? 1);
const STEPS = Number(process.env.RAFT_STEPS ?? 3000);

test(`no invariant breaks and every healed cluster goes on, ${SEEDS} seeds`, {
  timeout: 60_000 + SEEDS * 200,
}, () => {
  const totals = {
    ...{ commits: 0, elections: 0, reads: 0, installs: 0 },
    ...{ fetches: 0, changes: 0, transfers: 0 },
  };
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const run = new RandomRun(seed);
    try {
      run.shake(STEPS);
      run.heal();
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    }
    for (const name of [
      'commits',
      'elections',
      'reads',
      'installs',
      'fetches',
      'changes',
      'transfers',
    ] as const)
      totals[name] += run.counts[name];
  }
  // The faults must not be so heavy that nothing happens.
  for (const count of Object.values(totals)) expect(count).toBeGreaterThan(SEEDS / 50);
  if (process.env.RAFT_VERBOSE) console.log(totals);
});

test('the same seed gives the same run', () => {
  const seed = 1 + randomBelow(new SeededRandom(7), 1000);
  const runs = [new RandomRun(seed), new RandomRun(seed)];
  for (const run of runs) run.shake(800);
  assert(runs[0].trace() === runs[1].trace(), 'two runs of one seed differ');
});
