import { expect, test } from 'vitest';
import { assert, type Entry, type LogIndex, SeededRandom, type Term } from '../base/index.ts';
import type { RaftEffect } from './contract.ts';
import { parseConfiguration, VirtualCluster, type VirtualNode } from './testing/virtual-cluster.ts';

const ELECTION_MS = 1000;

/** Two followers, of which one lags by entries of which the leader has only the last ones in memory. */
class Lagging {
  readonly effects: RaftEffect[] = [];
  readonly cluster = new VirtualCluster({
    random: new SeededRandom(5),
    electionTimeoutMs: ELECTION_MS,
    tailBytes: 160,
    onEffect: (node, effect) => {
      if (node === this.leader) this.effects.push(effect);
    },
  });
  readonly leader: VirtualNode;
  readonly behind: VirtualNode;

  constructor(entries: number) {
    const configuration = parseConfiguration('1,2,3');
    const nodes = [1n, 2n, 3n].map((id) => this.cluster.add(id, configuration));
    for (const node of nodes) this.cluster.start(node);
    [this.leader, , this.behind] = nodes;
    for (let i = 0; i < 50 && this.cluster.leaders().length === 0; i++) this.pass(50);
    const [leader] = this.cluster.leaders();
    assert(leader !== undefined, 'nobody is elected');
    this.leader = leader;
    this.behind = nodes.find((node) => node !== leader) ?? leader;
    this.pass(200);
    this.cluster.crash(this.behind);
    this.cluster.step(leader, { kind: 'unreachable', peer: this.behind.id });
    for (let i = 0; i < entries; i++) this.propose();
    this.pass(100);
    expect(leader.raft?.commit).toBe(leader.raft?.lastIndex);
    expect(leader.raft?.hotIndex).toBe((leader.raft?.lastIndex ?? 0) - 19);
  }

  propose(): void {
    const { term } = this.leader.raft ?? {};
    assert(term !== undefined);
    const data = new Uint8Array(8).fill(this.leader.raft?.lastIndex ?? 0);
    this.cluster.step(this.leader, { kind: 'propose', term, type: 'command', data, tag: 0 });
    this.settle();
  }

  /** Time passes, in steps that messages can follow. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.cluster.now += 10;
      for (const node of this.cluster.nodes.values()) {
        if (node.nextTick <= this.cluster.now) this.cluster.step(node, { kind: 'tick' });
      }
      this.settle();
    }
  }

  /** Delivers and writes everything; what is to be read waits. */
  settle(): void {
    const { packets, nodes } = this.cluster;
    for (;;) {
      const packet = packets.shift();
      if (packet !== undefined) this.cluster.deliver(packet);
      const wrote = [...nodes.values()].some(
        (node) => node.raft !== undefined && node.pending.length > 0 && this.write(node),
      );
      if (packet === undefined && !wrote) return;
    }
  }

  write(node: VirtualNode): boolean {
    const { fetches } = node;
    node.fetches = [];
    const wrote = this.cluster.persist(node);
    node.fetches = [...fetches, ...node.fetches];
    return wrote;
  }

  /** The one that lags is back, and it is known what it lacks. */
  return(): void {
    this.cluster.start(this.behind);
    for (let i = 0; i < 40 && this.leader.fetches.length === 0; i++) this.pass(100);
    expect(this.leader.fetches).toHaveLength(1);
  }

  get kinds(): string[] {
    return this.effects.map(({ kind }) => kind);
  }
}

test('a follower that lags is sent what is on disk only, and then goes on from memory', () => {
  const run = new Lagging(100);
  const { leader, behind, cluster } = run;
  run.return();
  const [fetch] = leader.fetches;
  expect(fetch).toMatchObject({ to: behind.id, first: behind.disk.entries.length + 1 });
  expect(fetch.last).toBe((leader.raft?.hotIndex ?? 0) - 1);
  // While the disk reads, others are served, and it is not asked again.
  run.propose();
  run.pass(500);
  expect(leader.fetches).toHaveLength(1);
  while (cluster.fetch(leader, true)) run.settle();
  run.pass(200);
  expect(behind.raft?.commit).toBe(leader.raft?.commit);
  expect(behind.disk.entries).toEqual(leader.disk.entries);
  expect(run.kinds).not.toContain('send-snapshot');
});

