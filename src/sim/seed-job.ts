import process from 'node:process';
import { inspect } from 'node:util';
import type { SeedResult } from './campaign.ts';
import type { ProfileName } from './profile.ts';
import type { Reduction } from './reduction.ts';
import { type RunOptions, runSeed } from './run.ts';
import { strayErrors } from './stray-errors.ts';
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

/** What a run needs of the platform; `sabotage` is for tests. */
type Surroundings = Platform & Pick<RunOptions, 'sabotage'>;

/**
 * Runs one seed and tells what became of it. Never rejects: also what is thrown where nobody awaits it fails this
 * seed, and no other.
 */
export async function runJob(
  job: SeedJob,
  platform: Surroundings,
  trace?: (line: string) => void,
): Promise<SeedResult> {
  const results: SeedResult[] = [];
  const stray = await strayErrors(async () => {
    results.push(await runAwaited(job, platform, trace));
  });
  const [result] = results;
  // What fails a run often leaves promises behind that nobody handles: the first error is the one to tell.
  if (stray.length === 0 || result.kind === 'failed') return result;
  const [error] = stray;
  const now = result.report.simulatedMs.toFixed(3);
  trace?.(`${now} world note the run fails: thrown where nobody awaits it: ${error}`);
  return failed(job, error, Number.POSITIVE_INFINITY);
}

function failed(job: SeedJob, error: unknown, atMs: number): SeedResult {
  const { seed, profile } = job;
  const failure = { symptom: symptomOf(error), atMs };
  return { kind: 'failed', profile, seed, error: inspect(error), failure };
}

async function runAwaited(
  job: SeedJob,
  platform: Surroundings,
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
    return failed(job, error, atMs);
  }
}
