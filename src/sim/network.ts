import {
  type Connection,
  type ConnectionEvents,
  type Listener,
  type Network,
  type Random,
  randomBelow,
} from '../base/index.ts';
import type { Scheduler } from './scheduler.ts';
import { TraceHash } from './trace-hash.ts';

/** Rates and times of one seed; all times in ms. */
export interface NetworkFaults {
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Chance that a chunk takes `stallMs` longer. */
  readonly stallRate: number;
  readonly stallMs: number;
  /** Chance that a write breaks its connection, perhaps in the middle of a message. */
  readonly resetRate: number;
}

/** How long a sender does not notice that its peer is cut off. */
const UNREACHABLE_MS = 3_000;

/** Share of writes that arrive in two pieces. */
const SPLIT_RATE = 0.02;

/** All links between processes. A host is the address of a process; clients have hosts of their own. */
export class SimulatedNetwork {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: TraceHash;
  faults: NetworkFaults;
  readonly #listeners = new Map<
    string,
    { host: string; accept: (connection: Connection) => void }
  >();
  readonly #cut = new Set<string>();
  readonly #links = new Set<Link>();
  readonly #paused = new Map<string, number>();

  constructor(
    scheduler: Scheduler,
    random: Random,
    faults: NetworkFaults,
    trace = new TraceHash(),
  ) {
    this.scheduler = scheduler;
    this.random = random;
    this.trace = trace;
    this.faults = faults;
  }

  /** The network as one process sees it. */
  at(host: string): Network {
    return {
      listen: (address, accept) => this.#listen(host, address, accept),
      dial: (address, timeoutMs) => this.#dial(host, address, timeoutMs),
    };
  }

  /** Cuts everything that flows from one host to another; the other direction stays. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
    for (const link of this.#links) link.release();
  }

  /** The process at this host reads and accepts nothing until then. */
  pause(host: string, untilMs: number): void {
    this.#paused.set(host, untilMs);
  }

