import {
  assert,
  type Configuration,
  type Entry,
  encodeConfiguration,
  type InstallSnapshot,
  type LogIndex,
  type NodeId,
  type Random,
  type Role,
  type Term,
} from '../../base/index.ts';
import type {
  Envelope,
  PersistOperation,
  RaftEffect,
  RaftInput,
  RaftOutput,
  SnapshotInfo,
} from '../contract.ts';
import type { PlainMessage } from '../core.ts';
import { Raft } from '../raft.ts';

/** What survives a crash. */
export interface VirtualDisk {
  term: Term;
  vote: NodeId;
  snapshot: SnapshotInfo | undefined;
  firstIndex: LogIndex;
  entries: Entry[];
}

export interface PendingPersist {
  readonly ticket: number;
  readonly operations: readonly PersistOperation[];
  readonly sendAfter: Envelope[];
}

export type Fetch = Extract<RaftEffect, { readonly kind: 'fetch-entries' }>;

export interface VirtualNode {
  readonly id: NodeId;
  readonly disk: VirtualDisk;
  raft: Raft | undefined;
  pending: PendingPersist[];
  /** What is to be read from its disk. */
  fetches: Fetch[];
  /** A snapshot that is being received. */
  installing: { readonly from: NodeId; readonly message: InstallSnapshot } | undefined;
  nextTick: number;
  applied: LogIndex;
  quarantined: boolean;
}

/** A message on its way. */
export interface Packet {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: PlainMessage | InstallSnapshot;
}

/** `RaftInput` without the time, which the cluster adds. */
type Timeless<T> = T extends unknown ? Omit<T, 'now'> : never;
export type VirtualInput = Timeless<RaftInput>;

export interface ClusterOptions {
  readonly random: Random;
  readonly electionTimeoutMs?: number;
  readonly heartbeatMs?: number;
  readonly tailBytes?: number;
  readonly onEffect?: (node: VirtualNode, effect: RaftEffect) => void;
  readonly onSend?: (node: VirtualNode, envelope: Envelope) => void;
  readonly onOutput?: (node: VirtualNode, output: RaftOutput) => void;
}

export function addressOf(id: NodeId): string {
  return `n${id}`;
}

/** Commit indexes of idle followers wait so long for entries that tell them too. */
const MOMENT_MS = 2;

/** Several raft cores with disks and a network that do nothing by themselves: the test decides. */
export class VirtualCluster {
  readonly nodes = new Map<NodeId, VirtualNode>();
  readonly packets: Packet[] = [];
  now = 0;
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Adds a node; with a configuration its disk is bootstrapped. */
  add(id: NodeId, configuration?: Configuration): VirtualNode {
    const entries: Entry[] = [];
    if (configuration !== undefined) {
      const data = encodeConfiguration(configuration);
      entries.push({ term: 1 as Term, type: 'configuration', data });
    }
    const disk: VirtualDisk = {
      term: entries.length as Term,
      vote: 0n,
      snapshot: undefined,
      firstIndex: 1 as LogIndex,
      entries,
    };
    const node: VirtualNode = {
      id,
      disk,
      raft: undefined,
      pending: [],
      fetches: [],
      installing: undefined,
      nextTick: 0,
      applied: 0 as LogIndex,
      quarantined: false,
    };
    this.nodes.set(id, node);
    return node;
  }

  node(id: NodeId): VirtualNode {
    const node = this.nodes.get(id);
    assert(node !== undefined, () => `no node ${id}`);
    return node;
  }

