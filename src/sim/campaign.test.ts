import { expect, test } from 'vitest';
import { Campaign, spread } from './campaign.ts';
import type { RunReport } from './run.ts';
import { parseSettings } from './settings.ts';

function report(seed: number, simulatedMs: number, faults: number, acknowledged: number) {
  const rest = {
    events: 1,
    checks: 1,
    rolledBack: 0,
    unknown: 0,
    reads: 0,
    undecided: 1,
    traceHash: 'h',
  };
  return { seed, simulatedMs, faults, acknowledged, ...rest } satisfies RunReport;
}

test('a campaign tells its speed, its distribution, and how to repeat what failed', () => {
  const campaign = new Campaign();
  campaign.add({ kind: 'passed', profile: 'mixed', report: report(1, 40_000, 2, 60), cpuMs: 400 });
  campaign.add({ kind: 'passed', profile: 'mixed', report: report(2, 40_000, 0, 80), cpuMs: 600 });
  campaign.add({ kind: 'passed', profile: 'mixed', report: report(3, 31_000, 9, 49), cpuMs: 110 });
  campaign.add({
    kind: 'failed',
    profile: 'disk',
    seed: 4,
    error: 'ACK: 7 is gone\n    at somewhere',
    failure: { symptom: 'ACK', atMs: 5000 },
  });
  expect(campaign.summary((seed, profile) => `again ${seed} ${profile}`)).toEqual([
    '3 passed, 1 failed; 0.03 simulated hours; 100 simulated seconds per CPU second',
    'simulated seconds min 31, median 40, max 40',
    'faults min 0, median 2, max 9',
    'acknowledged writes min 49, median 60, max 80',
    '1 of 3 with at least 30 s, 1 fault and 50 acknowledged writes',
    '3 histories without a verdict: the search for an order took too long',
    'failed: seed 4: ACK: 7 is gone',
    '  again 4 disk',
  ]);
});

test('the median of an even number of values is the lower one', () => {
  expect(spread([9, 1, 3, 2])).toBe('min 1, median 2, max 9');
});

test.each([
  ['--seed 7', { first: 7, count: 1, hours: 0.01, jobs: 1 }],
  ['', { first: 99, count: 1 }],
  ['--seeds 5..9 --hours 0.5', { first: 5, count: 5, hours: 0.5 }],
  [
    '--seed 4 --profile disk --skip 3,5..7 --without churn,loss --clients 1 --only rows --end-after 2.5',
    {
      profiles: ['disk'],
      reduction: {
        skip: [3, 5, 6, 7],
        without: ['churn', 'loss'],
        clients: 1,
        only: 'rows',
        endAfterMs: 2500,
      },
    },
  ],
  ['--seed 4 --shrink --plan --runs 9', { shrink: true, plan: true, runs: 9 }],
  ['--fresh --jobs all', { first: 99, count: Number.POSITIVE_INFINITY, jobs: 4 }],
  ['--fresh --seed 3 --minutes 2 --stop', { first: 3, minutes: 2, stop: true }],
])('options: %s', (text, expected) => {
  expect(parseSettings(text.split(' ').filter(Boolean), 99, 4)).toMatchObject(expected);
});

test.each([
  '--help',
  '--seeds 9..5',
  '--seeds 9',
  '--seed x',
  '--hours 0',
  '--jobs 0',
  '--profile no-such',
  '--skip x',
  '--minutes x',
])('no options: %s', (text) => {
  expect(parseSettings(text.split(' '), 99, 4)).toBeUndefined();
});
