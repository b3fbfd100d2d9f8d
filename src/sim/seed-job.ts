import process from 'node:process';
import { inspect } from 'node:util';
import type { SeedResult } from './campaign.ts';
import type { ProfileName } from './profile.ts';
import type { Reduction } from './reduction.ts';
import { runSeed } from './run.ts';
import { symptomOf } from './symptom.ts';
import type { Platform } from './world.ts';

/** One seed to run, as it is given to another process. */
export interface SeedJob {
  readonly seed: number;
  readonly hours: number;
  readonly profile: ProfileName;
  readonly reduction: Reduction;
  readonly twice: boolean;
}

/** Runs one seed and tells what became of it. Never rejects. */
export async function runJob(
  job: SeedJob,
  platform: Platform,
  trace?: (line: string) => void,
): Promise<SeedResult> {
  const { seed, hours, profile: profileName, reduction } = job;
  let atMs = 0;
  const failedAt = (sinceFaultsMs: number): void => {
    atMs = sinceFaultsMs;
  };
  const options = { ...platform, seed, hours, profileName, reduction, failedAt };
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
    const failure = { symptom: symptomOf(error), atMs };
    return { kind: 'failed', profile: profileName, seed, error: inspect(error), failure };
  }
}
