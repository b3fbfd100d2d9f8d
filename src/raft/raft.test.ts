import { expect, test } from 'vitest';
import {
  DecodeError,
  type Entry,
  encodeConfiguration,
  LIMITS,
  type LogIndex,
  type Term,
} from '../base/index.ts';
import type { Envelope } from './contract.ts';
import { Raft } from './raft.ts';
import { addressOf, parseConfiguration, VirtualCluster } from './testing/virtual-cluster.ts';

const random = { uint32: () => 2 ** 31, float: () => 0.5 };

function newRaft(entries: readonly Entry[], term = 1): Raft {
  return new Raft({
    id: 1n,
    address: 'n1',
    term: term as Term,
    vote: 0n,
    snapshot: undefined,
    firstIndex: 1 as LogIndex,
    entries,
    quarantined: false,
    electionTimeoutMs: 1000,
    heartbeatMs: 100,
    leaseMs: 900,
    tailBytes: 1 << 20,
    random,
    now: 0,
  });
}

const bootstrap: Entry = {
  term: 1 as Term,
  type: 'configuration',
  data: encodeConfiguration(parseConfiguration('1,2,3')),
};

function append(term: number, entries: readonly Entry[]) {
  return {
    kind: 'receive',
    now: 1,
    from: 2n,
    fromAddress: 'n2',
    message: {
      type: 'append-entries',
      term: term as Term,
      previousIndex: 1 as LogIndex,
      previousTerm: 1 as Term,
      commit: 1 as LogIndex,
      entries,
    },
  } as const;
}

test('a malformed message throws DecodeError and changes nothing', () => {
  const raft = newRaft([bootstrap]);
  raft.step({ kind: 'tick', now: 0 });
  const before = JSON.stringify(raft.status(), (_, v) => (typeof v === 'bigint' ? `${v}` : v));
  const entry = (term: number): Entry => ({
    term: term as Term,
    type: 'command',
    data: new Uint8Array(8),
  });
  const bad: Entry = { term: 2 as Term, type: 'configuration', data: new Uint8Array(8).fill(9) };
  for (const message of [
    append(5, [entry(4), entry(3)]),
    append(5, [entry(6)]),
    append(5, [entry(0)]),
    append(5, [bad]),
    append(Number.MAX_SAFE_INTEGER, []),
  ]) {
    expect(() => raft.step(message)).toThrow(DecodeError);
  }
  expect(JSON.stringify(raft.status(), (_, v) => (typeof v === 'bigint' ? `${v}` : v))).toBe(
    before,
  );
});

test('a message of a node with the own id is ignored', () => {
  const raft = newRaft([bootstrap]);
  const output = raft.step({ ...append(5, []), from: 1n });
  expect(output.send).toEqual([]);
  expect(raft.term).toBe(1);
});

test('a node without a log gives no vote: who is asked for one has lost what it acknowledged', () => {
  for (const preVote of [true, false]) {
    const raft = newRaft([], 0);
    const message = {
      type: 'request-vote',
      term: 2 as Term,
      candidate: 2n,
      lastIndex: 1 as LogIndex,
      lastTerm: 1 as Term,
      disrupt: false,
      preVote,
    } as const;
    const output = raft.step({ kind: 'receive', now: 5000, from: 2n, fromAddress: 'n2', message });
    const [answer] = [...output.send, ...output.sendAfter];
    expect(answer.message).toMatchObject({ type: 'request-vote-result', granted: false });
  }
});

test('a disk that contradicts itself is refused at start', () => {
  expect(() => newRaft([bootstrap, { ...bootstrap, term: 2 as Term }])).toThrow('term above');
});

