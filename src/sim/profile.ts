import { type Random, randomBelow } from '../base/index.ts';
import type { NetworkFaults } from './network.ts';
import type { PortDelays } from './ports.ts';

/** Everything that one seed draws for itself: mild and harsh runs, slow disks, long queues between threads. */
export interface Profile {
  readonly nodes: number;
  readonly clients: number;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly snapshotEntries: number;
  readonly segmentBytes: number;
  readonly network: NetworkFaults;
  readonly diskLatencyMs: { readonly min: number; readonly max: number };
  readonly ports: PortDelays;
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  /** Mean time a process stays down. */
  readonly downMs: number;
  readonly partitionMs: number;
  /** Share of deaths that lose what was not synced. */
  readonly powerLossShare: number;
  readonly thinkMs: number;
  /** Mean time between two changes of the membership; 0 = none. */
  readonly churnEveryMs: number;
}

/**
 * At most, of all clients together: most defects need faults rather than load, so most seeds are cheap. Some are not, for what only
 * full queues show.
 */
const OPERATIONS_PER_SECOND = [4, 6, 8, 8, 10, 12, 16, 50] as const;

/** Draws a profile: fixed mild ones miss bugs. */
export function drawProfile(random: Random): Profile {
  const pick = <T>(...choices: readonly T[]): T => choices[randomBelow(random, choices.length)];
  const diskMs = pick(0.2, 2, 20, 80);
  const clients = pick(2, 4, 8);
  return {
    nodes: pick(3, 3, 3, 5),
    clients,
    // A vote takes two durable writes of several disk calls: below that nobody is ever elected.
    electionTimeoutMs: diskMs > 20 ? 800 : pick(300, 800),
    heartbeatMs: pick(50, 100),
    snapshotEntries: pick(64, 256, 100_000),
    segmentBytes: pick(16, 64, 64, 256) * 1024,
    network: {
      latencyMs: pick(0.05, 0.5, 5),
      jitterMs: pick(0.05, 2, 20),
      stallRate: pick(0, 0.001, 0.02),
      stallMs: pick(50, 500, 2000),
      resetRate: pick(0, 0.0005, 0.005),
    },
    diskLatencyMs: { min: 0.05, max: diskMs },
    ports: { lowestMs: 0, highestMs: pick(0, 0.1, 1, 10) },
    faultEveryMs: pick(1500, 5000, 20_000),
    downMs: pick(200, 2000, 8000),
    partitionMs: pick(500, 2500, 8000),
    powerLossShare: pick(0, 0.5, 1),
    thinkMs: (clients * 1000) / pick(...OPERATIONS_PER_SECOND),
    churnEveryMs: pick(0, 0, 1500, 5000),
  };
}
