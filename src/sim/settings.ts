import { parseArgs } from 'node:util';
import { PROFILE_NAMES, type ProfileName } from './profile.ts';
import { isPart, PART_NAMES, parseRanges, type Reduction } from './reduction.ts';
import { WORKLOAD_NAMES } from './workloads/index.ts';

export const HELP = `usage: npm run sim -- [--seed N | --seeds A..B | --fresh] [options]

Runs whole nodes and clients on simulated time, network and disks. The same seed gives the same run.
  --seed N         one seed (default: drawn at random and printed)
  --seeds A..B     all seeds from A to B
  --fresh          seeds from a random one on, until stopped
  --profile NAME   of ${PROFILE_NAMES.join(', ')};
                   'all' = one after another but calm (default mixed)
  --plan           print what the seed draws, with its planned faults, and run nothing
  --shrink         find a shorter run in which the same thing fails, and print the command and its trace
  --runs N         so many runs to shrink a seed at most (default 60)
  --skip N,N..N    leave out planned faults, by number
  --without A,B    leave out parts of the profile, of ${PART_NAMES.slice(0, 7).join(', ')},
                   ${PART_NAMES.slice(7).join(', ')}
  --clients N      so many clients
  --only WORKLOAD  of ${WORKLOAD_NAMES.join(', ')}
  --end-after S    end the faults after so many simulated seconds, although they are planned for longer
  --minutes M      no new seed after so many minutes
  --hours H        simulated hours under faults, per seed (default 0.01)
  --jobs J         so many processes, one seed at a time in each; 'all' = one for each core (default 1)
  --twice          run each seed twice and compare the hash of the trace
  --stop           stop at the first failure
  --trace          print what the nodes log and the clients are told; errors have stacks
  --json           print a line of JSON for each seed
  --results FILE   append a line of JSON for each seed`;

/** What the command line asks for. */
export interface Settings {
  readonly first: number;
  /** Infinity = until stopped. */
  readonly count: number;
  readonly hours: number;
  /** Seeds take them in turn. */
  readonly profiles: readonly ProfileName[];
  /** Of every seed. */
  readonly reduction: Reduction;
  readonly plan: boolean;
  readonly shrink: boolean;
  /** At most, for shrinking. */
  readonly runs: number;
  readonly minutes: number;
  readonly jobs: number;
  readonly twice: boolean;
  readonly stop: boolean;
  readonly trace: boolean;
  readonly json: boolean;
  readonly results: string | undefined;
}

/** Undefined: the arguments make no sense, or ask for help. `randomSeed` is used when no seed is given. */
export function parseSettings(
  args: readonly string[],
  randomSeed: number,
  cores: number,
): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      profile: { type: 'string', default: 'mixed' },
      skip: { type: 'string', default: '' },
      without: { type: 'string', default: '' },
      clients: { type: 'string' },
      only: { type: 'string' },
      'end-after': { type: 'string' },
      plan: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
      runs: { type: 'string', default: '60' },
      minutes: { type: 'string', default: 'Infinity' },
      hours: { type: 'string', default: '0.01' },
      jobs: { type: 'string', default: '1' },
      twice: { type: 'boolean', default: false },
      stop: { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      results: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const seeds = seedsOf(values, randomSeed);
  const hours = Number(values.hours);
  const minutes = Number(values.minutes);
  const jobs = values.jobs === 'all' ? cores : Number(values.jobs);
  const profiles = profilesOf(values.profile);
  const reduction = reductionOf(values);
  const runs = Number(values.runs);
  if (values.help || seeds === undefined || profiles.length === 0) return undefined;
  if (reduction === undefined || !(runs > 0)) return undefined;
  if (!(hours > 0) || !(minutes > 0) || !Number.isInteger(jobs) || jobs < 1) return undefined;
  const { twice, stop, trace, json, results, plan, shrink } = values;
  return {
    ...seeds,
    hours,
    profiles,
    reduction,
    plan,
    shrink,
    runs,
    minutes,
    jobs,
    twice,
    stop,
    trace,
    json,
    results,
  };
}

function reductionOf(values: {
  readonly skip: string;
  readonly without: string;
  readonly clients?: string | undefined;
  readonly only?: string | undefined;
  readonly 'end-after'?: string | undefined;
}): Reduction | undefined {
  const skip = parseRanges(values.skip);
  const names = values.without.split(',').filter(Boolean);
  const without = names.filter(isPart);
  const clients = values.clients === undefined ? undefined : Number(values.clients);
  const endAfterMs =
    values['end-after'] === undefined ? undefined : Number(values['end-after']) * 1000;
  const { only } = values;
  if (skip === undefined || without.length < names.length) return undefined;
  if (clients !== undefined && !(Number.isInteger(clients) && clients > 0)) return undefined;
  if (endAfterMs !== undefined && !(endAfterMs > 0)) return undefined;
  if (only !== undefined && !WORKLOAD_NAMES.includes(only)) return undefined;
  return { skip, without, clients, only, endAfterMs };
}

function profilesOf(name: string): readonly ProfileName[] {
  if (name === 'all') return PROFILE_NAMES.filter((each) => each !== 'calm');
  return PROFILE_NAMES.filter((each) => each === name);
}

function seedsOf(
  values: {
    readonly seed?: string | undefined;
    readonly seeds?: string | undefined;
    readonly fresh: boolean;
  },
  randomSeed: number,
): { first: number; count: number } | undefined {
  if (values.seeds !== undefined) {
    const range = /^(\d+)\.\.(\d+)$/.exec(values.seeds);
    const first = Number(range?.[1]);
    const count = Number(range?.[2]) - first + 1;
    return count > 0 ? { first, count } : undefined;
  }
  const first = values.seed === undefined ? randomSeed : Number(values.seed);
  if (!Number.isSafeInteger(first)) return undefined;
  return { first, count: values.fresh ? Number.POSITIVE_INFINITY : 1 };
}
