import { describe, expect, test } from 'vitest';
import { loadSqlite, sha256, turn } from './platform.ts';
import { NO_REDUCTION } from './reduction.ts';
import { runJob } from './seed-job.ts';
import type { World } from './world.ts';

const platform = { module: loadSqlite(), hash: sha256, turn };
const job = {
  seed: 3,
  hours: 0.0005,
  profile: 'calm',
  reduction: NO_REDUCTION,
  twice: false,
} as const;

/** Runs a short seed in which this happens in a timer. */
function runWith(inTimer: () => void, trace?: (line: string) => void): ReturnType<typeof runJob> {
  const sabotage = async (world: World): Promise<void> => {
    world.scheduler.after(500, inTimer);
  };
  return runJob(job, { ...platform, sabotage }, trace);
}

describe('what is thrown where nobody awaits it fails its seed only', () => {
  const ways: Record<string, () => void> = {
    'in a timer': () => {
      throw new Error('planted');
    },
    'in a promise that nobody handles': () => {
      void Promise.reject(new Error('planted'));
    },
    'in a microtask': () => {
      queueMicrotask(() => {
        throw new Error('planted');
      });
    },
  };
  for (const [way, inTimer] of Object.entries(ways)) {
    test(way, async () => {
      const lines: string[] = [];
      const result = await runWith(inTimer, (line) => lines.push(line));
      expect(result).toMatchObject({ kind: 'failed', seed: 3, failure: { symptom: 'planted' } });
      expect(lines.filter((line) => line.includes('the run fails: '))).toHaveLength(1);
    });
  }

  test('and the next seed has nothing to do with it', async () => {
    expect(await runWith(() => undefined)).toMatchObject({ kind: 'passed' });
  });
});
