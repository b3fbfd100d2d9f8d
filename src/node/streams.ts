import {
  assert,
  type Clock,
  type Connection,
  type DecodeError,
  type InstallSnapshot,
  type Logger,
  type NodeId,
  type RaftMessage,
} from '../base/index.ts';
import type { Raft } from '../raft/index.ts';
import type { Consensus } from './consensus.ts';
import { Incoming, type SnapshotReceiver } from './incoming.ts';
import type { Newcomer } from './newcomer.ts';
import type { Replica } from './replica.ts';
import type { Snapshots } from './snapshots.ts';
import { StreamTable } from './stream-table.ts';
import type { Transport } from './transport.ts';

export interface StreamsOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly consensus: Consensus;
  readonly raft: Raft;
  readonly replica: Replica;
  readonly snapshots: Snapshots;
  readonly transport: Transport;
  readonly newcomer: Newcomer;
  isMember(id: NodeId): boolean;
  /** The leader told something. */
  heard(): void;
}

/** All raft streams that peers opened to this node. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #streams: StreamTable<Incoming>;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#streams = new StreamTable((id) => options.isMember(id));
  }

  accept(connection: Connection, id: NodeId, address: string, alreadyRead: Uint8Array): void {
    const incoming = new Incoming(
      connection,
      id,
      {
        message: (message) => this.#receive(id, address, message),
        snapshot: (message) => this.#offered(id, address, message),
      },
      this.#options.logger,
    );
    this.#streams.add(incoming, id)?.destroy();
    incoming.start(alreadyRead, () => this.#streams.delete(incoming));
  }

  /** A message of this peer made no sense: its streams end. */
  refuse(peer: NodeId, error: DecodeError): void {
    this.#options.logger('warn', 'a raft message was refused', { peer, reason: error.message });
    for (const incoming of this.#streams.of(peer)) incoming.destroy();
  }

  stop(): void {
    for (const incoming of this.#streams.all()) incoming.destroy();
  }

  #receive(
    from: NodeId,
    fromAddress: string,
    message: Exclude<RaftMessage, InstallSnapshot>,
  ): void {
    const { consensus, raft, replica, clock, transport } = this.#options;
    transport.heard(from);
    if (message.type === 'append-entries' && this.#isNew) {
      // Not even the answer to a heartbeat is safe before that: it confirms a leadership that a forgotten vote may have ended.
      const again = (): void => this.#receive(from, fromAddress, message);
      if (!this.#admits(fromAddress, message.entries.length > 0 ? again : undefined)) return;
    }
    consensus.step({ kind: 'receive', now: clock.now(), from, fromAddress, message });
    if (message.type !== 'append-entries') return;
    // Where it does not know our log, a leader tells no commit index above the end of the message: its own may be higher.
    const { previousIndex, entries, commit } = message;
    if (entries.length > 0 && commit === previousIndex + entries.length) return;
    if (raft.leader === from && message.term === raft.term) replica.heard(message.commit);
    this.#options.heard();
  }

  get #isNew(): boolean {
    const { raft } = this.#options;
    return raft.lastIndex === 0 && !raft.quarantined;
  }

  #admits(address: string, again: (() => void) | undefined): boolean {
    return this.#options.newcomer.admits(address, again);
  }

  #offered(
    from: NodeId,
    fromAddress: string,
    message: InstallSnapshot,
  ): SnapshotReceiver | undefined {
    if (this.#isNew && !this.#admits(fromAddress, undefined)) {
      // Its payload is on its way and cannot wait: the leader sends it again.
      for (const incoming of this.#streams.of(from)) incoming.destroy();
      return undefined;
    }
    const { consensus, snapshots, clock } = this.#options;
    // The core must say at once whether the payload is wanted: it is already arriving.
    assert(!consensus.busy, 'a snapshot is offered inside a step');
    consensus.step({ kind: 'install-offered', now: clock.now(), from, fromAddress, message });
    return snapshots.takeReceiver();
  }
}
