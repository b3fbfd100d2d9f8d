import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { type Contestant, contest } from './contest.ts';
import type { Figures } from './figures.ts';

const FIGURES: Figures = {
  ...{ operations: 10, seconds: 1, busy: 0, failures: 0 },
  ...{ p50: 1, p90: 1, p99: 1, p999: 1, max: 1 },
};

test('all run in turn, and who fails once has no result and stops nobody', async () => {
  const order: string[] = [];
  const one = (name: string, failsAt: number): Contestant => {
    let runs = 0;
    const run = (): Promise<Figures> => {
      order.push(name);
      if (++runs === failsAt) return Promise.reject(new Error('lost'));
      return Promise.resolve(FIGURES);
    };
    return { name, pids: [], directories: [], run };
  };
  const failed: string[] = [];
  const results = await contest(
    [one('a', 0), one('b', 2), one('c', 0)],
    3,
    tmpdir(),
    () => undefined,
    (name, reason) => failed.push(`${name}: ${reason}`),
  );
  expect(order.join('')).toBe('abcabcac');
  expect(failed).toEqual(['b: lost']);
  expect(results.map(({ name, runs }) => [name, runs.length])).toEqual([
    ['a', 3],
    ['c', 3],
  ]);
});
