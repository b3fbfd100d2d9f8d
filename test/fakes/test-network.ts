import type { Clock, Connection, ConnectionEvents } from '../../src/base/index.ts';

/** One end of a connection in memory; bytes take a millisecond. */
class TestConnection implements Connection {
  readonly remoteAddress: string;
  readonly bufferedBytes = 0;
  readonly #clock: Clock;
  peer: TestConnection | undefined;
  #events: ConnectionEvents | undefined;
  #early: Uint8Array[] = [];
  #closed = false;
  /** Nothing arrives any more, and nobody is told. */
  cut = false;

  constructor(remoteAddress: string, clock: Clock) {
    this.remoteAddress = remoteAddress;
    this.#clock = clock;
  }

  start(events: ConnectionEvents): void {
    this.#events = events;
    for (const bytes of this.#early.splice(0)) events.data(bytes);
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || this.cut) return;
    const copy = bytes.slice();
    this.#clock.after(1, () => this.peer?.receive(copy));
  }

  writeAll(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.write(chunk);
  }

  receive(bytes: Uint8Array): void {
    if (this.#closed || this.cut) return;
    if (this.#events === undefined) this.#early.push(bytes);
    else this.#events.data(bytes);
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.#close(undefined);
  }

  destroy(reason?: Error): void {
    this.#close(reason);
  }

  #close(reason: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events?.close(reason);
    if (!this.cut) this.#clock.after(1, () => this.peer?.lost());
  }

  lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events?.close(new Error('connection reset'));
  }
}

/** Addresses in memory that can be dialled. */
export class TestNetwork {
  readonly clock: Clock;
  readonly #accept = new Map<string, (connection: Connection) => void>();
  readonly #open = new Map<string, Set<TestConnection>>();
  /** Addresses dialled, in order. */
  readonly dialled: string[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  serve(address: string, accept: (connection: Connection) => void): void {
    this.#accept.set(address, accept);
  }

  /** The server dies: its connections break, nobody can dial it. */
  stop(address: string): void {
    this.#accept.delete(address);
    for (const connection of this.#open.get(address) ?? []) connection.lost();
    for (const connection of this.#open.get(address) ?? []) connection.peer?.lost();
    this.#open.delete(address);
  }

  /** The server becomes silent: its connections stay, nothing passes. */
  cut(address: string): void {
    this.#accept.set(address, () => undefined);
    this.halfOpen(address);
  }

  /** Something on the way has forgotten the connections that are open: they stay, nothing passes. New ones work. */
  halfOpen(address: string): void {
    for (const connection of this.#open.get(address) ?? []) {
      connection.cut = true;
      if (connection.peer !== undefined) connection.peer.cut = true;
    }
  }

  dial(address: string, _timeoutMs: number): Promise<Connection> {
    this.dialled.push(address);
    return new Promise((resolve, reject) => {
      this.clock.after(1, () => {
        const accept = this.#accept.get(address);
        if (accept === undefined) {
          reject(new Error(`ECONNREFUSED ${address}`));
          return;
        }
        const client = new TestConnection(address, this.clock);
        const server = new TestConnection('client', this.clock);
        client.peer = server;
        server.peer = client;
        const open = this.#open.get(address) ?? new Set();
        this.#open.set(address, open.add(server));
        accept(server);
        resolve(client);
      });
    });
  }
}
