import type { Probe } from './probe.ts';
import { FAILOVER_PROBES } from './probe-failover.ts';

/** Everything that is no rate, in the order of the table. Those that leave a large database behind come last. */
export const ALL_PROBES: readonly Probe[] = [...FAILOVER_PROBES];
