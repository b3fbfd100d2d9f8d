import type { SeedResult } from './campaign.ts';
import { ReadableTrace } from './readable-trace.ts';
import { partsOf, type Reduction, reductionArguments } from './reduction.ts';
import { planSeed, type SeedPlan } from './run.ts';
import type { SeedJob } from './seed-job.ts';
import { type Attempt, type Reducible, Shrinker } from './shrinker.ts';
import { WORKLOAD_NAMES } from './workloads/index.ts';

const TRACE_LINES = 60;

function planned({ seed, hours, profile: profileName }: SeedJob): SeedPlan {
  return planSeed({ seed, hours, profileName });
}

/** What a seed draws, a line for each fault that is planned. */
export function planLines(job: SeedJob): string[] {
  const { profile, faults } = planned(job);
  return [
    `seed ${job.seed}, ${job.profile}: ${faults.length} faults in ${(job.hours * 3600).toFixed(0)} s`,
    ...faults.map(({ number, atMs, kind }) => {
      return `${String(number).padStart(4)}  ${(atMs / 1000).toFixed(3).padStart(8)} s  ${kind}`;
    }),
    `can be left out: ${partsOf(profile).join()}`,
    JSON.stringify(profile, (_, value) => (value === Number.POSITIVE_INFINITY ? 'none' : value)),
  ];
}

/** The command that runs a job again. */
export function command(job: SeedJob): string {
  const { seed, profile, hours, reduction } = job;
  return `npm run sim -- --seed ${seed} --profile ${profile} --hours ${hours}${reductionArguments(reduction)}`;
}

/** What a run can do without. */
export function reducible(hours: number, { profile, faults }: SeedPlan): Reducible {
  const durationMs = hours * 3_600_000;
  const { clients } = profile;
  const workloads = profile.only === undefined ? WORKLOAD_NAMES : [];
  return { faults, parts: partsOf(profile), clients, workloads, durationMs };
}

/** How a job is run: where a hang or a crash does no harm, or here with its trace. */
export interface JobRuns {
  apart(job: SeedJob): Promise<SeedResult>;
  traced(job: SeedJob, trace: (line: string) => void): Promise<SeedResult>;
}

/** Shrinks the failure of a job. Prints what it tries, the command that repeats what is left of it, and the end of its trace. */
export async function shrinkSeed(
  job: SeedJob,
  runs: number,
  { apart, traced }: JobRuns,
  print: (line: string) => void,
): Promise<boolean> {
  const attempt: Attempt = async (reduction: Reduction) => {
    const result = await apart({ ...job, twice: false, reduction });
    return result.kind === 'failed' ? result.failure : undefined;
  };
  const whole = reducible(job.hours, planned(job));
  const shrunk = await new Shrinker(whole, attempt, { runs, say: print }).shrink(job.reduction);
  if (shrunk === undefined) {
    print('nothing fails, so there is nothing to shrink');
    return false;
  }
  const { reduction, failure } = shrunk;
  const small = { ...job, twice: false, reduction };
  const trace = new ReadableTrace(TRACE_LINES);
  // What hangs or kills its process has no end of its trace.
  if (Number.isFinite(failure.atMs)) await traced(small, (line) => trace.add(line));
  const left = whole.faults.length - reduction.skip.length;
  const clients = reduction.clients ?? whole.clients;
  print('');
  for (const line of trace.lines()) print(line);
  print('');
  print(
    `${failure.symptom}: ${left} of ${whole.faults.length} faults and ${clients} of ${whole.clients} clients are left, after ${shrunk.runs} runs`,
  );
  print(`  ${command(small)} --trace`);
  return true;
}
