import { expect, test } from 'vitest';
import {
  encodeConfiguration,
  logIndex,
  type NodeId,
  type RaftMessage,
  SeededRandom,
  term,
} from '../base/index.ts';
import type { PlainMessage } from './core.ts';
import { Raft } from './raft.ts';

const TIMEOUT_MS = 1000;
const STRANGER = 9n;
const members = [1n, 2n, 3n].map((id) => ({ id, address: `n${id}:1`, role: 'voter' as const }));

/** Node 1 of three with one entry, in term 1. */
class Node {
  readonly raft = new Raft({
    ...{ id: 1n, address: 'n1:1', term: term(1), vote: 0n, snapshot: undefined },
    firstIndex: logIndex(1),
    entries: [{ term: term(1), type: 'configuration', data: encodeConfiguration({ members }) }],
    ...{
      quarantined: false,
      electionTimeoutMs: TIMEOUT_MS,
      heartbeatMs: 100,
      leaseMs: 900,
      tailBytes: 1000,
    },
    ...{ random: new SeededRandom(1), now: 0 },
  });
  now = 5 * TIMEOUT_MS;

  receive(from: NodeId, message: PlainMessage): readonly RaftMessage[] {
    const { now } = this;
    const output = this.raft.step({ kind: 'receive', now, from, fromAddress: 'x:1', message });
    if (output.persist.length > 0) {
      this.raft.step({ kind: 'persisted', now, ticket: output.ticket });
    }
    expect(output.effects.filter(({ kind }) => kind === 'fatal')).toEqual([]);
    return [...output.send, ...output.sendAfter].map((envelope) => envelope.message);
  }
}

const heartbeat = (value: number): PlainMessage => ({
  type: 'append-entries',
  term: term(value),
  previousIndex: logIndex(1),
  previousTerm: term(1),
  commit: logIndex(1),
  entries: [],
});

const FORGED: readonly PlainMessage[] = [
  heartbeat(2),
  heartbeat(3),
  heartbeat(2 ** 40),
  { type: 'append-entries-result', term: term(9), rejected: logIndex(0), lastIndex: logIndex(1) },
  {
    ...{ type: 'request-vote', term: term(9), candidate: STRANGER, lastIndex: logIndex(99) },
    ...{ lastTerm: term(9), disrupt: true, preVote: false },
  },
  { type: 'request-vote-result', term: term(9), granted: true, preVote: false },
  { type: 'timeout-now', term: term(2), lastIndex: logIndex(1), lastTerm: term(1) },
];

test.each(FORGED.map((message) => [message.type, message] as const))(
  'TESTING 6: %s of an unknown id moves neither term nor leader while the leader lives',
  (_type, message) => {
    const node = new Node();
    node.receive(2n, heartbeat(2));
    node.receive(STRANGER, message);
    expect([node.raft.term, node.raft.leader, node.raft.role]).toEqual([2, 2n, 'follower']);
  },
);

test('a leader of the present term is the only one, whatever a stranger says later', () => {
  const node = new Node();
  node.receive(2n, heartbeat(2));
  node.now += 2 * TIMEOUT_MS;
  node.receive(STRANGER, heartbeat(2));
  expect([node.raft.term, node.raft.leader]).toEqual([2, 2n]);
});

test('an unknown leader is followed when the known one is silent: its configuration may be newer', () => {
  const node = new Node();
  node.receive(2n, heartbeat(2));
  node.now += TIMEOUT_MS;
  expect(node.receive(STRANGER, heartbeat(3))).toMatchObject([{ type: 'append-entries-result' }]);
  expect([node.raft.term, node.raft.leader]).toEqual([3, STRANGER]);
  node.receive(STRANGER, heartbeat(3));
  expect(node.raft.leader).toBe(STRANGER);
});

test('a snapshot of a stranger is read past', () => {
  const node = new Node();
  node.receive(2n, heartbeat(2));
  const { effects } = node.raft.step({
    ...{ kind: 'install-offered', now: node.now, from: STRANGER, fromAddress: 'x:1' },
    message: {
      ...{ type: 'install-snapshot', term: term(5), lastIndex: logIndex(9), lastTerm: term(5) },
      ...{ configurationIndex: logIndex(1), configuration: { members }, dataLength: 8 },
    },
  });
  expect(effects).toEqual([{ kind: 'skip-install' }]);
  expect(node.raft.term).toBe(2);
});
