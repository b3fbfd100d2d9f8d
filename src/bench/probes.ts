import type { Probe } from './probe.ts';
import { FAILOVER_PROBES } from './probe-failover.ts';
import { FLAT_PROBES, SNAPSHOT_PROBE } from './probe-flatness.ts';
import { GROWTH_PROBES } from './probe-growth.ts';
import { IDLE_PROBES } from './probe-idle.ts';

/** Everything that is no rate, in the order of the table. Those that leave a large database behind come last. */
export const ALL_PROBES: readonly Probe[] = [
  ...IDLE_PROBES,
  ...FLAT_PROBES,
  ...FAILOVER_PROBES,
  ...GROWTH_PROBES,
  SNAPSHOT_PROBE,
];
