import { describe, expect, test } from 'vitest';
import { loadSqlite, sha256, turn } from './platform.ts';
import type { Profile } from './profile.ts';
import { type RunReport, runSeed } from './run.ts';

const platform = { module: loadSqlite(), hash: sha256, turn };

function run(seed: number, hours: number, profile: Partial<Profile> = {}): Promise<RunReport> {
  return runSeed({ ...platform, seed, hours, profile });
}

describe('fixed seeds', () => {
  test.each([1, 3, 4, 5, 6, 7, 8, 9])(
    'seed %d',
    async (seed) => {
      const report = await run(seed, 0.004);
      expect(report.acknowledged).toBeGreaterThan(5);
      expect(report.checks).toBeGreaterThan(100);
    },
    60_000,
  );
});

/** Each found a defect when it ran first; the draws of a seed have changed since, the neighbourhoods stay. */
describe('seeds that failed once', () => {
  test('seed 4: heartbeats queued metadata writes faster than a slow disk ended them', async () => {
    const slow = { diskLatencyMs: { min: 0.05, max: 80 }, electionTimeoutMs: 800, heartbeatMs: 50 };
    const report = await run(4, 0.003, slow);
    expect(report.acknowledged).toBeGreaterThan(5);
  }, 60_000);

  test('seed 173: a question to a member that starts', async () => {
    await run(173, 0.006);
  }, 60_000);

  test('seed 99000463: a client that connects while leadership is handed over in vain', async () => {
    const seed = 99_000_463;
    await runSeed({ ...platform, seed, hours: 0.0085, profileName: 'migrations' });
  }, 60_000);

  test.each([
    ['a log that is cut just before what is read from it for a follower', 99_202_600, 'mixed'],
    ['only a snapshot, which was damaged, said where the log began', 99_219_322, 'disk'],
    ['a busy node, taken for a C node, was read past the fence', 99_214_159, 'migrations'],
    ['each lost answer delayed every later probe', 99_214_240, 'mixed'],
  ] as const)(
    '%s: seed %i',
    async (_what, seed, profileName) => {
      await runSeed({ ...platform, seed, hours: 0.0085, profileName });
    },
    60_000,
  );
});

const DIFFERENT: readonly [string, Partial<Profile>][] = [
  ['changing members', { churnEveryMs: 1500 }],
  ['five nodes that often lose power', { nodes: 5, faultEveryMs: 800, faultWeights: { power: 1 } }],
  [
    'long queues between threads',
    { ports: { lowestMs: 0, highestMs: 10, holdRate: 0.1, holdMs: 50 }, thinkMs: 50 },
  ],
];

describe('the same seed gives the same run, event for event', () => {
  test.each(DIFFERENT)(
    '%s',
    async (_, profile) => {
      const first = await run(42, 0.002, profile);
      expect(await run(42, 0.002, profile)).toEqual(first);
      expect((await run(43, 0.002, profile)).traceHash).not.toBe(first.traceHash);
    },
    60_000,
  );
});
