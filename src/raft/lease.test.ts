import { describe, expect, test } from 'vitest';
import { assert, SeededRandom } from '../base/index.ts';
import type { Packet, VirtualInput, VirtualNode } from './testing/virtual-cluster.ts';
import { parseConfiguration, VirtualCluster } from './testing/virtual-cluster.ts';

const LEASE_MS = 900;
const ELECTION_MS = 1000;

/** A cluster whose messages and disks are quick, and in which only those nodes tick that are told to. */
class Leased {
  readonly cluster: VirtualCluster;
  readonly leader: VirtualNode;

  constructor(seed: number, members = '1,2,3') {
    const random = new SeededRandom(seed);
    this.cluster = new VirtualCluster({ random, electionTimeoutMs: ELECTION_MS });
    const configuration = parseConfiguration(members);
    for (const { id } of configuration.members) this.cluster.add(id, configuration);
    // One with an empty disk, to be added.
    this.cluster.add(9n);
    for (const node of this.nodes()) this.cluster.start(node);
    const leader = this.elected();
    assert(leader !== undefined, 'nobody is elected');
    this.leader = leader;
    this.pass(200);
    this.settle();
  }

  nodes(): VirtualNode[] {
    return [...this.cluster.nodes.values()];
  }

  elected(): VirtualNode | undefined {
    for (let i = 0; i < 100 && this.cluster.leaders().length === 0; i++) {
      this.pass(50);
      this.settle();
    }
    return this.cluster.leaders()[0];
  }

  /** Time passes; `asleep` does not notice. */
  pass(ms: number, asleep?: VirtualNode): void {
    this.cluster.now += ms;
    for (const node of this.nodes()) {
      if (node !== asleep && node.nextTick <= this.cluster.now) this.step(node, { kind: 'tick' });
    }
  }

  step(node: VirtualNode, input: VirtualInput): void {
    this.cluster.step(node, input);
  }

  /** Delivers everything but what `holds` keeps back. */
  settle(holds: (packet: Packet) => boolean = () => false): void {
    const { packets } = this.cluster;
    const kept: Packet[] = [];
    for (;;) {
      const wrote = this.nodes().some(
        (node) => node.raft !== undefined && this.cluster.persist(node),
      );
      const packet = packets.shift();
      if (packet === undefined && !wrote) break;
      if (packet === undefined) continue;
      if (holds(packet)) kept.push(packet);
      else this.cluster.deliver(packet);
    }
    packets.push(...kept);
  }

  /** For a while one follower does not hear of the leader, then a read is confirmed by the others. */
  readWithout(deaf: VirtualNode, waitMs: number): void {
    const { leader } = this;
    const cut = ({ from, to }: Packet): boolean =>
      (from === leader.id && to === deaf.id) || (from === deaf.id && to === leader.id);
    for (let left = waitMs; left > 0; left -= 50) {
      this.pass(50);
      this.settle(cut);
      this.cluster.packets.length = 0;
    }
    this.read();
    this.settle(cut);
    expect(this.index).toBeDefined();
  }

  /** Time passes for all but the leader, which sleeps and hears nothing. */
  passWithoutLeader(ms: number): void {
    const { leader } = this;
    this.pass(ms, leader);
    this.settle(({ from, to }) => from === leader.id || to === leader.id);
  }

  read(): void {
    this.step(this.leader, { kind: 'read', tag: 1 });
  }

  get index(): number | undefined {
    return this.leader.raft?.leasedIndex(this.cluster.now);
  }

  get others(): VirtualNode[] {
    return this.nodes().filter((node) => node !== this.leader);
  }
}

