import { describe, expect, test } from 'vitest';
import type { Member, NodeId, Role } from '../base/index.ts';
import type { Cluster } from '../client/index.ts';
import type { NodeStatus } from '../node/index.ts';
import { type Departing, depart } from './departure.ts';

/** Letters as in node/roles.test.ts: 'v' voter, 's' stand-by, 'p' spare; upper case answers. This node is 1. */
function departing(text: string, leads: boolean, refusing: readonly NodeId[] = []) {
  const done: string[] = [];
  const members: Member[] = [...text].map((letter, i) => ({
    id: BigInt(i + 1),
    address: `n${i + 1}`,
    role: ({ v: 'voter', s: 'stand-by', p: 'spare' } as const)[letter.toLowerCase()] as Role,
  }));
  let leading = leads;
  const assign = async (by: string, id: NodeId, role: Role): Promise<void> => {
    if (refusing.includes(id)) throw new Error('no connection');
    done.push(`${by}: ${id} ${role}`);
  };
  const status = { id: 1n, members, memberRole: members[0].role };
  const node: Departing['node'] = {
    isLeader: () => leading,
    status: () => status as unknown as NodeStatus,
    assign: (id, role) => assign('here', id, role),
    handover: async () => {
      if (leading) done.push('handover');
      leading = false;
      return true;
    },
  };
  const cluster: Partial<Cluster> = {
    assign: (id, role) => assign('leader', id, role),
    describe: async (id) => {
      if (text[Number(id) - 1] !== text[Number(id) - 1].toUpperCase()) throw new Error('silent');
      return { failureDomain: 0, weight: 0 };
    },
  };
  return { done, departing: { node, cluster: cluster as Cluster, givesRole: true } };
}

describe('a planned end (roles-and-app.md §6)', () => {
  test.each([
    ['a leader', 'VVVS', true, ['here: 4 voter', 'handover', 'leader: 1 spare']],
    ['a follower', 'VVVS', false, ['leader: 4 voter', 'leader: 1 spare']],
    ['a stand-by', 'SVP', false, ['leader: 3 stand-by', 'leader: 1 spare']],
    ['nobody to give the role to', 'VVV', true, ['handover']],
    ['only members that do not answer', 'VVVs', true, ['handover']],
    ['a spare', 'PVVV', false, []],
  ])('%s', async (_, text, leads, expected) => {
    const { done, departing: parts } = departing(text, leads);
    await depart(parts);
    expect(done).toEqual(expected);
  });

  test('the next candidate is asked when one refuses; if all do, the node keeps its role', async () => {
    const one = departing('VVVSP', false, [4n]);
    await depart(one.departing);
    expect(one.done).toEqual(['leader: 5 voter', 'leader: 1 spare']);
    const all = departing('VVVSP', true, [4n, 5n]);
    await depart(all.departing);
    expect(all.done).toEqual(['handover']);
  });

  test('where nobody changes roles by itself, leadership only', async () => {
    const { done, departing: parts } = departing('VVVS', true);
    await depart({ ...parts, givesRole: false });
    expect(done).toEqual(['handover']);
  });
});
