import { assert, type Connection, type ConnectionEvents } from '../base/index.ts';

/**
 * A connection that was begun by one owner and goes on with another: `start` may be called anew. Between the
 * two nothing may arrive, so the new owner starts it before it returns to the event loop.
 */
export class HandedOverConnection implements Connection {
  readonly #inner: Connection;
  #events: ConnectionEvents | undefined;

  constructor(inner: Connection) {
    this.#inner = inner;
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }
  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  start(events: ConnectionEvents): void {
    assert(this.#events === undefined, 'a connection is started once');
    this.#events = events;
  }

  /** From the first owner: bytes for the second. */
  data(bytes: Uint8Array): void {
    const events = this.#events;
    assert(events !== undefined, 'bytes for a connection that nobody has started');
    events.data(bytes);
  }
  drain(): void {
    this.#events?.drain();
  }
  close(reason?: Error): void {
    this.#events?.close(reason);
  }

  write(bytes: Uint8Array): void {
    this.#inner.write(bytes);
  }
  writeAll(chunks: readonly Uint8Array[]): void {
    this.#inner.writeAll(chunks);
  }
  pause(): void {
    this.#inner.pause();
  }
  resume(): void {
    this.#inner.resume();
  }
  end(): void {
    this.#inner.end();
  }
  destroy(reason?: Error): void {
    this.#inner.destroy(reason);
  }
}