  start(node: VirtualNode): void {
    const { disk } = node;
    node.raft = new Raft({
      id: node.id,
      address: addressOf(node.id),
      term: disk.term,
      vote: disk.vote,
      snapshot: disk.snapshot,
      firstIndex: disk.firstIndex,
      entries: disk.entries,
      quarantined: node.quarantined,
      electionTimeoutMs: this.#options.electionTimeoutMs ?? 1000,
      heartbeatMs: this.#options.heartbeatMs ?? 100,
      leaseMs: 0.9 * (this.#options.electionTimeoutMs ?? 1000),
      tailBytes: this.#options.tailBytes ?? 1 << 20,
      random: this.#options.random,
      now: this.now,
    });
    node.applied = disk.snapshot?.index ?? (0 as LogIndex);
    this.step(node, { kind: 'tick' });
  }

  /** Loses everything that is not durable. */
  crash(node: VirtualNode): void {
    node.raft = undefined;
    node.pending = [];
    node.fetches = [];
    node.installing = undefined;
  }

  step(node: VirtualNode, input: VirtualInput): void {
    const { raft } = node;
    if (raft === undefined) return;
    const output = raft.step({ ...input, now: this.now });
    node.nextTick = output.nextTick;
    this.#options.onOutput?.(node, output);
    for (const envelope of output.send) this.#post(node, envelope);
    if (output.ticket > 0) {
      const { ticket, persist: operations, sendAfter } = output;
      node.pending.push({ ticket, operations, sendAfter: [...sendAfter] });
    } else if (output.sendAfter.length > 0) {
      const last = node.pending.at(-1);
      assert(last !== undefined, 'an answer waits for nothing');
      last.sendAfter.push(...output.sendAfter);
    }
    for (const effect of output.effects) this.#obey(node, effect);
  }

  /** Lets a leader say what it has put off for a moment only; false when there is nothing. */
  moment(node: VirtualNode): boolean {
    if (node.raft?.role !== 'leader' || node.nextTick > this.now + MOMENT_MS) return false;
    this.now = Math.max(this.now, node.nextTick);
    this.step(node, { kind: 'tick' });
    return true;
  }

  #post(node: VirtualNode, envelope: Envelope): void {
    this.#options.onSend?.(node, envelope);
    this.packets.push({ from: node.id, to: envelope.to, message: envelope.message });
  }

