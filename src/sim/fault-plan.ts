import { type Random, randomBelow } from '../base/index.ts';

/** What can go wrong at a moment. Damage of disks and changes of the members are in churn.ts, one after another. */
export const FAULT_KINDS = [
  'kill',
  'power',
  'crash-in-call',
  'disk-error',
  'disk-full',
  'disk-slow',
  'partition',
  'isolate-leader',
  'pause',
  'transfer',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Chance of each kind, relative to the others; absent = never. */
export type FaultWeights = Partial<Record<FaultKind, number>>;

/** One fault of a plan. Everything else about it comes from its own random numbers, so the others may be left out. */
export interface PlannedFault {
  readonly number: number;
  /** Simulated time since the faults began. */
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly seed: number;
}

/** All faults of a run, in order of time, with exponentially distributed times between them, the first one early. */
export function planFaults(
  random: Random,
  weights: FaultWeights,
  everyMs: number,
  durationMs: number,
): PlannedFault[] {
  const faults: PlannedFault[] = [];
  let atMs = random.float() * Math.min(everyMs, durationMs / 2);
  while (atMs < durationMs) {
    const kind = drawKind(random, weights);
    if (kind === undefined) break;
    faults.push({ number: faults.length + 1, atMs, kind, seed: random.uint32() });
    atMs += around(random, everyMs);
  }
  return faults;
}

function drawKind(random: Random, weights: FaultWeights): FaultKind | undefined {
  const total = FAULT_KINDS.reduce((sum, kind) => sum + (weights[kind] ?? 0), 0);
  let left = random.float() * total;
  for (const kind of FAULT_KINDS) {
    left -= weights[kind] ?? 0;
    if (left < 0) return kind;
  }
  return undefined;
}

/** Each kind is on or off in a run, weakly or strongly: what is always a bit on hides what needs to be strong. */
export function drawWeights(random: Random, kinds: readonly FaultKind[]): FaultWeights {
  const weights: FaultWeights = {};
  for (const kind of kinds) {
    const weight = [0, 0, 1, 4][randomBelow(random, 4)];
    if (weight > 0) weights[kind] = weight;
  }
  if (Object.keys(weights).length === 0) weights[kinds[randomBelow(random, kinds.length)]] = 1;
  return weights;
}

/** Exponentially distributed. */
export function around(random: Random, meanMs: number): number {
  return -Math.log(1 - random.float()) * meanMs;
}
