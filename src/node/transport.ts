import type { Clock, Connection, Network, NodeId } from '../base/index.ts';
import type { Envelope } from '../raft/index.ts';
import { encodeRaftConnect, encodeRaftMessage } from '../wire/index.ts';
import { Peer } from './peer.ts';

/** Connections to nodes that are no members: their messages are answered, too, as long as they are few. */
const STRANGERS = 16;

export interface TransportOptions {
  readonly id: NodeId;
  /** Where peers send their answers to. */
  readonly address: string;
  readonly network: Network;
  readonly clock: Clock;
  readonly dialTimeoutMs: number;
  /** See PeerOptions. */
  readonly silenceMs: number;
  unreachable(id: NodeId): void;
}

/** Sends raft messages to peers, each over one connection of its own (raft-rpc.md §1). */
export class Transport {
  readonly #options: TransportOptions;
  /** In the order in which they were first needed. */
  readonly #peers = new Map<NodeId, Peer>();
  #members: ReadonlySet<NodeId> = new Set();
  #stopped = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  send(envelope: Envelope): void {
    if (this.#stopped) return;
    const { head, payload } = encodeRaftMessage(envelope.message);
    this.#peer(envelope.to, envelope.address).send([head, ...payload]);
  }

  /** Something arrived from this peer. */
  heard(id: NodeId): void {
    this.#peers.get(id)?.heard();
  }

  /** Opens a further connection on which raft messages may be sent, for a snapshot. */
  async dial(address: string): Promise<Connection> {
    const { network, dialTimeoutMs, id, address: own } = this.#options;
    const connection = await network.dial(address, dialTimeoutMs);
    connection.write(encodeRaftConnect(id, own));
    return connection;
  }

  /** Closes connections to nodes that are not among `ids` any more. */
  retain(ids: ReadonlySet<NodeId>): void {
    this.#members = ids;
    for (const [id, peer] of this.#peers) {
      if (ids.has(id)) continue;
      peer.close();
      this.#peers.delete(id);
    }
  }

  /** Nodes that something is sent to. */
  get peers(): number {
    return this.#peers.size;
  }

  stop(): void {
    this.#stopped = true;
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  #peer(id: NodeId, address: string): Peer {
    const known = this.#peers.get(id);
    if (known?.address === address) return known;
    known?.close();
    const peer = new Peer({
      id,
      address,
      clock: this.#options.clock,
      silenceMs: this.#options.silenceMs,
      dial: (to) => this.dial(to),
      unreachable: (who) => this.#options.unreachable(who),
    });
    this.#peers.set(id, peer);
    if (!this.#members.has(id)) this.#boundStrangers();
    return peer;
  }

  /** Any id can be claimed, with any address: what is kept for strangers must not grow with them. */
  #boundStrangers(): void {
    const strangers = [...this.#peers].filter(([id]) => !this.#members.has(id));
    for (const [id, peer] of strangers.slice(0, -STRANGERS)) {
      peer.close();
      this.#peers.delete(id);
    }
  }
}