test('messages and the window stay within their limits', () => {
  const sent: Envelope[] = [];
  const cluster = new VirtualCluster({
    random,
    tailBytes: 1 << 28,
    onSend: (_, e) => sent.push(e),
  });
  const configuration = parseConfiguration('1,2');
  for (const id of [1n, 2n]) cluster.start(cluster.add(id, configuration));
  const leader = cluster.node(1n);
  cluster.now = 2000;
  cluster.step(leader, { kind: 'tick' });
  const settle = (): void => {
    for (let i = 0; i < 50; i++) {
      for (const packet of cluster.packets.splice(0)) cluster.deliver(packet);
      for (const node of cluster.nodes.values()) while (cluster.persist(node));
      cluster.moment(leader);
    }
  };
  settle();
  expect(leader.raft?.role).toBe('leader');
  sent.length = 0;
  const data = new Uint8Array(256 * 1024);
  for (let tag = 0; tag < 100; tag++) {
    const term = leader.raft?.term ?? (0 as Term);
    cluster.step(leader, { kind: 'propose', term, type: 'command', data, tag });
  }
  const sizes = sent.map(({ message }) =>
    message.type === 'append-entries'
      ? message.entries.reduce((bytes, entry) => bytes + entry.data.length, 0)
      : 0,
  );
  const inFlight = sizes.reduce((bytes, size) => bytes + size, 0);
  expect(inFlight).toBeGreaterThanOrEqual(LIMITS.replicationWindowBytes);
  expect(inFlight).toBeLessThan(LIMITS.replicationWindowBytes + LIMITS.appendEntriesBytes);
  settle();
  expect(cluster.node(2n).raft?.commit).toBe(leader.raft?.lastIndex);
  for (const { message } of sent) {
    if (message.type !== 'append-entries') continue;
    const bytes = message.entries.reduce((sum, entry) => sum + entry.data.length, 0);
    expect(bytes).toBeLessThanOrEqual(LIMITS.appendEntriesBytes);
  }
});

test('the tail drops what the snapshot covers, and keeps the data of few entries only', () => {
  const cluster = new VirtualCluster({ random, tailBytes: 160 });
  const node = cluster.add(1n, parseConfiguration('1'));
  cluster.start(node);
  while (cluster.persist(node));
  const propose = (): void => {
    const term = node.raft?.term ?? (0 as Term);
    const data = new Uint8Array(8);
    cluster.step(node, { kind: 'propose', term, type: 'command', data, tag: 0 });
    while (cluster.persist(node));
  };
  for (let i = 0; i < 98; i++) propose();
  expect([node.raft?.firstIndex, node.raft?.commit]).toEqual([1, 100]);
  // 160 bytes are 20 entries.
  expect(node.raft?.hotIndex).toBe(81);
  cluster.takeSnapshot(node, 30);
  expect(node.raft?.firstIndex).toBe(71);
  for (let i = 0; i < 50; i++) propose();
  expect([node.raft?.firstIndex, node.raft?.hotIndex]).toEqual([71, 131]);
  expect(addressOf(1n)).toBe('n1');
});

test('the next tick is exactly the next deadline', () => {
  const raft = newRaft([bootstrap]);
  expect(raft.step({ kind: 'tick', now: 0 }).nextTick).toBe(1500);
  expect(raft.step({ kind: 'tick', now: 1499 }).effects).toEqual([]);
  const campaign = raft.step({ kind: 'tick', now: 1500 });
  expect(campaign.effects).toContainEqual({ kind: 'role', role: 'candidate', term: 1 });
  expect(campaign.nextTick).toBe(3000);
});

test('answers that wait for a slow metadata write cause no further writes', () => {
  const raft = newRaft([bootstrap]);
  raft.step({ kind: 'tick', now: 0 });
  const first = raft.step(append(5, []));
  expect(first.persist).toEqual([{ kind: 'metadata', term: 5, vote: 0n }]);
  expect(first.sendAfter).toHaveLength(1);
  for (let i = 0; i < 3; i++) {
    const next = raft.step(append(5, []));
    expect(next).toMatchObject({ persist: [], ticket: 0, send: [] });
    expect(next.sendAfter).toHaveLength(1);
  }
  raft.step({ kind: 'persisted', now: 2, ticket: first.ticket });
  expect(raft.step(append(5, []))).toMatchObject({ sendAfter: [] });
});
