import type { Clock, Connection, NodeId, Timer } from '../base/index.ts';

/** First and longest pause between attempts to connect, in ms. */
const BACKOFF_FIRST_MS = 50;
const BACKOFF_LAST_MS = 1000;
/** What may wait for a connection, or unsent in it, before messages are dropped. */
const BUFFER_BYTES = 16 * 1024 * 1024;
const BUFFER_MESSAGES = 4096;
/** Messages without any sign of life before a connection may be taken for dead. */
const SILENT_MESSAGES = 3;

export interface PeerOptions {
  readonly id: NodeId;
  readonly address: string;
  readonly clock: Clock;
  /** A connection on which messages went out for so long while nothing was heard from the peer is opened anew, in ms. */
  readonly silenceMs: number;
  /** Opens a connection and sends the Connect message. */
  dial(address: string): Promise<Connection>;
  /** Messages were dropped or the connection broke. */
  unreachable(id: NodeId): void;
}

/** The one outgoing connection to a peer: opened when there is something to say, with bounded memory. */
export class Peer {
  readonly #options: PeerOptions;
  readonly #waiting: (readonly Uint8Array[])[] = [];
  #waitingBytes = 0;
  #connection: Connection | undefined;
  #dialling = false;
  #backoffMs = 0;
  /** Messages sent since the peer was last heard, and when the first of them was. */
  #unheard = 0;
  #unheardSince = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  get address(): string {
    return this.#options.address;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** Sends a message, or queues it; drops it when the peer takes nothing. The chunks must not change any more. */
  send(chunks: readonly Uint8Array[]): void {
    if (this.#closed) return;
    this.#checkSilence();
    if (this.#connection !== undefined) {
      if (this.#connection.bufferedBytes > BUFFER_BYTES)
        this.#options.unreachable(this.#options.id);
      else this.#connection.writeAll(chunks);
      return;
    }
    for (const chunk of chunks) this.#waitingBytes += chunk.length;
    this.#waiting.push(chunks);
    if (this.#waitingBytes > BUFFER_BYTES || this.#waiting.length > BUFFER_MESSAGES) this.#drop();
    else this.#connect();
  }

  /** The peer sent something, on whatever connection. */
  heard(): void {
    this.#unheard = 0;
  }

  /**
   * After a partition TCP may take minutes to try again on an old connection: rather a new one. The peer is on
   * the other side of the cut, or dead, or slow; none of these is made worse by it.
   */
  #checkSilence(): void {
    const now = this.#options.clock.now();
    if (this.#unheard++ === 0) this.#unheardSince = now;
    if (this.#unheard <= SILENT_MESSAGES) return;
    if (now - this.#unheardSince < this.#options.silenceMs) return;
    this.#unheard = 0;
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.destroy();
    this.#options.unreachable(this.#options.id);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#waiting.length = 0;
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  #connect(): void {
    if (this.#dialling || this.#timer !== undefined || this.#closed) return;
    this.#dialling = true;
    this.#options.dial(this.#options.address).then(
      (connection) => this.#opened(connection),
      () => this.#failed(),
    );
  }

  #opened(connection: Connection): void {
    this.#dialling = false;
    if (this.#closed) {
      connection.destroy();
      return;
    }
    this.#connection = connection;
    connection.start({
      // The other side never speaks on this connection (raft-rpc.md §1).
      data: () => undefined,
      drain: () => undefined,
      close: () => this.#broke(connection),
    });
    this.#backoffMs = 0;
    const waiting = this.#waiting.splice(0).flat();
    this.#waitingBytes = 0;
    if (waiting.length > 0) connection.writeAll(waiting);
  }

  #broke(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    if (!this.#closed) this.#options.unreachable(this.#options.id);
  }

  #failed(): void {
    this.#dialling = false;
    if (this.#closed) return;
    const { clock } = this.#options;
    this.#backoffMs = Math.min(BACKOFF_LAST_MS, Math.max(BACKOFF_FIRST_MS, 2 * this.#backoffMs));
    this.#timer = clock.after(this.#backoffMs, () => {
      this.#timer = undefined;
      if (this.#waiting.length > 0) this.#connect();
    });
    this.#drop();
  }

  #drop(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#options.unreachable(this.#options.id);
  }
}
