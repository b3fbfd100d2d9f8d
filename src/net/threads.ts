import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type Pack, PackedReader, type Port, type Unpack } from '../base/index.ts';

/** How messages are written that cross often; all others cross as they are. */
export interface Packing<Out, In> {
  readonly pack?: Pack<Out>;
  readonly unpack?: Unpack<In>;
}

/**
 * One end of a `MessageChannel` as a Port. What is posted during one turn crosses as one message: a
 * crossing costs tens of microseconds, a message within it almost nothing.
 */
export class ThreadPort<Out, In> implements Port<Out, In> {
  readonly #port: MessagePort;
  readonly #packing: Packing<Out, In>;
  readonly #inbox: In[] = [];
  #outbox: unknown[] = [];
  #transfer = new Set<ArrayBuffer>();
  #handler: ((message: In) => void) | undefined;
  #closed = false;

  /** Takes the port over; nobody else may listen on it. */
  constructor(port: MessagePort, packing: Packing<Out, In> = {}) {
    this.#port = port;
    this.#packing = packing;
  }

  post(message: Out, transfer?: readonly ArrayBuffer[]): void {
    if (this.#closed) return;
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    if (this.#packing.pack?.(message, this.#outbox) !== true) this.#outbox.push(message);
    if (transfer !== undefined) for (const buffer of transfer) this.#transfer.add(buffer);
  }

  onMessage(handler: (message: In) => void): void {
    this.#handler = handler;
    this.#port.on('message', (batch: readonly In[]) => {
      this.#receive(batch);
      this.#deliver();
    });
  }

  drain(): void {
    // A thread inside a long call does not end its turn: what it has to say must not wait for that.
    this.#flush();
    for (;;) {
      const received: { message: readonly In[] } | undefined = receiveMessageOnPort(this.#port);
      if (received === undefined) break;
      this.#receive(received.message);
    }
    this.#deliver();
  }

  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#inbox.length = 0;
    this.#port.close();
  }

  #flush(): void {
    if (this.#outbox.length === 0 || this.#closed) return;
    const batch = this.#outbox;
    const transfer = [...this.#transfer];
    this.#outbox = [];
    this.#transfer.clear();
    this.#port.postMessage(batch, transfer);
  }

  #receive(batch: readonly In[]): void {
    const { unpack } = this.#packing;
    for (let at = 0; at < batch.length; at++) {
      const message = batch[at];
      if (unpack === undefined || typeof message !== 'number') {
        this.#inbox.push(message);
        continue;
      }
      const reader = new PackedReader(batch, at);
      this.#inbox.push(unpack(reader));
      at = reader.at - 1;
    }
  }

  /** From the inbox, so that a `drain` inside a handler goes on with the rest of the batch in order. */
  #deliver(): void {
    while (this.#handler !== undefined && !this.#closed) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      this.#handler(message);
    }
  }
}

/** For microtasks: `queueMicrotask` costs ten times as much, since it makes each of them an asynchronous resource. */
const RESOLVED = Promise.resolve();

/** Messages that a local port delivers before it lets the event loop see to sockets and timers. */
const DELIVERIES_PER_TURN = 64;

class LocalPort<Out, In> implements Port<Out, In> {
  readonly #inbox: In[] = [];
  #peer: LocalPort<In, Out> | undefined;
  #handler: ((message: In) => void) | undefined;
  #scheduled = false;
  #delivered = 0;
  #closed = false;

  join(peer: LocalPort<In, Out>): void {
    this.#peer = peer;
  }

  post(message: Out): void {
    const peer = this.#peer;
    if (!this.#closed && peer !== undefined) peer.#receive(message);
  }

  onMessage(handler: (message: In) => void): void {
    this.#handler = handler;
    this.#schedule();
  }

  drain(): void {
    while (this.#handler !== undefined && !this.#closed) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      this.#handler(message);
    }
  }

  close(): void {
    this.#closed = true;
    this.#inbox.length = 0;
  }

  #receive(message: In): void {
    if (this.#closed) return;
    this.#inbox.push(message);
    this.#schedule();
  }

  /** A microtask while few messages came in this turn (lowest latency), else the next turn (no starvation). */
  #schedule(): void {
    if (this.#scheduled || this.#inbox.length === 0 || this.#handler === undefined) return;
    this.#scheduled = true;
    if (this.#delivered >= DELIVERIES_PER_TURN) setImmediate(() => this.#turn());
    else void RESOLVED.then(this.#run);
  }

  #turn(): void {
    this.#delivered = 0;
    this.#run();
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    if (this.#delivered === 0) {
      setImmediate(() => {
        this.#delivered = 0;
      });
    }
    while (this.#handler !== undefined && !this.#closed && this.#delivered < DELIVERIES_PER_TURN) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      this.#delivered++;
      this.#handler(message);
    }
    this.#schedule();
  };
}

/**
 * Two joined ports in one thread (`threads: false`). Messages are not copied and `transfer` is ignored:
 * who posts a message must not touch it any more. A handler is never called from inside `post`.
 */
export function localPorts<A, B>(): readonly [Port<A, B>, Port<B, A>] {
  const left = new LocalPort<A, B>();
  const right = new LocalPort<B, A>();
  left.join(right);
  right.join(left);
  return [left, right];
}
