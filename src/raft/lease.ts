import type { LogIndex } from '../base/index.ts';
import type { Core } from './core.ts';

/** Nobody else can lead before `until`, as long as the configuration is the one that the round was asked under. */
export interface Lease {
  readonly until: number;
  readonly configurationIndex: LogIndex;
}

/**
 * What reads see that trust the clock (M7): the commit index, while a quorum answered a round that began less than a lease ago. Who
 * answered grants no vote to others for an election timeout after that, also when it restarts meanwhile. Three things go round that:
 * a configuration whose majorities need not contain one of them, an order to stand for election (TimeoutNow) that may be on its way, and
 * an only voter that is not this node: it needs no other's vote and leads as soon as it restarts.
 */
export function leasedIndex(core: Core, now: number): LogIndex | undefined {
  const { leadership, configurations } = core;
  const lease = leadership?.lease;
  if (leadership === undefined || lease === undefined || now >= lease.until) return undefined;
  if (leadership.timeoutNow.size > 0) return undefined;
  if (!core.isVoter) return undefined;
  if (lease.configurationIndex !== configurations.index) return undefined;
  return core.commit;
}
