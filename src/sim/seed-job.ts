import process from 'node:process';
import { inspect } from 'node:util';
import type { SeedResult } from './campaign.ts';
import type { ProfileName } from './profile.ts';
import { runSeed } from './run.ts';
import type { Platform } from './world.ts';

/** One seed to run, as it is given to another process. */
export interface SeedJob {
  readonly seed: number;
  readonly hours: number;
  readonly profile: ProfileName;
  readonly skipped: readonly number[];
  readonly twice: boolean;
}

/** Runs one seed and tells what became of it. Never rejects. */
export async function runJob(
  job: SeedJob,
  platform: Platform,
  trace?: (line: string) => void,
): Promise<SeedResult> {
  const { seed, hours, profile: profileName } = job;
  const options = { ...platform, seed, hours, profileName, skipped: new Set(job.skipped) };
  try {
    const startedAt = process.cpuUsage();
    const report = await runSeed({ ...options, trace });
    const { user, system } = process.cpuUsage(startedAt);
    if (job.twice && (await runSeed(options)).traceHash !== report.traceHash) {
      throw new Error('two runs of one seed differ');
    }
    const cpuMs = (user + system) / 1000;
    return { kind: 'passed', profile: profileName, report, cpuMs };
  } catch (error) {
    return { kind: 'failed', profile: profileName, seed, error: inspect(error) };
  }
}
