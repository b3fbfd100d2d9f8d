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
  /** Chance that from a write on nothing arrives any more in its direction, and nobody is told for a while. */
  readonly lossRate: number;
  /** Chance that all that a host said on a connection to another arrives once more, later, on a new connection. */
  readonly replayRate: number;
  /** What a connection carries in a simulated ms, in bytes. Infinity: as much as there is. */
  readonly bytesPerMs: number;
}

/** Nothing goes wrong, and nothing takes time. */
export const CALM_NETWORK: NetworkFaults = {
  latencyMs: 0,
  jitterMs: 0,
  stallRate: 0,
  stallMs: 0,
  resetRate: 0,
  lossRate: 0,
  replayRate: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
};

/** How long a sender does not notice that its peer is cut off. */
const UNREACHABLE_MS = 3_000;

/** How long a connection to a machine without power is taken for alive by somebody who only listens. */
const HALF_OPEN_MS = 20_000;

/** Share of writes that arrive in two pieces. */
const SPLIT_RATE = 0.02;

/** What may be repeated of a connection: its first bytes, in whole writes. */
const RECORDED_BYTES = 64 * 1024;

/** What is under way is copied into memory of this size, as sockets do it: a piece of memory for each copy costs more than the copy. */
const POOL_BYTES = 16 * 1024;

/** Repeated bytes arrive at most so much later. */
const REPLAY_MS = 5_000;

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
  /** How many partitions cut a link in this direction. */
  readonly #cut = new Map<string, number>();
  readonly #links = new Set<Link>();
  readonly #paused = new Map<string, number>();
  #pool = new Uint8Array(0);
  #pooled = 0;

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
    const link = `${from}>${to}`;
    this.#cut.set(link, (this.#cut.get(link) ?? 0) + 1);
  }

  /** Takes one cut back. */
  mend(from: string, to: string): void {
    const link = `${from}>${to}`;
    const cuts = (this.#cut.get(link) ?? 0) - 1;
    if (cuts > 0) this.#cut.set(link, cuts);
    else if (this.#cut.delete(link)) this.#release();
  }

  /** Latencies stay; nothing is lost, repeated, reset, slowed down or stalled any more. */
  calm(): void {
    const { latencyMs, jitterMs } = this.faults;
    this.faults = { ...CALM_NETWORK, latencyMs, jitterMs };
  }

  heal(): void {
    this.#cut.clear();
    this.#release();
  }

  /** Memory for bytes that are under way, zeroes. */
  reserve(length: number): Uint8Array {
    if (length > POOL_BYTES / 4) return new Uint8Array(length);
    if (this.#pooled + length > this.#pool.length) {
      this.#pool = new Uint8Array(POOL_BYTES);
      this.#pooled = 0;
    }
    const start = this.#pooled;
    this.#pooled += length;
    return this.#pool.subarray(start, this.#pooled);
  }

  #release(): void {
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

  /** Whether somebody listens at this host: clients do not. */
  isServer(host: string): boolean {
    for (const listener of this.#listeners.values()) if (listener.host === host) return true;
    return false;
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}>${to}`);
  }

  /**
   * The process is gone: its listeners vanish, its connections break. Without `notice`, as when the power goes, the
   * others are not told: their connections stay half open until they send something, or for a long time.
   */
  kill(host: string, notice = true): void {
    for (const [address, listener] of this.#listeners) {
      if (listener.host === host) this.#listeners.delete(address);
    }
    for (const link of [...this.#links]) {
      link.silence(host);
      if (!link.hosts.includes(host)) continue;
      if (notice) link.break('the other process died');
      else this.scheduler.after(HALF_OPEN_MS, () => link.break('no sign of life'));
    }
  }

  /** A copy of what was said on a connection arrives again, as from a network that repeats old packets. */
  replay(host: string, remote: string, writes: readonly Uint8Array[]): void {
    this.scheduler.after(this.random.float() * REPLAY_MS, () => {
      const listener = [...this.#listeners.values()].find((each) => each.host === remote);
      if (listener === undefined) return;
      const link = new Link(this, host, remote, false);
      this.#links.add(link);
      listener.accept(link.accepted);
      for (const bytes of writes) link.dialled.write(bytes);
      link.dialled.end();
    });
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

  constructor(network: SimulatedNetwork, from: string, to: string, recorded = true) {
    this.#network = network;
    this.hosts = [from, to];
    this.dialled = new LinkEnd(network, from, to, recorded);
    this.accepted = new LinkEnd(network, to, from, false);
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
  /** Nobody is there any more, or nothing gets through: what is written from now on is lost. */
  #lost = false;
  readonly #said: Uint8Array[] = [];
  #saidBytes = 0;
  /** Only what a node said that dialled can be repeated: its handshake comes first, and its messages are safe to repeat. */
  readonly #recorded: boolean;

  constructor(network: SimulatedNetwork, host: string, remote: string, recorded: boolean) {
    this.#network = network;
    this.#host = host;
    this.remoteAddress = remote;
    this.#recorded = recorded;
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
    const copy = this.#network.reserve(bytes.length);
    copy.set(bytes);
    this.#record(copy);
    this.#transmit(copy);
  }

  writeAll(chunks: readonly Uint8Array[]): void {
    if (this.#closed || this.#ending) return;
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    if (length === 0) return;
    const bytes = this.#network.reserve(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#buffered += length;
    this.#record(bytes);
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
    this.#peer?.lose();
  }

  /** What this end writes reaches nobody; it learns of that when it has waited long enough. */
  lose(): void {
    this.#lost = true;
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
    const { faults, random } = network;
    if (faults.lossRate > 0 && random.float() < faults.lossRate) this.#lost = true;
    if (this.#lost) {
      network.scheduler.after(UNREACHABLE_MS, () => this.#link?.break('no acknowledgement'));
      return;
    }
    if (network.isCut(this.#host, this.remoteAddress)) {
      this.#held.push(bytes);
      network.scheduler.after(UNREACHABLE_MS, () => {
        if (this.#held.length > 0) this.#link?.break('no acknowledgement');
      });
      return;
    }
    if (random.float() < faults.resetRate) {
      const part = bytes.subarray(0, randomBelow(random, bytes.length));
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
    }, bytes.length / faults.bytesPerMs);
  }

  #record(bytes: Uint8Array): void {
    const { faults, random } = this.#network;
    if (!this.#recorded || faults.replayRate === 0 || !this.#network.isServer(this.#host)) return;
    if (this.#saidBytes + bytes.length <= RECORDED_BYTES) {
      this.#said.push(bytes);
      this.#saidBytes += bytes.length;
    } else this.#saidBytes = RECORDED_BYTES;
    if (random.float() < faults.replayRate) {
      this.#network.replay(this.#host, this.remoteAddress, [...this.#said]);
    }
  }

  /** TCP keeps no boundaries: now and then what was written at once is read in two pieces. */
  #arrive(bytes: Uint8Array): void {
    const { random } = this.#network;
    const at = random.float() < SPLIT_RATE ? randomBelow(random, bytes.length) : 0;
    if (at > 0) {
      this.#peer?.receive(bytes.subarray(0, at));
      this.#peer?.receive(bytes.subarray(at));
    } else this.#peer?.receive(bytes);
  }

  /** In order: nothing overtakes what was sent before on the same connection. */
  #at(run: () => void, transferMs = 0): void {
    const now = this.#network.scheduler.now();
    const arrival = Math.max(this.#lastArrival, now + this.#network.delay());
    this.#lastArrival = arrival + transferMs;
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
