import type { NodeId, Role } from '../base/index.ts';
import type { Cluster } from '../client/index.ts';
import { systemClock } from '../net/index.ts';
import { handoverRole, type Node, type RoleChange } from '../node/index.ts';
import { probeMember } from './member-probe.ts';

/** Handing role and leadership over may take so long; then the node ends without it. */
const DEPARTURE_MS = 5_000;

export interface Departing {
  readonly node: Pick<Node, 'isLeader' | 'status' | 'handover' | 'assign'>;
  readonly cluster: Cluster;
  /** False where nobody changes roles by itself: leadership only. */
  readonly givesRole: boolean;
}

/**
 * A planned end (roles-and-app.md §6): a stand-by or spare gets the role of this node, then another voter the leadership, and this
 * node becomes a spare. What cannot be had in time is left: the cluster heals itself as after a crash. Never rejects.
 */
export function depart(departing: Departing): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.after(DEPARTURE_MS, resolve);
    const done = (): void => {
      timer.cancel();
      resolve();
    };
    handOver(departing).then(done, done);
  });
}

async function handOver(departing: Departing): Promise<void> {
  const { node, cluster } = departing;
  const change = departing.givesRole ? await wantedChange(departing) : undefined;
  const given = change !== undefined && (await give(departing, change));
  await node.handover();
  if (given) await cluster.assign(node.status().id, 'spare', { timeoutMs: DEPARTURE_MS });
}

/** Asks nobody where there is nobody to give the role to. */
async function wantedChange({ node, cluster }: Departing): Promise<RoleChange | undefined> {
  const { id, members, memberRole } = node.status();
  const heir = members.some((member) => member.id !== id && mayInherit(member.role, memberRole));
  if (!heir) return undefined;
  const states = await Promise.all(
    members.map((member) =>
      member.id === id
        ? { ...member, online: true, failureDomain: 0n, weight: 0n }
        : probeMember(cluster, member),
    ),
  );
  return handoverRole(states, id);
}

function mayInherit(role: Role, own: Role | undefined): boolean {
  return (own === 'voter' && role !== 'voter') || (own === 'stand-by' && role === 'spare');
}

/** Whether one of the candidates has taken the role. */
async function give({ node, cluster }: Departing, change: RoleChange): Promise<boolean> {
  for (const candidate of change.candidates) {
    const taken = await assign(node, cluster, candidate, change.role).then(
      () => true,
      () => false,
    );
    if (taken) return true;
  }
  return false;
}

function assign(node: Departing['node'], cluster: Cluster, id: NodeId, role: Role): Promise<void> {
  return node.isLeader()
    ? node.assign(id, role)
    : cluster.assign(id, role, { timeoutMs: DEPARTURE_MS });
}
