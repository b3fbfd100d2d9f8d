import type { NodeId, Term } from '../base/index.ts';
import type { Core } from './core.ts';

/**
 * Whether a claim to lead comes from nobody whom this node needs to hear. Who is no member here can still be the
 * rightful leader, of a configuration that has not arrived yet: a node without a leader must follow it. A node that
 * leads with the consent of a majority, or hears its leader, loses nothing by waiting until that has ended; and nobody
 * who merely reaches its port can raise its term, take its log away or make two leaders in one term of it.
 */
export function isIntruder(core: Core, from: NodeId, term: Term): boolean {
  if (from === core.leader || core.configurations.isMember(from)) return false;
  if (core.role === 'leader') return true;
  if (core.leader === 0n) return false;
  return term === core.term || core.now - core.leaderHeardAt < core.electionTimeoutMs;
}
