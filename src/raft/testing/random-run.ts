import {
  assert,
  type Entry,
  type LogIndex,
  type NodeId,
  randomBelow,
  SeededRandom,
  type Term,
} from '../../base/index.ts';
import type { Envelope, RaftEffect } from '../contract.ts';
import { parseConfiguration, VirtualCluster, type VirtualNode } from './virtual-cluster.ts';

const ELECTION_MS = 1000;

/** Per-run rates, drawn from the seed: runs with one heavy fault find more than average runs. */
interface Profile {
  readonly nodes: number;
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly crash: number;
  readonly persist: number;
  readonly failPersist: number;
  readonly snapshot: number;
  readonly change: number;
  readonly transfer: number;
  readonly tickMs: number;
  /** How often the network is cut anew. */
  readonly cut: number;
  /** Whether a cut holds messages back, to arrive much later, instead of losing them. */
  readonly holds: boolean;
}

/** One cluster under random faults, with the invariants of the Raft paper checked at every step. */
export class RandomRun {
  readonly cluster: VirtualCluster;
  readonly counts = {
    commits: 0,
    elections: 0,
    reads: 0,
    installs: 0,
    fetches: 0,
    changes: 0,
    transfers: 0,
  };
  readonly #random: SeededRandom;
  readonly #profile: Profile;
  readonly #leaders = new Map<Term, NodeId>();
  /** What was ever committed, by index − 1. */
  readonly #committed: Entry[] = [];
  /** Term in which each of them was committed. */
  readonly #committedIn: Term[] = [];
  /** Commit index of the whole cluster when a read arrived, by tag. */
  readonly #reads = new Map<number, number>();
  /** Directions in which nothing passes now, as `from>to`. */
  #cuts = new Set<string>();
  #clientRate = 0.2;
  #tag = 0;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.#random = random;
    const rate = (...rates: number[]): number => rates[randomBelow(random, rates.length)];
    this.#profile = {
      nodes: rate(1, 2, 3, 3, 3, 4, 5),
      loss: rate(0, 0.01, 0.1, 0.3),
      duplicate: rate(0, 0.05, 0.3),
      reorder: rate(0, 0.1, 0.8),
      crash: rate(0, 0.002, 0.01, 0.03),
      persist: rate(0.1, 0.3, 0.8),
      failPersist: rate(0, 0, 0.005),
      snapshot: rate(0, 0.01, 0.05, 0.1),
      change: rate(0, 0.005, 0.03),
      transfer: rate(0, 0.005, 0.02),
      tickMs: rate(5, 30, 100, 300),
      cut: rate(0, 0.003, 0.01, 0.02),
      holds: this.#chance(0.5),
    };
    this.cluster = new VirtualCluster({
      random,
      electionTimeoutMs: ELECTION_MS,
      heartbeatMs: 100,
      tailBytes: rate(64, 4096),
      onEffect: (node, effect) => this.#onEffect(node, effect),
      onSend: (node, envelope) => this.#onSend(node, envelope),
    });
    this.#boot();
  }

  #boot(): void {
    const ids = Array.from({ length: this.#profile.nodes }, (_, i) => BigInt(i + 1));
    const configuration = parseConfiguration(ids.join(','));
    for (const id of ids) this.cluster.add(id, configuration);
    // Spares join later; their disks are empty.
    for (let i = 1; i <= 2; i++) this.cluster.add(BigInt(this.#profile.nodes + i));
    for (const node of this.cluster.nodes.values()) this.cluster.start(node);
  }

  #chance(rate: number): boolean {
    return this.#random.float() < rate;
  }

  #pick<T>(list: readonly T[]): T {
    return list[randomBelow(this.#random, list.length)];
  }

  shake(steps: number): void {
    const { cluster } = this;
    const profile = this.#profile;
    const nodes = [...cluster.nodes.values()];
    for (let i = 0; i < steps; i++) {
      const node = this.#pick(nodes);
      for (let n = randomBelow(this.#random, 4); n > 0; n--) this.#network();
      if (this.#chance(profile.persist)) cluster.persist(node);
      if (this.#chance(0.3)) this.#pass(profile.tickMs);
      if (this.#chance(this.#clientRate)) this.#client();
      if (this.#chance(0.1) && node.pending.length === 0) {
        cluster.finishInstall(node, this.#chance(0.8));
      }
      if (this.#chance(profile.snapshot)) cluster.takeSnapshot(node, randomBelow(this.#random, 8));
      if (this.#chance(profile.failPersist)) cluster.failPersist(node);
      if (node.fetches.length > 0 && this.#chance(0.1)) cluster.fetch(node, false);
      if (this.#chance(profile.change)) this.#change();
      if (this.#chance(profile.transfer)) this.#transfer();
      if (this.#chance(profile.cut)) this.#cut(nodes);
      if (this.#chance(profile.crash)) {
        const leaders = cluster.leaders();
        cluster.crash(leaders.length > 0 && this.#chance(0.5) ? this.#pick(leaders) : node);
      }
      if (node.raft === undefined && this.#chance(0.2)) cluster.start(node);
      this.#check(node);
    }
  }

  /** Heals the network, or separates a node or a group, one way or both ways. */
  #cut(nodes: readonly VirtualNode[]): void {
    this.#cuts = new Set();
    this.#clientRate = this.#pick([0.01, 0.2, 0.8]);
    if (this.#chance(0.4)) return;
    const leaders = this.cluster.leaders();
    const alone = leaders.length > 0 && this.#chance(0.5) ? this.#pick(leaders) : this.#pick(nodes);
    const group = new Set([alone.id]);
    if (this.#chance(0.5)) group.add(this.#pick(nodes).id);
    const oneWay = this.#chance(0.2);
    for (const { id } of nodes) {
      if (group.has(id)) continue;
      for (const member of group) {
        this.#cuts.add(`${id}>${member}`);
        if (!oneWay) this.#cuts.add(`${member}>${id}`);
      }
    }
  }

  #network(): void {
    const { packets } = this.cluster;
    if (packets.length === 0) return;
    const at = this.#chance(this.#profile.reorder) ? randomBelow(this.#random, packets.length) : 0;
    const [packet] = packets.splice(at, 1);
    const cut = this.#cuts.size > 0 && this.#cuts.has(`${packet.from}>${packet.to}`);
    const holds = this.#profile.holds && packet.message.type !== 'install-snapshot';
    if (cut && holds && packets.length < 2000) packets.push(packet);
    else if (cut || this.#chance(this.#profile.loss)) {
      this.cluster.drop(packet);
      const unreachable = { kind: 'unreachable', peer: packet.to } as const;
      if (this.#chance(0.3)) this.cluster.step(this.cluster.node(packet.from), unreachable);
    } else {
      const repeatable = packet.message.type !== 'install-snapshot';
      if (repeatable && this.#chance(this.#profile.duplicate)) packets.push(packet);
      this.cluster.deliver(packet);
    }
  }

  #pass(ms: number): void {
    this.cluster.now += ms * this.#random.float();
    for (const node of this.cluster.nodes.values()) {
      if (node.raft !== undefined && node.nextTick <= this.cluster.now) {
        this.cluster.step(node, { kind: 'tick' });
        assert(
          node.raft === undefined || node.nextTick > this.cluster.now,
          () => `node ${node.id} is due again at once`,
        );
      }
    }
  }

  #client(): void {
    for (const node of this.cluster.leaders()) {
      const term = node.raft?.term ?? (0 as Term);
      const tag = ++this.#tag;
      if (this.#chance(0.5)) {
        this.#reads.set(tag, this.#committed.length);
        this.cluster.step(node, { kind: 'read', tag });
      } else {
        const data = new Uint8Array(8);
        new DataView(data.buffer).setUint32(0, tag);
        this.cluster.step(node, { kind: 'propose', term, type: 'command', data, tag });
      }
    }
  }

  #change(): void {
    const id = BigInt(1 + randomBelow(this.#random, this.cluster.nodes.size));
    const role = this.#pick(['voter', 'voter', 'stand-by', 'spare'] as const);
    const change = this.#pick([
      { kind: 'add', id, address: `n${id}` },
      { kind: 'assign', id, role },
      { kind: 'assign', id, role },
      { kind: 'remove', id },
    ] as const);
    for (const node of this.cluster.leaders()) {
      this.cluster.step(node, { kind: 'change', change, tag: ++this.#tag });
    }
  }

  #transfer(): void {
    for (const node of this.cluster.leaders()) {
      this.cluster.step(node, { kind: 'transfer', target: 0n, tag: ++this.#tag });
    }
  }

  #onEffect(node: VirtualNode, effect: RaftEffect): void {
    if (effect.kind === 'fatal') throw new Error(`fatal at ${node.id}: ${effect.message}`);
    if (effect.kind === 'commit') this.#onCommit(node, effect.first, effect.entries);
    else if (effect.kind === 'install') this.counts.installs++;
    else if (effect.kind === 'fetch-entries') this.counts.fetches++;
    else if (effect.kind === 'role' && effect.role === 'leader') this.#onLeader(node, effect.term);
    else if (effect.kind === 'read-confirmed') {
      this.counts.reads++;
      const before = this.#reads.get(effect.tag);
      assert(before !== undefined && effect.index >= before, 'stale read');
    } else if (effect.kind === 'change-finished' && effect.error === undefined) {
      this.counts.changes++;
    } else if (effect.kind === 'transfer-finished' && effect.error === undefined) {
      this.counts.transfers++;
    }
  }

  /** Election safety and leader completeness. */
  #onLeader(node: VirtualNode, term: Term): void {
    this.counts.elections++;
    const other = this.#leaders.get(term);
    assert(other === undefined, () => `term ${term} has leaders ${other} and ${node.id}`);
    this.#leaders.set(term, node.id);
    const { raft } = node;
    assert(raft !== undefined, 'a leader that is down');
    // An election may end late: what later terms committed meanwhile is not this leader's.
    const known = this.#committedIn.findLastIndex((committedIn) => committedIn < term) + 1;
    assert(raft.lastIndex >= known, () => `leader ${node.id} lacks entries`);
    for (let i = raft.firstIndex; i <= known; i++) {
      const same = raft.termOf(i as LogIndex) === this.#committed[i - 1].term;
      assert(same, () => `leader ${node.id} has another entry ${i}`);
    }
  }

  /** State machine safety; and what is committed first is durable on a majority. */
  #onCommit(node: VirtualNode, first: LogIndex, entries: readonly Entry[]): void {
    assert(first === node.applied + 1, () => `commit from ${first}, applied is ${node.applied}`);
    entries.forEach((entry, i) => {
      const index = first + i;
      const known = this.#committed[index - 1];
      if (known === undefined) {
        assert(index === this.#committed.length + 1, 'a gap in the commits');
        this.#committed.push(entry);
        this.#committedIn.push(node.raft?.term ?? (0 as Term));
        this.counts.commits++;
        if (index > 1) this.#assertDurable(node, index, entry.term);
      } else assert(known.term === entry.term && sameData(known, entry), () => `${index} differs`);
    });
  }

  #assertDurable(node: VirtualNode, index: number, term: Term): void {
    const members = node.raft?.status().configuration.members ?? [];
    const voters = members.filter((member) => member.role === 'voter');
    const holders = voters.filter(({ id }) => {
      const { disk } = this.cluster.node(id);
      if ((disk.snapshot?.index ?? 0) >= index) return true;
      return disk.entries[index - disk.firstIndex]?.term === term;
    });
    assert(
      holders.length * 2 > voters.length,
      () => `entry ${index} committed on ${holders.length} of ${voters.length}`,
    );
  }

  /** Durable before acknowledged. */
  #onSend(node: VirtualNode, { message }: Envelope): void {
    const { disk } = node;
    if (message.type === 'append-entries-result' && message.rejected === 0) {
      assert(disk.term >= message.term, 'acknowledged in a term that is not durable');
      const last = disk.firstIndex + disk.entries.length - 1;
      if (message.term === node.raft?.term) {
        assert(message.lastIndex <= last, () => `acknowledged ${message.lastIndex} of ${last}`);
      }
    } else if (message.type === 'request-vote-result' && message.granted && !message.preVote) {
      assert(disk.term >= message.term, 'a vote in a term that is not durable');
      assert(disk.term > message.term || disk.vote !== 0n, 'a vote that is not durable');
    }
  }

  #check(node: VirtualNode): void {
    const { raft } = node;
    if (raft === undefined) return;
    assert(raft.commit <= raft.lastIndex && raft.storedIndex <= raft.lastIndex, 'log bounds');
    assert(node.applied === raft.commit || node.installing !== undefined, 'commit without effect');
    if (raft.role === 'leader') return;
    const { disk } = node;
    const last = disk.firstIndex + disk.entries.length - 1;
    assert(raft.storedIndex <= Math.max(last, disk.snapshot?.index ?? 0), 'stored is not on disk');
  }

  /** Ends all faults: the cluster must elect a leader, commit, and all members must agree. */
  heal(): void {
    const { cluster } = this;
    for (const node of cluster.nodes.values()) if (node.raft === undefined) cluster.start(node);
    const target = this.#committed.length;
    let proposed = 0;
    for (let round = 0; round < 3000; round++) {
      this.#settle();
      this.#pass(50);
      const leader = cluster.leaders().find((node) => node.raft?.readable);
      if (leader === undefined) continue;
      if (proposed === 0 || round % 100 === 0) proposed = this.#proposeLast(leader) ?? proposed;
      if (proposed > 0 && this.#converged(leader, Math.max(target, proposed))) return;
    }
    const states = [...cluster.nodes.values()].map((node) =>
      JSON.stringify(node.raft?.status(), big),
    );
    throw new Error(`no progress after healing\n${states.join('\n')}`);
  }

  #proposeLast(leader: VirtualNode): number | undefined {
    const { raft } = leader;
    if (raft === undefined) return undefined;
    const before = raft.lastIndex;
    const data = new Uint8Array(8);
    const input = { kind: 'propose', term: raft.term, type: 'command', data, tag: 0 } as const;
    this.cluster.step(leader, input);
    return raft.lastIndex > before ? raft.lastIndex : undefined;
  }

  #converged(leader: VirtualNode, index: number): boolean {
    const members = leader.raft?.status().configuration.members ?? [];
    return members.every((member) => {
      const raft = this.cluster.node(member.id).raft;
      return member.role === 'spare' || (raft !== undefined && raft.commit >= index);
    });
  }

  #settle(): void {
    const { cluster } = this;
    for (let i = 0; i < 200; i++) {
      let busy = cluster.packets.length > 0;
      for (const packet of cluster.packets.splice(0)) cluster.deliver(packet);
      for (const node of cluster.nodes.values()) {
        while (cluster.persist(node)) busy = true;
        if (node.installing !== undefined) cluster.finishInstall(node, true);
      }
      if (!busy) return;
    }
  }

  /** A summary in which two runs of one seed must agree. */
  trace(): string {
    const states = [...this.cluster.nodes.values()].map((node) =>
      JSON.stringify(node.raft?.status(), big),
    );
    return [...states, this.#committed.length, this.cluster.now].join('\n');
  }
}

function big(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function sameData(a: Entry, b: Entry): boolean {
  return a.data.length === b.data.length && a.data.every((byte, i) => byte === b.data[i]);
}
