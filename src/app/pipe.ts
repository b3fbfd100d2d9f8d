import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Connection, ConnectionEvents } from '../base/index.ts';

/** Bytes taken from the other end that are told at once; less is told with the next data, or a little later. */
const TAKEN_BYTES = 16 * 1024;
const TAKEN_MS = 10;

type PipeMessage =
  /** `taken`: so many bytes of the other direction were taken since this was told last. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array; readonly taken: number }
  | { readonly kind: 'taken'; readonly taken: number }
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
  #taken = 0;
  #takenTimer: NodeJS.Timeout | undefined;
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
    const taken = this.#tellTaken();
    this.#port.postMessage({ kind: 'data', bytes, taken } satisfies PipeMessage, [bytes.buffer]);
  }

  /** A message of its own for each request would cost as much as the request. */
  #take(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken >= TAKEN_BYTES) this.#postTaken();
    else this.#takenTimer ??= setTimeout(() => this.#postTaken(), TAKEN_MS);
  }

  #postTaken(): void {
    const taken = this.#tellTaken();
    if (taken > 0) this.#port.postMessage({ kind: 'taken', taken } satisfies PipeMessage);
  }

  #tellTaken(): number {
    clearTimeout(this.#takenTimer);
    this.#takenTimer = undefined;
    const taken = this.#taken;
    this.#taken = 0;
    return taken;
  }

  #wasTaken(bytes: number): void {
    if (bytes === 0) return;
    this.#buffered -= bytes;
    if (this.#buffered === 0) this.#events?.drain();
  }

  #receive(message: PipeMessage): void {
    if (message.kind === 'data') {
      this.#wasTaken(message.taken);
      this.#waiting.push(message.bytes);
      this.#deliver();
    } else if (message.kind === 'taken') {
      this.#wasTaken(message.taken);
    } else {
      this.#finish();
    }
  }

  #deliver(): void {
    const events = this.#events;
    while (events !== undefined && !this.#paused && !this.#ended) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) return;
      this.#take(bytes.length);
      events.data(bytes);
    }
  }

  #finish(reason?: Error): void {
    if (this.#ended) return;
    this.#paused = false;
    this.#deliver();
    this.#ended = true;
    clearTimeout(this.#takenTimer);
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
