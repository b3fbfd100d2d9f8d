import { expect, test } from 'vitest';
import { latencyChart } from './latency-chart.ts';

const FIGURES = { operations: 100, seconds: 1, p50: 100, p90: 0, p99: 0, p999: 0, max: 0 };

test('slower and rarer operations are farther up and to the right', () => {
  const distribution = [
    [100, 0.5],
    [10_000, 0.99],
  ] as const;
  const figures = { ...FIGURES, busy: 0, failures: 0, distribution };
  const chart = latencyChart([['a row', [{ text: 'somebody', figures }]]]);
  const points = /points="([^"]*)"/.exec(chart)?.[1]?.split(' ') ?? [];
  const [first = [], second = []] = points.map((point) => point.split(',').map(Number));
  expect(points).toHaveLength(2);
  expect(second[0]).toBeGreaterThan(first[0] ?? Number.NaN);
  expect(second[1]).toBeLessThan(first[1] ?? Number.NaN);
  expect(chart).toContain('somebody');
});
