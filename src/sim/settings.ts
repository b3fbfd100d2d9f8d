import { parseArgs } from 'node:util';
import { PROFILE_NAMES, type ProfileName } from './profile.ts';

export const HELP = `usage: npm run sim -- [--seed N | --seeds A..B | --fresh] [options]

Runs whole nodes and clients on simulated time, network and disks. The same seed gives the same run.
  --seed N         one seed (default: drawn at random and printed)
  --seeds A..B     all seeds from A to B
  --fresh          seeds from a random one on, until stopped
  --profile NAME   of ${PROFILE_NAMES.join(', ')};
                   'all' = one after another but calm (default mixed)
  --skip N,N       leave out planned faults, by number
  --minutes M      no new seed after so many minutes
  --hours H        simulated hours under faults, per seed (default 0.01)
  --jobs J         so many processes, one seed at a time in each; 'all' = one for each core (default 1)
  --twice          run each seed twice and compare the hash of the trace
  --stop           stop at the first failure
  --trace          print what the nodes log; errors have stacks
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
  readonly skipped: readonly number[];
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
  const skipped = values.skip.split(',').filter(Boolean).map(Number);
  if (values.help || seeds === undefined || profiles.length === 0) return undefined;
  if (!skipped.every(Number.isInteger)) return undefined;
  if (!(hours > 0) || !(minutes > 0) || !Number.isInteger(jobs) || jobs < 1) return undefined;
  const { twice, stop, trace, json, results } = values;
  return {
    ...seeds,
    hours,
    profiles,
    skipped,
    minutes,
    jobs,
    twice,
    stop,
    trace,
    json,
    results,
  };
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