describe('a lease', () => {
  test('begins with the round that was confirmed, not with its answers', () => {
    const run = new Leased(1);
    run.cluster.now += LEASE_MS;
    expect(run.index).toBeUndefined();
    const begun = run.cluster.now;
    run.read();
    run.pass(60);
    run.settle();
    expect(run.index).toBe(run.leader.raft?.commit);
    run.cluster.now = begun + LEASE_MS - 1;
    expect(run.index).toBe(run.leader.raft?.commit);
    run.cluster.now = begun + LEASE_MS;
    expect(run.index).toBeUndefined();
  });

  test('needs no read: the leader proves that it leads with each heartbeat', () => {
    const run = new Leased(1);
    for (let i = 0; i < 40; i++) {
      run.pass(50);
      run.settle();
      expect(run.index).toBe(run.leader.raft?.commit);
    }
    const [one, other] = run.others;
    const cut = ({ from, to }: Packet): boolean => from === run.leader.id || to === run.leader.id;
    for (let waited = 0; waited < LEASE_MS; waited += 50) {
      run.pass(50);
      run.settle(cut);
    }
    expect(run.index).toBeUndefined();
    expect([one, other].map(({ raft }) => raft?.role)).not.toContain('leader');
  });

  test('needs answers of a quorum', () => {
    const run = new Leased(2, '1,2,3,4,5');
    run.cluster.now += LEASE_MS;
    run.read();
    const [one] = run.others;
    run.settle(({ from }) => from !== run.leader.id && from !== one.id);
    expect(run.index).toBeUndefined();
    run.settle();
    expect(run.index).toBe(run.leader.raft?.commit);
  });

  test('is none of a follower, and ends with leadership', () => {
    const run = new Leased(3);
    run.read();
    run.settle();
    const [other] = run.others;
    expect(other.raft?.leasedIndex(run.cluster.now)).toBeUndefined();
    const ticket = run.leader.pending[0]?.ticket;
    expect(ticket).toBeUndefined();
    const { term = 0 } = run.leader.raft ?? {};
    const message = { type: 'append-entries-result', term: term + 1, rejected: 1, lastIndex: 1 };
    run.cluster.deliver({ from: other.id, to: run.leader.id, message } as Packet);
    expect(run.index).toBeUndefined();
  });

  test('does not hold while leadership is handed over, or an order to stand for election may be on its way', () => {
    const run = new Leased(4);
    run.read();
    run.settle();
    const { leader } = run;
    const [target] = run.others;
    run.step(leader, { kind: 'transfer', target: target.id, tag: 2 });
    expect(leader.raft?.status().timeoutNowOutstanding).toBe(true);
    expect(run.index).toBeUndefined();
    const held = ({ message }: Packet): boolean => message.type === 'timeout-now';
    // The transfer is given up; its order is still in a socket, and its target has nothing newer.
    for (let i = 0; i < 12; i++) {
      run.pass(100);
      run.settle(held);
    }
    expect(leader.raft?.status().transferring).toBe(false);
    run.read();
    run.settle(held);
    expect(leader.raft?.role).toBe('leader');
    expect(run.index).toBeUndefined();
    // Once the log of its target went on, the order has no effect.
    const { term } = leader.raft?.status() ?? {};
    assert(term !== undefined);
    const data = new Uint8Array(8);
    run.step(leader, { kind: 'propose', term, type: 'command', data, tag: 3 });
    run.settle(held);
    expect(run.index).toBe(leader.raft?.commit);
    run.settle();
    expect(target.raft?.role).toBe('follower');
  });

  test('does not outlive a change of the configuration', () => {
    const run = new Leased(5);
    run.read();
    run.settle();
    expect(run.index).toBeDefined();
    run.step(run.leader, {
      kind: 'change',
      change: { kind: 'add', id: 9n, address: 'n9' },
      tag: 2,
    });
    expect(run.index).toBeUndefined();
    run.settle();
    expect(run.index).toBeUndefined();
    run.read();
    run.settle();
    expect(run.index).toBeDefined();
  });

  test('of a round that began before a change of the configuration holds for nobody', () => {
    const run = new Leased(6);
    run.read();
    run.step(run.leader, {
      kind: 'change',
      change: { kind: 'add', id: 9n, address: 'n9' },
      tag: 2,
    });
    run.settle();
    expect(run.index).toBeUndefined();
  });

  test('is over when another node can have been elected: the leader sleeps, the others restart as they like', () => {
    let elections = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed);
      const run = new Leased(seed, random.float() < 0.5 ? '1,2,3' : '1,2,3,4,5');
      const { cluster } = run;
      // One that does not hear of the leader would be elected at once if somebody voted for it.
      run.readWithout(run.others[0], 3000 * random.float());
      while (cluster.leaders().length === 1 && cluster.now < 60_000) {
        run.passWithoutLeader(10 * random.float());
        for (const node of run.others) {
          if (node.raft === undefined) cluster.start(node);
          else if (random.float() < 0.01) cluster.crash(node);
        }
      }
      if (cluster.leaders().length < 2) continue;
      elections++;
      expect(run.index, `seed ${seed}`).toBeUndefined();
    }
    expect(elections).toBeGreaterThan(200);
  });

  test('is over when another node can have been elected: a follower hears late of a higher term that nobody leads', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const run = new Leased(seed);
      const { leader, cluster } = run;
      const [deaf, other] = run.others;
      run.readWithout(deaf, 1500);
      // The answer to a vote that `other` asked for before it followed this leader, from one that was ahead in terms.
      const term = (leader.raft?.term ?? 0) + 1;
      const late = { type: 'request-vote-result', term, granted: false, preVote: false };
      cluster.deliver({ from: deaf.id, to: other.id, message: late } as Packet);
      while (run.index !== undefined) {
        run.passWithoutLeader(10);
        if (run.index !== undefined) expect(cluster.leaders(), `seed ${seed}`).toEqual([leader]);
      }
    }
  });

  test('does not hold while an order to stand for election may be on its way that is not the newest', () => {
    const run = new Leased(7, '1,2,3,4,5');
    const { leader } = run;
    const [first, second, third] = run.others;
    let reached: readonly VirtualNode[] = [first, second];
    const held = ({ from, to, message }: Packet): boolean => {
      if (message.type === 'timeout-now') return true;
      // New entries do not reach everybody.
      const entries = message.type === 'append-entries' && message.entries.length > 0;
      return from === leader.id && entries && !reached.some(({ id }) => id === to);
    };
    const giveUp = (): void => {
      for (let i = 0; i < 12; i++) {
        run.pass(100);
        run.settle(held);
      }
      expect(leader.raft?.status().transferring).toBe(false);
    };
    run.step(leader, { kind: 'transfer', target: first.id, tag: 2 });
    giveUp();
    run.step(leader, { kind: 'transfer', target: second.id, tag: 3 });
    giveUp();
    // The log of the second goes on, that of the first does not: its order would still have an effect.
    reached = [second];
    const { term } = leader.raft?.status() ?? {};
    assert(term !== undefined);
    const data = new Uint8Array(8);
    run.step(leader, { kind: 'propose', term, type: 'command', data, tag: 4 });
    run.read();
    run.settle(held);
    expect(leader.raft?.role).toBe('leader');
    const { packets } = run.cluster;
    const order = packets.find(
      ({ to, message }) => to === first.id && message.type === 'timeout-now',
    );
    assert(order !== undefined, 'no order is on its way');
    run.cluster.deliver(order);
    run.settle((packet) => held(packet) || packet.to === leader.id);
    expect(first.raft?.role).toBe('leader');
    expect(third.raft?.leader).toBe(first.id);
    expect(run.index).toBeUndefined();
  });

  test('is none of a leader that is no voter: the only voter leads as soon as it restarts', () => {
    const run = new Leased(8, '1,2');
    const { leader, cluster } = run;
    const [other] = run.others;
    run.step(leader, {
      kind: 'change',
      change: { kind: 'assign', id: leader.id, role: 'spare' },
      tag: 2,
    });
    run.read();
    // What the other has stored is not heard of, so that the change is not committed here.
    const stored = ({ to, message }: Packet): boolean =>
      to === leader.id && message.type === 'append-entries-result' && message.rejected === 0;
    run.settle(stored);
    cluster.crash(other);
    cluster.start(other);
    run.settle(({ to }) => to === leader.id);
    expect(other.raft?.role).toBe('leader');
    expect(leader.raft?.role).toBe('leader');
    expect(run.index).toBeUndefined();
  });
});
