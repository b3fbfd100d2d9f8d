import { describe, expect, test } from 'vitest';
import { loadSqlite, sha256, turn } from './platform.ts';
import type { Profile } from './profile.ts';
import { NO_REDUCTION, parseRanges, type Reduction, reductionArguments } from './reduction.ts';
import { planSeed, type RunOptions, runSeed } from './run.ts';
import { parseSettings } from './settings.ts';
import { reducible } from './shrink-seed.ts';
import { type Attempt, type Reducible, Shrinker } from './shrinker.ts';
import { symptomOf } from './symptom.ts';

describe('of a run that is only told', () => {
  const whole: Reducible = {
    faults: Array.from({ length: 20 }, (_, i) => ({ number: i + 1, atMs: 1000 * i })),
    parts: ['churn', 'loss', 'queues'],
    clients: 8,
    workloads: ['rows', 'bank'],
    durationMs: 36_000,
  };

  /** It takes faults 3 and 7, loss, two clients, and the bank for ten seconds. */
  const fails: Attempt = async ({ skip, without, clients = 8, only, endAfterMs = 36_000 }) => {
    const missing = skip.includes(3) || skip.includes(7) || without.includes('loss');
    if (missing || clients < 2 || only === 'rows' || endAfterMs < 10_000) return undefined;
    return { symptom: 'TX', atMs: endAfterMs + 500 };
  };

  test('what the failure takes is left', async () => {
    const shrunk = await new Shrinker(whole, fails, { runs: 200 }).shrink();
    const { skip = [], without, clients, only, endAfterMs } = shrunk?.reduction ?? {};
    expect(whole.faults.filter(({ number }) => !skip.includes(number))).toMatchObject([
      { number: 3 },
      { number: 7 },
    ]);
    expect([...(without ?? [])].sort()).toEqual(['churn', 'queues']);
    expect({ clients, only }).toEqual({ clients: 2, only: 'bank' });
    expect(endAfterMs).toBeGreaterThanOrEqual(10_000);
    expect(endAfterMs).toBeLessThan(13_000);
  });

  test('another failure is not the failure', async () => {
    const attempt: Attempt = async (reduction) => {
      const none = reduction.skip.length > 0 || reduction.without.length > 0;
      return (await fails(reduction)) && { symptom: none ? 'LIVE' : 'TX', atMs: 40_000 };
    };
    const shrunk = await new Shrinker(whole, attempt, { runs: 200 }).shrink();
    expect(shrunk).toMatchObject({ failure: { symptom: 'TX' }, reduction: NO_REDUCTION });
  });

  test('no more runs than are allowed', async () => {
    let runs = 0;
    const attempt: Attempt = async (reduction) => {
      runs++;
      return fails(reduction);
    };
    const shrunk = await new Shrinker(whole, attempt, { runs: 9 }).shrink();
    expect(runs).toBe(9);
    expect(shrunk?.runs).toBe(9);
    expect(await fails(shrunk?.reduction ?? NO_REDUCTION)).toBeDefined();
  });

  test('what passes is not shrunk', async () => {
    const shrunk = await new Shrinker(whole, async () => undefined, { runs: 9 }).shrink();
    expect(shrunk).toBeUndefined();
  });
});

test('the command of a reduction gives the reduction', () => {
  const reduction: Reduction = {
    skip: [1, 2, 3, 5, 9, 10],
    without: ['churn', 'slow-links'],
    clients: 2,
    only: 'bank',
    endAfterMs: 12_300,
  };
  const text = reductionArguments(reduction);
  expect(text).toContain('--skip 1..3,5,9..10 ');
  expect(parseSettings(text.trim().split(' '), 1, 1)?.reduction).toEqual(reduction);
  expect(reductionArguments(NO_REDUCTION)).toBe('');
  expect(parseRanges('1..x')).toBeUndefined();
});

describe('of a run with something planted', () => {
  const profile: Partial<Profile> = {
    faultWeights: { pause: 1, transfer: 1 },
    faultEveryMs: 300,
    churnEveryMs: 0,
    clients: 2,
    thinkMs: 100,
    only: 'rows',
  };
  const seed = 3;
  const hours = 0.0008;
  const platform = { module: loadSqlite(), hash: sha256, turn };

  /** All rows disappear when fault 2 strikes. */
  async function attempt(reduction: Reduction, lines: string[] = []) {
    let struck = false;
    let atMs = 0;
    const options: RunOptions = {
      ...platform,
      ...{ seed, hours, profile, reduction },
      trace: (line) => {
        lines.push(line);
        struck ||= line.includes(' fault 2: ');
      },
      failedAt: (ms) => {
        atMs = ms;
      },
      sabotage: async (world) => {
        while (!struck) await world.sleep(20);
        await world.sleep(1000);
        await world.persist(() => world.admin.database('sim').execute('DELETE FROM t'));
      },
    };
    return runSeed(options).then(
      () => undefined,
      (error: unknown) => ({ symptom: symptomOf(error), atMs }),
    );
  }

  test('the fault that it takes is left, and the short run fails as the long one', async () => {
    const planned = planSeed({ seed, hours, profile });
    expect(planned.faults.length).toBeGreaterThan(5);
    const whole = reducible(hours, planned);
    const shrunk = await new Shrinker(whole, attempt, { runs: 16 }).shrink();
    const { skip = [], clients } = shrunk?.reduction ?? {};
    expect(skip).toHaveLength(planned.faults.length - 1);
    expect(skip).not.toContain(2);
    expect(clients).toBe(1);
    const lines: string[] = [];
    expect(await attempt(shrunk?.reduction ?? NO_REDUCTION, lines)).toEqual(shrunk?.failure);
    expect(lines.at(-1)).toContain(`the run fails: ${shrunk?.failure.symptom}: `);
    expect(lines.some((line) => line.includes('client-0 told INSERT'))).toBe(true);
  }, 60_000);

  test('a run is the same when somebody reads its trace', async () => {
    const options = { ...platform, seed: 7, hours: 0.0008 };
    const silent = await runSeed(options);
    expect(await runSeed({ ...options, trace: () => undefined })).toEqual(silent);
  }, 60_000);
});
