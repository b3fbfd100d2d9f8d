import {
  assert,
  type Entry,
  encodeConfiguration,
  type InstallSnapshot,
  type LogIndex,
  type NodeId,
  type Role,
  type Term,
} from '../../base/index.ts';
import type { MembershipChange, RaftOutput } from '../contract.ts';
import {
  describeConfiguration,
  describeEffect,
  describeEnvelope,
  describeMessage,
  describeOperation,
} from './describe.ts';
import { parseMessage } from './parse-message.ts';
import {
  addressOf,
  type Packet,
  parseConfiguration,
  VirtualCluster,
  type VirtualNode,
} from './virtual-cluster.ts';

const SETTLE_ROUNDS_MAX = 200;

/** Words of a command: positional ones, and those of the form name=value. */
interface Words {
  readonly plain: readonly string[];
  readonly named: ReadonlyMap<string, string>;
}

/** Runs the commands of a transcript against a virtual cluster; every answer says what happened. */
export class Transcript {
  readonly #cluster: VirtualCluster;
  #lines: string[] = [];
  #tag = 0;

  constructor() {
    this.#cluster = new VirtualCluster({
      // Always the middle of the range: an election timeout is 1500 ms.
      random: { uint32: () => 2 ** 31, float: () => 0.5 },
      tailBytes: 1 << 20,
      onOutput: (node, output) => this.#record(node, output),
    });
  }

  #record(node: VirtualNode, output: RaftOutput): void {
    for (const envelope of output.send)
      this.#lines.push(describeEnvelope(node.id, envelope, false));
    if (output.ticket > 0) {
      const operations = output.persist.map(describeOperation).join(', ');
      this.#lines.push(`${node.id} writes #${output.ticket}: ${operations}`);
    }
    for (const envelope of output.sendAfter) {
      this.#lines.push(describeEnvelope(node.id, envelope, true));
    }
    for (const effect of output.effects) {
      this.#lines.push(`${node.id} ${describeEffect(effect)}`);
    }
  }

  /** Carries out one command line; the answer is what it caused. */
  run(line: string): string {
    this.#lines = [];
    const [command, ...rest] = line.split(/\s+/);
    const plain = rest.filter((word) => !word.includes('='));
    const pairs = rest.filter((word) => word.includes('=')).map((word) => word.split('=', 2));
    const words = { plain, named: new Map(pairs.map(([name, value]) => [name, value])) };
    const handler = this.#commands[command];
    assert(handler !== undefined, () => `no command ${command}`);
    handler(words);
    if (plain.includes('quiet')) return 'ok';
    return this.#lines.join('\n') || 'nothing';
  }

  readonly #commands: Record<string, (words: Words) => void> = {
    nodes: (words) => this.#nodes(words),
    node: (words) => this.#oneNode(words),
    tick: (words) => this.#tick(words),
    campaign: ({ plain: [id] }) => this.#campaign(this.#node(id)),
    deliver: (words) => this.#deliver(words),
    drop: (words) => {
      for (const packet of this.#take(words)) {
        this.#lines.push(`lost ${packet.from}->${packet.to} ${describeMessage(packet.message)}`);
        this.#cluster.drop(packet);
      }
    },
    persist: ({ plain: [id] }) => {
      if (!this.#cluster.persist(this.#node(id))) this.#lines.push('nothing to persist');
    },
    'fail-persist': ({ plain: [id] }) => this.#cluster.failPersist(this.#node(id)),
    stabilize: (words) => this.#stabilize(words),
    propose: ({ plain: [id, count] }) => {
      const node = this.#node(id);
      for (let i = 0; i < Number(count ?? 1); i++) this.#propose(node);
    },
    read: ({ plain: [id] }) => {
      this.#cluster.step(this.#node(id), { kind: 'read', tag: ++this.#tag });
    },
    change: (words) => this.#change(words),
    transfer: ({ plain: [id, to] }) => {
      const target = BigInt(to);
      this.#cluster.step(this.#node(id), { kind: 'transfer', target, tag: ++this.#tag });
    },
    receive: ({ plain: [id, type, ...flags], named }) => {
      const from = BigInt(named.get('from') ?? 0);
      const message = parseMessage(type, flags, named, from);
      const fromAddress = addressOf(from);
      this.#cluster.step(this.#node(id), { kind: 'receive', from, fromAddress, message });
    },
    offer: ({ plain: [id], named }) => {
      const from = BigInt(named.get('from') ?? 0);
      const [lastIndex, lastTerm] = (named.get('last') ?? '').split('/').map(Number);
      const message: InstallSnapshot = {
        type: 'install-snapshot',
        term: Number(named.get('term')) as Term,
        lastIndex: lastIndex as LogIndex,
        lastTerm: lastTerm as Term,
        configurationIndex: 1 as LogIndex,
        configuration: { members: [] },
        dataLength: 8,
      };
      const fromAddress = addressOf(from);
      this.#cluster.step(this.#node(id), { kind: 'install-offered', from, fromAddress, message });
    },
    unreachable: ({ plain: [id, peer] }) => {
      this.#cluster.step(this.#node(id), { kind: 'unreachable', peer: BigInt(peer) });
    },
    snapshot: ({ plain: [id], named }) => {
      const trailing = Number(named.get('trailing') ?? 0);
      assert(this.#cluster.takeSnapshot(this.#node(id), trailing), 'no snapshot taken');
    },
    install: ({ plain: [id, fate] }) => {
      this.#cluster.finishInstall(this.#node(id), fate !== 'fail');
    },
    crash: ({ plain: [id] }) => this.#cluster.crash(this.#node(id)),
    restart: ({ plain: [id] }) => this.#cluster.start(this.#node(id)),
    status: ({ plain }) => this.#status(plain),
    log: ({ plain: [id] }) => this.#log(this.#node(id)),
    packets: () => {
      for (const { from, to, message } of this.#cluster.packets) {
        this.#lines.push(`${from}->${to} ${describeMessage(message)}`);
      }
    },
  };

  #node(id: string): VirtualNode {
    return this.#cluster.node(BigInt(id));
  }

  #nodes({ plain: [ids], named }: Words): void {
    const configuration = parseConfiguration(named.get('configuration') ?? ids);
    const added = ids.split(',').map((id) => {
      const member = configuration.members.some((known) => known.id === BigInt(id));
      return this.#cluster.add(BigInt(id), member ? configuration : undefined);
    });
    for (const node of added) this.#cluster.start(node);
  }

  /** A node with a given disk: `terms` of the entries after the bootstrap configuration. */
  #oneNode({ plain: [id, ...flags], named }: Words): void {
    const text = named.get('configuration');
    const configuration = text === undefined ? undefined : parseConfiguration(text);
    const node = this.#cluster.add(BigInt(id), configuration);
    const terms = named.get('terms')?.split(',').map(Number) ?? [];
    for (const term of terms) node.disk.entries.push(command(term));
    const next = named.get('next');
    if (next !== undefined) {
      const data = encodeConfiguration(parseConfiguration(next));
      const term = node.disk.entries[node.disk.entries.length - 1].term;
      node.disk.entries.push({ term, type: 'configuration', data });
    }
    node.disk.term = Number(named.get('term') ?? terms.at(-1) ?? node.disk.term) as Term;
    node.disk.vote = BigInt(named.get('vote') ?? 0);
    node.quarantined = flags.includes('quarantined');
    this.#cluster.start(node);
  }

  #tick({ plain, named }: Words): void {
    const ms = Number(plain[0]);
    const only = named.get('node');
    this.#cluster.now += ms;
    for (const node of this.#cluster.nodes.values()) {
      if (only !== undefined && node.id !== BigInt(only)) continue;
      if (node.nextTick <= this.#cluster.now) this.#cluster.step(node, { kind: 'tick' });
    }
  }

  #campaign(node: VirtualNode): void {
    this.#cluster.now = Math.max(this.#cluster.now, node.nextTick);
    this.#cluster.step(node, { kind: 'tick' });
  }

  /** Removes the packets that match from=, to=, type=, count= from the network. */
  #take({ named }: Words): Packet[] {
    const { packets } = this.#cluster;
    const taken: Packet[] = [];
    const matches = (packet: Packet): boolean =>
      ['from', 'to'].every((name) => {
        const wanted = named.get(name)?.split(',');
        const id = name === 'from' ? packet.from : packet.to;
        return wanted === undefined || wanted.includes(String(id));
      }) && (named.get('type') ?? packet.message.type) === packet.message.type;
    const limit = Number(named.get('count') ?? packets.length);
    for (const packet of packets.splice(0)) {
      if (taken.length < limit && matches(packet)) taken.push(packet);
      else packets.push(packet);
    }
    return taken;
  }

  #deliver(words: Words): void {
    const taken = this.#take(words);
    if (words.plain.includes('twice')) taken.push(...taken);
    if (words.plain.includes('backwards')) taken.reverse();
    if (words.plain.includes('keep')) this.#cluster.packets.push(...taken);
    for (const packet of taken) this.#cluster.deliver(packet);
  }

  /** Delivers and persists until nothing moves, among all nodes or those given. */
  #stabilize({ plain }: Words): void {
    const ids = plain.filter((word) => word !== 'quiet').flatMap((word) => word.split(','));
    const among = (id: NodeId): boolean => ids.length === 0 || ids.includes(String(id));
    for (let round = 0; round < SETTLE_ROUNDS_MAX; round++) {
      let busy = false;
      const { packets } = this.#cluster;
      for (const packet of packets.splice(0)) {
        if (among(packet.from) && among(packet.to)) {
          busy = true;
          this.#cluster.deliver(packet);
        } else packets.push(packet);
      }
      for (const node of this.#cluster.nodes.values()) {
        if (!among(node.id)) continue;
        while (this.#cluster.persist(node)) busy = true;
        if (node.installing !== undefined) this.#cluster.finishInstall(node, true);
        if (!busy && this.#cluster.moment(node)) busy = true;
      }
      if (!busy) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  #propose(node: VirtualNode): void {
    const term = node.raft?.term ?? (0 as Term);
    const { data } = command(term);
    this.#cluster.step(node, { kind: 'propose', term, type: 'command', data, tag: ++this.#tag });
  }

  #change({ plain: [id, kind, who, role] }: Words): void {
    const member = BigInt(who);
    const changes: Record<string, MembershipChange> = {
      add: { kind: 'add', id: member, address: role ?? addressOf(member) },
      assign: { kind: 'assign', id: member, role: role as Role },
      remove: { kind: 'remove', id: member },
    };
    this.#cluster.step(this.#node(id), { kind: 'change', change: changes[kind], tag: ++this.#tag });
  }

  #status(ids: readonly string[]): void {
    for (const node of this.#cluster.nodes.values()) {
      if (ids.length > 0 && !ids.includes(String(node.id))) continue;
      const status = node.raft?.status();
      if (status === undefined) {
        this.#lines.push(`${node.id} down`);
        continue;
      }
      const { role, term, leader, lastIndex, storedIndex, commit } = status;
      const members = describeConfiguration(status.configuration);
      const flags = [
        status.configurationCommitted ? '' : ' uncommitted',
        status.transferring ? ' transferring' : '',
        status.timeoutNowOutstanding ? ' timeout-now-outstanding' : '',
        status.quarantined ? ' quarantined' : '',
      ].join('');
      this.#lines.push(
        `${node.id} ${role} t${term} leader=${leader} last=${lastIndex} stored=${storedIndex} commit=${commit} members=${members}${flags}`,
      );
      for (const { id, match, next, state } of status.followers) {
        this.#lines.push(`  ${id} ${state} match=${match} next=${next}`);
      }
    }
  }

  #log(node: VirtualNode): void {
    const { raft } = node;
    assert(raft !== undefined, 'the node is down');
    const terms: string[] = [];
    for (let i = raft.firstIndex; i <= raft.lastIndex; i++) {
      terms.push(`${i}/${raft.termOf(i as LogIndex)}`);
    }
    this.#lines.push(terms.join(' '));
  }
}

function command(term: number): Entry {
  return { term: term as Term, type: 'command', data: new Uint8Array(8) };
}
