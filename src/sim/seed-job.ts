import process from 'node:process';
import { inspect } from 'node:util';
import type { SeedResult } from './campaign.ts';
import { runSeed } from './run.ts';
import type { Platform } from './world.ts';

/** One seed to run, as it is given to another process. */
export interface SeedJob {
  readonly seed: number;
  readonly hours: number;
  readonly twice: boolean;
}

/** Runs one seed and tells what became of it. Never rejects. */
export async function runJob(
  job: SeedJob,
  platform: Platform,
  trace?: (line: string) => void,
): Promise<SeedResult> {
  const { seed, hours } = job;
  try {
    const startedAt = process.cpuUsage();
    const report = await runSeed({ ...platform, seed, hours, trace });
    const { user, system } = process.cpuUsage(startedAt);
    if (job.twice && (await runSeed({ ...platform, seed, hours })).traceHash !== report.traceHash) {
      throw new Error('two runs of one seed differ');
    }
    return { kind: 'passed', report, cpuMs: (user + system) / 1000 };
  } catch (error) {
    return { kind: 'failed', seed, error: inspect(error) };
  }
}
