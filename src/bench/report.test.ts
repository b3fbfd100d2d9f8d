import { expect, test } from 'vitest';
import type { Result } from './contest.ts';
import { findingsTable, type Probe } from './probe.ts';
import { tableOf } from './report.ts';

function result(name: string, rates: readonly number[]): Result {
  const latencies = { p50: 1, p90: 1, p99: 2_500, p999: 1, max: 1 };
  const use = { cpuSeconds: 1, writtenBytes: 0, deviceWrites: 5, deviceBytes: 10, logBytes: 20 };
  return {
    name,
    runs: rates.map((operations) => ({
      figures: { operations, seconds: 1, busy: 0, failures: 0, ...latencies },
      use,
    })),
  };
}

test('a goal is judged by medians against its peer, and who is missing is told with the reason', () => {
  const row = {
    ...{ id: 'x', title: 'x', quick: true, who: [], contestants: () => Promise.resolve([]) },
    goals: [{ against: 'peer', ratio: 2 }],
  };
  const outcome = (own: readonly number[]): string =>
    tableOf([
      {
        row,
        results: [result('quorate', own), result('peer', [50, 10, 1_000])],
        absent: ['other: not run: no package'],
      },
    ]);
  expect(outcome([100, 5_000, 1])).toContain('| met (2×) |');
  expect(outcome([99, 5_000, 1])).toContain('| missed (2×) |');
  expect(outcome([99])).toContain('other: not run: no package');
  expect(outcome([99])).toContain('| 2.5 ms |');
});

test('of a probe less is better, alone or against a peer', () => {
  const probe = (goal: Probe['goal']): Probe => ({
    ...{ id: 'x', title: 'x', unit: 'ms', quick: true, who: [] },
    ...(goal === undefined ? {} : { goal }),
    subjects: () => Promise.resolve([]),
  });
  const told = (goal: Probe['goal'], own: number): string =>
    findingsTable([
      {
        probe: probe(goal),
        results: [
          { name: 'quorate', samples: [{ value: own }] },
          { name: 'peer', samples: [{ value: 10 }] },
        ],
        absent: [],
      },
    ]);
  expect(told({ atMost: 5 }, 5)).toContain('met (≤ 5)');
  expect(told({ atMost: 5 }, 6)).toContain('missed (≤ 5)');
  expect(told({ atMost: 1.5, of: 'peer' }, 15)).toContain('met (≤ 1.5× peer)');
  expect(told({ atMost: 1.5, of: 'peer' }, 16)).toContain('missed (≤ 1.5× peer)');
});
