import { type Random, randomBelow } from '../base/index.ts';
import { drawWeights, FAULT_KINDS, type FaultKind, type FaultWeights } from './fault-plan.ts';
import { CALM_NETWORK, type NetworkFaults } from './network.ts';
import type { PortDelays } from './ports.ts';

/** Everything that one seed draws for itself: mild and harsh runs, slow disks, long queues between threads. */
export interface Profile {
  /** At the beginning. */
  readonly nodes: number;
  /** Addresses, and so machines, at most. */
  readonly addresses: number;
  readonly clients: number;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly snapshotEntries: number;
  readonly segmentBytes: number;
  readonly network: NetworkFaults;
  readonly diskLatencyMs: { readonly min: number; readonly max: number };
  readonly ports: PortDelays;
  /** Clocks run by up to this share too fast or too slow. */
  readonly clockSkew: number;
  /** Wall clocks jump by up to so much, forward and back. Default: 0. */
  readonly wallJumpMs?: number | undefined;
  readonly faultWeights: FaultWeights;
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  /** Mean time a process stays down. */
  readonly downMs: number;
  readonly partitionMs: number;
  readonly thinkMs: number;
  /** The name of the only workload. Default: the seed draws a mix. */
  readonly only?: string | undefined;
  /** Mean time between two changes of the membership; 0 = none. */
  readonly churnEveryMs: number;
  /** Share of these changes that begin with a machine whose disk is damaged or emptied. */
  readonly damageShare: number;
  /** Once in the run most disks are damaged at the same time: the cluster need not survive, but must not lie. */
  readonly beyondAtlas: boolean;
}

export const PROFILE_NAMES = [
  'mixed',
  'calm',
  'network',
  'disk',
  'membership',
  'threads',
  'clock',
  'beyond-atlas',
  'migrations',
] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/**
 * At most, of all clients together: most defects need faults rather than load, so most seeds are cheap. Some are not, for what only
 * full queues show.
 */
const OPERATIONS_PER_SECOND = [4, 6, 8, 8, 10, 12, 16, 50] as const;

const YEAR_MS = 365 * 86_400_000;

type Pick = <T>(...choices: readonly T[]) => T;

/**
 * Draws a profile: fixed mild ones miss bugs. `mixed` has some of everything, differently for each seed; the others do without what
 * their name does not tell, and have more of the rest. `calm` has next to no faults: it is for measuring.
 */
export function drawProfile(random: Random, name: ProfileName = 'mixed'): Profile {
  const pick: Pick = (...choices) => choices[randomBelow(random, choices.length)];
  const profile = drawMixed(random, pick);
  const quiet = { ports: { lowestMs: 0, highestMs: 0, holdRate: 0, holdMs: 0 }, clockSkew: 0 };
  const still = { churnEveryMs: 0, damageShare: 0 };
  const weights = (...kinds: FaultKind[]): FaultWeights => drawWeights(random, kinds);
  switch (name) {
    case 'mixed':
      return profile;
    case 'calm':
      return {
        ...profile,
        ...quiet,
        ...still,
        nodes: 3,
        addresses: 3,
        network: { ...CALM_NETWORK, latencyMs: 0.5, jitterMs: 0.2 },
        diskLatencyMs: { min: 0.05, max: 2 },
        electionTimeoutMs: 800,
        heartbeatMs: 100,
        faultWeights: { kill: 1 },
        faultEveryMs: 20_000,
      };
    case 'network':
      return {
        ...profile,
        ...quiet,
        ...still,
        network: drawNetwork(pick, true),
        faultWeights: weights('partition', 'isolate-leader', 'pause', 'transfer'),
      };
    case 'disk':
      return {
        ...profile,
        ...quiet,
        churnEveryMs: pick(3000, 6000),
        damageShare: 0.7,
        faultWeights: weights('power', 'crash-in-call', 'disk-error', 'disk-full', 'disk-slow'),
      };
    case 'membership':
      return {
        ...profile,
        ...quiet,
        churnEveryMs: pick(500, 1500, 3000),
        damageShare: pick(0, 0.3),
      };
    case 'threads':
      return {
        ...profile,
        ...still,
        ports: {
          lowestMs: 0,
          highestMs: pick(1, 10, 50),
          holdRate: pick(0.05, 0.3),
          holdMs: pick(10, 100, 1000),
        },
        faultWeights: weights('isolate-leader', 'partition', 'transfer', 'kill', 'pause'),
      };
    case 'beyond-atlas':
      return { ...profile, ...still, nodes: pick(3, 5), addresses: 5, beyondAtlas: true };
    case 'migrations':
      // Clocks that run wrong would let leases of participants end at other times than the checker believes.
      return {
        ...profile,
        ...still,
        only: 'upgrades',
        clockSkew: 0,
        nodes: pick(3, 3, 3, 1, 5),
        addresses: 5,
        clients: pick(4, 8),
        thinkMs: pick(400, 800, 1200),
      };
    case 'clock':
      return { ...profile, ...still, clockSkew: pick(0.05, 0.3, 0.6), wallJumpMs: YEAR_MS };
  }
}

function drawMixed(random: Random, pick: Pick): Profile {
  const diskMs = pick(0.2, 2, 20, 80);
  const clients = pick(2, 4, 8);
  const nodes = pick(1, 3, 3, 3, 3, 5);
  const churnEveryMs = pick(0, 0, 1500, 5000);
  return {
    nodes,
    addresses: nodes === 1 ? 3 : nodes + 1,
    clients,
    // A vote takes two durable writes of several disk calls: below that nobody is ever elected.
    electionTimeoutMs: diskMs > 20 ? 800 : pick(300, 800),
    heartbeatMs: pick(50, 100),
    snapshotEntries: pick(32, 64, 256, 100_000),
    segmentBytes: pick(16, 64, 64, 256) * 1024,
    network: drawNetwork(pick, false),
    diskLatencyMs: { min: 0.05, max: diskMs },
    ports: {
      lowestMs: 0,
      highestMs: pick(0, 0.1, 1, 10),
      holdRate: pick(0, 0, 0.02, 0.1),
      holdMs: pick(5, 50, 500),
    },
    clockSkew: pick(0, 0, 0.01, 0.2),
    faultWeights: drawWeights(random, FAULT_KINDS),
    faultEveryMs: pick(1000, 2500, 5000, 10_000),
    downMs: pick(200, 2000, 8000),
    partitionMs: pick(500, 2500, 8000),
    thinkMs: (clients * 1000) / pick(...OPERATIONS_PER_SECOND),
    // A single node has its others only by joining.
    churnEveryMs: nodes === 1 ? pick(1500, 3000) : churnEveryMs,
    damageShare: pick(0, 0.2, 0.5),
    beyondAtlas: false,
  };
}

function drawNetwork(pick: Pick, harsh: boolean): NetworkFaults {
  return {
    latencyMs: pick(0.05, 0.5, 5, harsh ? 20 : 0.5),
    jitterMs: pick(0.05, 2, 20),
    stallRate: pick(harsh ? 0.005 : 0, 0.001, 0.02),
    stallMs: pick(50, 500, 2000),
    resetRate: pick(0, 0.0005, 0.005),
    lossRate: pick(0, 0, 0.0005, harsh ? 0.005 : 0.001),
    replayRate: pick(0, 0, 0.001, harsh ? 0.02 : 0.002),
    bytesPerMs: pick(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 10_000, 300),
  };
}
