import { expect, test } from 'vitest';
import { type Entry, encodeConfiguration, type LogIndex, type Term } from '../base/index.ts';
import { Raft } from './raft.ts';
import { parseConfiguration } from './testing/virtual-cluster.ts';

/*
 * A leader whose messages end below what the follower has left over from another one: ours need more than a message for that, a C leader
 * only a heartbeat.
 */

test('a follower acknowledges no further than it was compared with the leader', () => {
  const at = (of: number): Entry => ({
    term: of as Term,
    type: 'command',
    data: new Uint8Array(8),
  });
  const data = encodeConfiguration(parseConfiguration('1,2,3'));
  const follower = new Raft({
    id: 2n,
    address: 'n2',
    term: 4 as Term,
    vote: 0n,
    snapshot: undefined,
    firstIndex: 1 as LogIndex,
    entries: [{ term: 1 as Term, type: 'configuration', data }, at(1), at(2), at(2)],
    quarantined: false,
    electionTimeoutMs: 1000,
    heartbeatMs: 100,
    leaseMs: 900,
    tailBytes: 1024 * 1024,
    random: { uint32: () => 0, float: () => 0 },
    now: 0,
  });
  const { send } = follower.step({
    kind: 'receive',
    now: 10,
    from: 1n,
    fromAddress: 'n1',
    message: {
      type: 'append-entries',
      term: 4 as Term,
      previousIndex: 2 as LogIndex,
      previousTerm: 1 as Term,
      commit: 0 as LogIndex,
      entries: [],
    },
  });
  expect(send.map(({ message }) => message)).toEqual([
    { type: 'append-entries-result', term: 4, rejected: 0, lastIndex: 2 },
  ]);
});
