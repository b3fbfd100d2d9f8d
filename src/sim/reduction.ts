import type { Profile } from './profile.ts';

/** What a run may have less of than its seed draws: one part of a profile each. */
const PARTS = {
  churn: () => ({ churnEveryMs: 0 }),
  damage: () => ({ damageShare: 0 }),
  disaster: () => ({ beyondAtlas: false }),
  loss: ({ network }) => ({ network: { ...network, lossRate: 0 } }),
  repeats: ({ network }) => ({ network: { ...network, replayRate: 0 } }),
  resets: ({ network }) => ({ network: { ...network, resetRate: 0 } }),
  stalls: ({ network }) => ({ network: { ...network, stallRate: 0 } }),
  delays: ({ network }) => ({ network: { ...network, latencyMs: 0.05, jitterMs: 0.05 } }),
  'slow-links': ({ network }) => ({
    network: { ...network, bytesPerMs: Number.POSITIVE_INFINITY },
  }),
  queues: () => ({ ports: { lowestMs: 0, highestMs: 0, holdRate: 0, holdMs: 0 } }),
  'clock-skew': () => ({ clockSkew: 0 }),
  'slow-disks': () => ({ diskLatencyMs: { min: 0.05, max: 0.2 } }),
  snapshots: () => ({ snapshotEntries: 100_000 }),
} as const satisfies Record<string, (profile: Profile) => Partial<Profile>>;

export type Part = keyof typeof PARTS;

export function isPart(name: string): name is Part {
  return Object.hasOwn(PARTS, name);
}

export const PART_NAMES: readonly Part[] = Object.keys(PARTS).filter(isPart);

/** What is left out of the run of a seed. The rest of the seed stays as it is drawn. */
export interface Reduction {
  /** Numbers of planned faults. */
  readonly skip: readonly number[];
  readonly without: readonly Part[];
  /** As many clients; undefined = as many as are drawn. */
  readonly clients?: number | undefined;
  /** The name of the only workload. */
  readonly only?: string | undefined;
  /** Faults end after this time, although they are planned for longer. */
  readonly endAfterMs?: number | undefined;
}

/** The whole run. */
export const NO_REDUCTION: Reduction = { skip: [], without: [] };

/** The profile without what is left out. */
export function reduceProfile(profile: Profile, reduction: Reduction): Profile {
  const { without, clients = profile.clients, only = profile.only } = reduction;
  let reduced = profile;
  for (const part of without) reduced = { ...reduced, ...PARTS[part](reduced) };
  return { ...reduced, clients, only };
}

/** The parts without which this profile would be another one. */
export function partsOf(profile: Profile): readonly Part[] {
  const text = JSON.stringify(profile, plain);
  return PART_NAMES.filter((part) => {
    return JSON.stringify({ ...profile, ...PARTS[part](profile) }, plain) !== text;
  });
}

/** JSON has no Infinity. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value;
}

/** As options of the command line; each begins with a space. */
export function reductionArguments(reduction: Reduction): string {
  const { skip, without, clients, only, endAfterMs } = reduction;
  return [
    skip.length > 0 && ` --skip ${ranges(skip)}`,
    without.length > 0 && ` --without ${without.join()}`,
    clients !== undefined && ` --clients ${clients}`,
    only !== undefined && ` --only ${only}`,
    endAfterMs !== undefined && ` --end-after ${endAfterMs / 1000}`,
  ]
    .filter(Boolean)
    .join('');
}

/** 1,2,3,7 as 1..3,7. */
function ranges(numbers: readonly number[]): string {
  const found: { readonly from: number; to: number }[] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last?.to === number - 1) last.to = number;
    else found.push({ from: number, to: number });
  }
  return found.map(({ from, to }) => (from === to ? `${from}` : `${from}..${to}`)).join();
}

/** The opposite; undefined when the text is something else. */
export function parseRanges(text: string): number[] | undefined {
  const numbers: number[] = [];
  for (const part of text.split(',').filter(Boolean)) {
    const range = /^(\d{1,6})(?:\.\.(\d{1,6}))?$/.exec(part);
    if (range === null) return undefined;
    const from = Number(range[1]);
    const to = range[2] === undefined ? from : Number(range[2]);
    for (let number = from; number <= to; number++) numbers.push(number);
  }
  return numbers;
}
