import type { Member } from '../base/index.ts';
import type { Cluster } from '../client/index.ts';
import type { MemberState } from '../node/index.ts';

/** A member that does not answer Describe within this time is offline (roles-and-app.md §2). */
const PROBE_MS = 2_000;

/** What another member tells of itself. Never rejects. */
export async function probeMember(cluster: Cluster, member: Member): Promise<MemberState> {
  try {
    const seen = await cluster.describe(member.id, { timeoutMs: PROBE_MS });
    return {
      ...member,
      online: true,
      failureDomain: BigInt(seen.failureDomain),
      weight: BigInt(seen.weight),
    };
  } catch {
    return { ...member, online: false, failureDomain: 0n, weight: 0n };
  }
}
