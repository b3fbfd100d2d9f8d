import type { Clock, Connection, Network, NodeId } from '../base/index.ts';
import type { Envelope } from '../raft/index.ts';
import { encodeRaftConnect, encodeRaftMessage } from '../wire/index.ts';
import { Peer } from './peer.ts';

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
  readonly #peers = new Map<NodeId, Peer>();
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
    for (const [id, peer] of this.#peers) {
      if (ids.has(id)) continue;
      peer.close();
      this.#peers.delete(id);
    }
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
    return peer;
  }
}