  /** How long a host stands still from now on; 0 = it runs. */
  standstill(host: string): number {
    return Math.max(0, (this.#paused.get(host) ?? 0) - this.scheduler.now());
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}>${to}`);
  }

  /** The process is gone: its listeners vanish, its connections break. */
  kill(host: string): void {
    for (const [address, listener] of this.#listeners) {
      if (listener.host === host) this.#listeners.delete(address);
    }
    for (const link of [...this.#links]) {
      link.silence(host);
      if (link.hosts.includes(host)) link.break('the other process died');
    }
  }

  async #listen(
    host: string,
    address: string,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    if (this.#listeners.has(address)) {
      throw Object.assign(new Error(`${address} is in use`), { code: 'EADDRINUSE' });
    }
    const entry = { host, accept };
    this.#listeners.set(address, entry);
    return {
      address,
      close: async () => {
        if (this.#listeners.get(address) === entry) this.#listeners.delete(address);
      },
    };
  }

  #dial(host: string, address: string, timeoutMs: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const fail = (message: string): void =>
        reject(Object.assign(new Error(message), { code: 'ECONNREFUSED' }));
      const listener = this.#listeners.get(address);
      const peer = listener?.host ?? address;
      if (this.isCut(host, peer) || this.isCut(peer, host)) {
        this.scheduler.after(timeoutMs, () => fail(`${address} does not answer`));
        return;
      }
      this.scheduler.after(2 * this.delay(), () => {
        const current = this.#listeners.get(address);
        if (current === undefined) fail(`${address} refused the connection`);
        else {
          const link = new Link(this, host, current.host);
          this.#links.add(link);
          current.accept(link.accepted);
          resolve(link.dialled);
        }
      });
    });
  }

  delay(): number {
    const { latencyMs, jitterMs, stallRate, stallMs } = this.faults;
    const stall = this.random.float() < stallRate ? this.random.float() * stallMs : 0;
    return latencyMs + this.random.float() * jitterMs + stall;
  }

  forget(link: Link): void {
    this.#links.delete(link);
  }
}

/** One TCP connection: two directions, each first-in first-out. */
class Link {
  readonly hosts: readonly [string, string];
  readonly dialled: LinkEnd;
  readonly accepted: LinkEnd;
  readonly #network: SimulatedNetwork;

  constructor(network: SimulatedNetwork, from: string, to: string) {
    this.#network = network;
    this.hosts = [from, to];
    this.dialled = new LinkEnd(network, from, to);
    this.accepted = new LinkEnd(network, to, from);
    this.dialled.join(this.accepted, this);
    this.accepted.join(this.dialled, this);
  }

  break(reason: string): void {
    const error = Object.assign(new Error(reason), { code: 'ECONNRESET' });
    this.dialled.finish(error);
    this.accepted.finish(error);
    this.#network.forget(this);
  }

  /** Nothing reaches the dead process any more. */
  silence(host: string): void {
    if (this.hosts[0] === host) this.dialled.silence();
    if (this.hosts[1] === host) this.accepted.silence();
  }

  /** A partition ended: what waited flows again. */
  release(): void {
    this.dialled.release();
    this.accepted.release();
  }
}

class LinkEnd implements Connection {
  readonly remoteAddress: string;
  readonly #network: SimulatedNetwork;
  readonly #host: string;
  readonly #arrived: Uint8Array[] = [];
  readonly #held: Uint8Array[] = [];
  readonly #inFlight: (() => void)[] = [];
  #link: Link | undefined;
  #peer: LinkEnd | undefined;
  #events: ConnectionEvents | undefined;
  #buffered = 0;
  #paused = false;
  #closed = false;
  #ending = false;
  #reason: Error | undefined;
  #lastArrival = 0;
  #peerEnded = false;

  constructor(network: SimulatedNetwork, host: string, remote: string) {
    this.#network = network;
    this.#host = host;
    this.remoteAddress = remote;
  }

  join(peer: LinkEnd, link: Link): void {
    this.#peer = peer;
    this.#link = link;
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  start(events: ConnectionEvents): void {
    this.#events = events;
    this.#deliver();
    if (this.#closed) events.close(this.#reason);
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || this.#ending || bytes.length === 0) return;
    this.#buffered += bytes.length;
    // The receiver must not see later changes of the sender's buffer, nor of shared memory.
    this.#transmit(bytes.slice());
  }

  writeAll(chunks: readonly Uint8Array[]): void {
    if (this.#closed || this.#ending) return;
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    if (length === 0) return;
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#buffered += length;
    this.#transmit(bytes);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#at(() => this.#peer?.receiveEnd());
  }

  destroy(reason?: Error): void {
    if (this.#closed) return;
    const link = this.#link;
    this.finish(reason);
    this.#at(() => link?.break('connection reset by peer'));
  }

  silence(): void {
    this.#events = undefined;
    this.#closed = true;
  }

  finish(reason?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reason = reason;
    this.#events?.close(reason);
  }

  release(): void {
    for (const bytes of this.#held.splice(0)) this.#transmit(bytes);
  }

  #transmit(bytes: Uint8Array): void {
    const network = this.#network;
    if (network.isCut(this.#host, this.remoteAddress)) {
      this.#held.push(bytes);
      network.scheduler.after(UNREACHABLE_MS, () => {
        if (this.#held.length > 0) this.#link?.break('no acknowledgement');
      });
      return;
    }
    if (network.random.float() < network.faults.resetRate) {
      const part = bytes.subarray(0, randomBelow(network.random, bytes.length));
      this.#at(() => {
        this.#peer?.receive(part);
        this.#link?.break('connection reset');
      });
      return;
    }
    this.#at(() => {
      this.#buffered = Math.max(0, this.#buffered - bytes.length);
      this.#arrive(bytes);
      if (this.#buffered === 0 && !this.#closed) this.#events?.drain();
    });
  }

  /** TCP keeps no boundaries: now and then what was written at once is read in two pieces. */
  #arrive(bytes: Uint8Array): void {
    const { random } = this.#network;
    const at = random.float() < SPLIT_RATE ? randomBelow(random, bytes.length) : 0;
    if (at > 0) this.#peer?.receive(bytes.subarray(0, at));
    this.#peer?.receive(bytes.subarray(at));
  }

  /** In order: nothing overtakes what was sent before on the same connection. */
  #at(run: () => void): void {
    const now = this.#network.scheduler.now();
    this.#lastArrival = Math.max(this.#lastArrival, now + this.#network.delay());
    this.#inFlight.push(run);
    // Whatever event fires first runs what was sent first: rounding of times cannot reorder a stream.
    this.#network.scheduler.after(this.#lastArrival - now, () => this.#inFlight.shift()?.());
  }

  receive(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#network.trace.text(this.#host);
    this.#network.trace.bytes(bytes);
    this.#arrived.push(bytes);
    this.#deliver();
  }

  receiveEnd(): void {
    this.#peerEnded = true;
    this.#deliver();
  }

  #deliver(): void {
    const wait = this.#network.standstill(this.#host);
    if (wait > 0) {
      this.#network.scheduler.after(wait, () => this.#deliver());
      return;
    }
    while (this.#events !== undefined && !this.#paused && !this.#closed) {
      const bytes = this.#arrived.shift();
      if (bytes === undefined) break;
      this.#events.data(bytes);
    }
    if (this.#peerEnded && this.#arrived.length === 0 && this.#events !== undefined) {
      this.finish();
      this.#peer?.finish();
      if (this.#link !== undefined) this.#network.forget(this.#link);
    }
  }
}
