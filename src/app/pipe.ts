import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Connection, ConnectionEvents } from '../base/index.ts';

type PipeMessage =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  /** The receiver has taken that many bytes. */
  | { readonly kind: 'taken'; readonly bytes: number }
  | { readonly kind: 'end' };

/** A stream between two threads of one process: what a socket is between two processes. */
export class PipeConnection implements Connection {
  readonly remoteAddress = 'this process';
  readonly #port: MessagePort;
  readonly #waiting: Uint8Array[] = [];
  #events: ConnectionEvents | undefined;
  #outbox: Uint8Array[] = [];
  #flushScheduled = false;
  #buffered = 0;
  #paused = false;
  #ending = false;
  #ended = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: PipeMessage) => this.#receive(message));
    port.on('close', () => this.#finish());
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  start(events: ConnectionEvents): void {
    this.#events = events;
    this.#deliver();
    if (this.#ended) events.close();
  }

  write(bytes: Uint8Array): void {
    if (this.#ended || this.#ending || bytes.length === 0) return;
    this.#outbox.push(bytes);
    this.#buffered += bytes.length;
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => this.#flush());
  }

  writeAll(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.write(chunk);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  end(): void {
    if (this.#ended || this.#ending) return;
    this.#flush();
    this.#ending = true;
    this.#port.postMessage({ kind: 'end' } satisfies PipeMessage);
    this.#port.close();
  }

  destroy(reason?: Error): void {
    if (this.#ended) return;
    this.#outbox = [];
    this.#port.close();
    this.#finish(reason);
  }

  /** One message per turn, however many writes: a hop between threads costs far more than a copy. */
  #flush(): void {
    this.#flushScheduled = false;
    if (this.#outbox.length === 0 || this.#ended) return;
    const bytes = concatenate(this.#outbox);
    this.#outbox = [];
    this.#port.postMessage({ kind: 'data', bytes } satisfies PipeMessage, [bytes.buffer]);
  }

  #receive(message: PipeMessage): void {
    if (message.kind === 'data') {
      this.#waiting.push(message.bytes);
      this.#deliver();
    } else if (message.kind === 'taken') {
      this.#buffered -= message.bytes;
      if (this.#buffered === 0) this.#events?.drain();
    } else {
      this.#finish();
    }
  }

  #deliver(): void {
    const events = this.#events;
    while (events !== undefined && !this.#paused && !this.#ended) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) return;
      this.#port.postMessage({ kind: 'taken', bytes: bytes.length } satisfies PipeMessage);
      events.data(bytes);
    }
  }

  #finish(reason?: Error): void {
    if (this.#ended) return;
    this.#paused = false;
    this.#deliver();
    this.#ended = true;
    this.#port.close();
    this.#events?.close(reason);
  }
}

/** The two ends of a new pipe: a connection here, a port to hand to the other thread. */
export function openPipe(): { readonly connection: Connection; readonly port: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  return { connection: new PipeConnection(port1), port: port2 };
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