  #obey(node: VirtualNode, effect: RaftEffect): void {
    this.#options.onEffect?.(node, effect);
    if (effect.kind === 'commit') {
      node.applied = (effect.first + effect.entries.length - 1) as LogIndex;
      this.step(node, { kind: 'applied', index: node.applied });
    } else if (effect.kind === 'send-snapshot') this.#sendSnapshot(node, effect.to);
    else if (effect.kind === 'fetch-entries') node.fetches.push(effect);
    else if (effect.kind === 'install') {
      node.installing = { from: effect.from, message: effect.message };
    }
  }

  #sendSnapshot(node: VirtualNode, to: NodeId): void {
    const { snapshot } = node.disk;
    assert(snapshot !== undefined, 'no snapshot to send');
    const { index: lastIndex, term: lastTerm, configurationIndex, configuration } = snapshot;
    const message: InstallSnapshot = {
      type: 'install-snapshot',
      term: node.raft?.term ?? (0 as Term),
      lastIndex,
      lastTerm,
      configurationIndex,
      configuration,
      dataLength: 8,
    };
    this.packets.push({ from: node.id, to, message });
  }

  /** Reads for a follower what left memory, or fails to; false when nothing is to be read. */
  fetch(node: VirtualNode, ok: boolean): boolean {
    const fetch = node.fetches.shift();
    if (fetch === undefined) return false;
    const { to, first, last } = fetch;
    const { firstIndex, entries: all } = node.disk;
    const entries =
      ok && first >= firstIndex ? all.slice(first - firstIndex, last + 1 - firstIndex) : undefined;
    this.step(node, { kind: 'entries-fetched', to, first, entries });
    return true;
  }

  /** Makes the oldest pending write of a node durable, or reads what is to be read; false when there is nothing. */
  persist(node: VirtualNode): boolean {
    if (this.fetch(node, true)) return true;
    const pending = node.pending.shift();
    if (pending === undefined) return false;
    for (const operation of pending.operations) carryOut(node.disk, operation);
    this.step(node, { kind: 'persisted', ticket: pending.ticket });
    for (const envelope of pending.sendAfter) this.#post(node, envelope);
    return true;
  }

  /** The oldest pending write fails, and with it all behind it. */
  failPersist(node: VirtualNode): void {
    const [pending] = node.pending;
    if (pending === undefined) return;
    node.pending = [];
    this.step(node, { kind: 'persist-failed', ticket: pending.ticket });
  }

  deliver(packet: Packet): void {
    const node = this.nodes.get(packet.to);
    const { from, message } = packet;
    const fromAddress = addressOf(from);
    if (message.type !== 'install-snapshot') {
      if (node !== undefined) this.step(node, { kind: 'receive', from, fromAddress, message });
      return;
    }
    const up = node?.raft !== undefined;
    if (node !== undefined)
      this.step(node, { kind: 'install-offered', from, fromAddress, message });
    this.step(this.node(from), { kind: 'snapshot-sent', to: packet.to, ok: up });
  }

  drop(packet: Packet): void {
    if (packet.message.type !== 'install-snapshot') return;
    this.step(this.node(packet.from), { kind: 'snapshot-sent', to: packet.to, ok: false });
  }

  finishInstall(node: VirtualNode, ok: boolean): void {
    const { installing, disk } = node;
    if (installing === undefined) return;
    assert(node.pending.length === 0, 'an install overtakes writes');
    node.installing = undefined;
    const { lastIndex: index, lastTerm, configurationIndex, configuration } = installing.message;
    if (ok) {
      disk.snapshot = { index, term: lastTerm, configurationIndex, configuration };
      disk.entries = [];
      disk.firstIndex = (index + 1) as LogIndex;
      node.applied = index;
    }
    this.step(node, { kind: 'install-finished', ok });
  }

  /** Takes a snapshot at the highest index that is applied and durable. */
  takeSnapshot(node: VirtualNode, trailing: number): boolean {
    const { raft, disk } = node;
    if (raft === undefined || node.installing !== undefined) return false;
    const index = Math.min(node.applied, raft.storedIndex) as LogIndex;
    const status = raft.status();
    if (index <= (disk.snapshot?.index ?? 0) || !status.configurationCommitted) return false;
    if (status.configurationIndex > index) return false;
    const term = raft.termOf(index);
    assert(term !== undefined, 'the term of an applied entry is unknown');
    const { configuration, configurationIndex } = status;
    disk.snapshot = { index, term, configurationIndex, configuration };
    const drop = Math.max(0, index - trailing - disk.firstIndex + 1);
    disk.entries.splice(0, drop);
    disk.firstIndex = (disk.firstIndex + drop) as LogIndex;
    this.step(node, { kind: 'snapshot-taken', snapshot: disk.snapshot, trailing });
    return true;
  }

  leaders(): VirtualNode[] {
    return [...this.nodes.values()].filter((node) => node.raft?.role === 'leader');
  }
}

/** Writes one operation to the disk. */
function carryOut(disk: VirtualDisk, operation: PersistOperation): void {
  if (operation.kind === 'metadata') {
    assert(operation.term >= disk.term, 'the term on disk falls');
    disk.term = operation.term;
    disk.vote = operation.vote;
  } else if (operation.kind === 'truncate') {
    disk.entries.length = Math.min(disk.entries.length, operation.from - disk.firstIndex);
  } else {
    const end = disk.firstIndex + disk.entries.length;
    assert(operation.first === end, () => `append at ${operation.first}, the log ends at ${end}`);
    disk.entries.push(...operation.entries);
  }
}

/** A configuration from a text such as `1:voter,2:spare`; a number alone is a voter. */
export function parseConfiguration(text: string): Configuration {
  const roles: readonly string[] = ['voter', 'stand-by', 'spare'];
  return {
    members: text.split(',').map((part) => {
      const [id, role = 'voter'] = part.split(':');
      assert(roles.includes(role), () => `no role ${role}`);
      return { id: BigInt(id), address: addressOf(BigInt(id)), role: role as Role };
    }),
  };
}