test('entries that cannot be read are asked for again, after a while', () => {
  const run = new Lagging(100);
  const { leader, behind, cluster } = run;
  run.return();
  cluster.fetch(leader, false);
  run.pass(ELECTION_MS / 2);
  expect(leader.fetches).toHaveLength(0);
  run.pass(ELECTION_MS);
  expect(leader.fetches).toHaveLength(1);
  while (cluster.fetch(leader, true)) run.settle();
  run.pass(200);
  expect(behind.raft?.commit).toBe(leader.raft?.commit);
});

test('entries that cannot be read and are in a snapshot are not asked for again', () => {
  const run = new Lagging(100);
  const { leader, behind, cluster } = run;
  run.return();
  expect(cluster.takeSnapshot(leader, 1000)).toBe(true);
  cluster.fetch(leader, false);
  run.pass(200);
  expect(run.kinds).toContain('send-snapshot');
  cluster.finishInstall(behind, true);
  run.pass(2 * ELECTION_MS);
  expect(behind.raft?.commit).toBe(leader.raft?.commit);
  expect(leader.fetches).toHaveLength(0);
});

test('what a snapshot has replaced while it was read is not sent', () => {
  const run = new Lagging(100);
  const { leader, behind, cluster } = run;
  run.return();
  const [{ to, first, last }] = leader.fetches;
  const entries = leader.disk.entries.slice(first - 1, last);
  leader.fetches = [];
  cluster.takeSnapshot(leader, 0);
  cluster.step(leader, { kind: 'entries-fetched', to, first, entries });
  run.settle();
  expect(run.kinds).toContain('send-snapshot');
  cluster.finishInstall(behind, true);
  run.pass(2 * ELECTION_MS);
  expect(behind.raft?.commit).toBe(leader.raft?.commit);
});

test('of what is sent the entry before must be known too', () => {
  const run = new Lagging(100);
  const { leader, behind, cluster } = run;
  run.return();
  const [{ to, first, last }] = leader.fetches;
  const entries = leader.disk.entries.slice(first - 1, last);
  leader.fetches = [];
  cluster.takeSnapshot(leader, (leader.raft?.lastIndex ?? 0) - first + 1);
  expect(leader.raft?.firstIndex).toBe(first);
  cluster.step(leader, { kind: 'entries-fetched', to, first, entries });
  run.settle();
  expect(run.kinds).toContain('send-snapshot');
  cluster.finishInstall(behind, true);
  run.pass(2 * ELECTION_MS);
  expect(behind.raft?.commit).toBe(leader.raft?.commit);
});

test('an answer that comes after the connection broke is not used', () => {
  const run = new Lagging(100);
  const { leader, behind, cluster } = run;
  run.return();
  const [{ to, first, last }] = leader.fetches;
  leader.fetches = [];
  cluster.step(leader, { kind: 'unreachable', peer: behind.id });
  const entries = leader.disk.entries.slice(first - 1, last);
  cluster.step(leader, { kind: 'entries-fetched', to, first, entries });
  expect(cluster.packets).toHaveLength(0);
  for (let i = 0; i < 40 && leader.fetches.length === 0; i++) run.pass(100);
  while (cluster.fetch(leader, true)) run.settle();
  run.pass(200);
  expect(behind.raft?.commit).toBe(leader.raft?.commit);
});

test('a leader that reads other entries than it had stops', () => {
  const run = new Lagging(100);
  const { leader, cluster } = run;
  run.return();
  const [{ to, first, last }] = leader.fetches;
  const wrong = (entry: Entry): Entry => ({ ...entry, term: (entry.term + 1) as Term });
  const entries = leader.disk.entries.slice(first - 1, last as LogIndex).map(wrong);
  expect(() => cluster.step(leader, { kind: 'entries-fetched', to, first, entries })).toThrow(
    'has another term',
  );
});
