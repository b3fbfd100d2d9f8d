import {
  type Clock,
  type Connection,
  DecodeError,
  type NodeId,
  Numbered,
  type QuorateError,
  type Timer,
} from '../base/index.ts';
import {
  decodeExtensionResponse,
  EXTENSION_VERSION,
  type ExtensionRequest,
  type ExtensionResponse,
  encodeExtensionRequest,
  encodeExtensionRun,
} from '../wire/index.ts';
import type { Call } from './call.ts';
import { failureError, NotAnswered, withOutcome } from './errors.ts';
import {
  Exchange,
  type ExchangePort,
  type FinalResponse,
  type Pending,
  type RowsTaker,
} from './exchange.ts';
import { FrameReader } from './frame-reader.ts';
import type {
  LeaderClaim,
  Link,
  LinkEvents,
  LinkStream,
  RowsHandler,
  Run,
  RunEnd,
  StreamOptions,
} from './link.ts';
import { RunRows } from './run-rows.ts';
import { parseMembers } from './status-report.ts';
import type { StatementInfo } from './types.ts';

/** Version 1 of dqlite's protocol (client-protocol.md §1). */
const HANDSHAKE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const FAILURE = 0;
/** A request that was given up must be answered within this, or the connection is dead. */
const ABANDONED_MS = 10_000;
/** A node with requests pending that sends nothing for this long may be dead, or its query long. */
const SILENT_MS = 1_000;
/** A claim of a server from which nothing came for longer is asked for: the connection may be dead without our knowing. */
const CLAIM_FRESH_MS = 1_000;
/** How long after Hello a server may take to tell the leader. */
const LEADER_CLAIM_MS = 1_000;

/** The node does not speak our extension: it is to be spoken to in plain dqlite. */
export class NotSupported extends Error {
  override readonly name = 'NotSupported';
}

/** One multiplexed connection to a node that speaks our extension (docs/protocol-extensions.md). */
export class ExtensionLink implements Link, ExchangePort {
  readonly protocol = 'extension';
  readonly address: string;
  readonly #connection: Connection;
  readonly clock: Clock;
  readonly #events: LinkEvents;
  readonly #pending = new Numbered<Pending>();
  readonly #slotWaiters: (() => void)[] = [];
  #watch: Timer | undefined;
  /** When bytes came last. */
  #heardAt = 0;
  /** Chunks of bytes that came. */
  #received = 0;
  #requestLast = 0;
  #streamLast = 0;
  #hello: Extract<ExtensionResponse, { type: 'hello' }> | undefined;
  #opened: ((error: Error | undefined) => void) | undefined;
  #claim: LeaderClaim | undefined;
  #claimWaiters: (() => void)[] = [];
  #closed: Error | undefined;
  readonly #sender = (request: ExtensionRequest): void => this.send(request);

  private constructor(connection: Connection, address: string, clock: Clock, events: LinkEvents) {
    this.#connection = connection;
    this.address = address;
    this.clock = clock;
    this.#events = events;
  }

  /**
   * Says Hello. `opened` rejects with NotSupported when the node answers with a failure, with another
   * Error when the connection ends. C-1.11 does not answer at all: how long to wait is the caller's choice.
   */
  static open(
    connection: Connection,
    address: string,
    clock: Clock,
    events: LinkEvents,
  ): { readonly opened: Promise<ExtensionLink>; destroy(): void } {
    const link = new ExtensionLink(connection, address, clock, events);
    const opened = new Promise<ExtensionLink>((resolve, reject) => {
      link.#opened = (error) => {
        link.#opened = undefined;
        if (error === undefined) resolve(link);
        else reject(error);
      };
    });
    link.#start();
    return { opened, destroy: () => link.destroy() };
  }

  #start(): void {
    const frames = new FrameReader((type, _schema, body) => this.#receive(type, body));
    this.#connection.start({
      data: (bytes) => {
        if (this.#closed !== undefined) return;
        this.#received++;
        this.#heardAt = this.clock.now();
        try {
          frames.push(bytes);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
          this.#fail(error);
        }
      },
      drain: () => undefined,
      close: (reason) => this.#onClose(reason ?? new Error(`${this.address} ended the connection`)),
    });
    this.#connection.writeAll([
      HANDSHAKE,
      encodeExtensionRequest({ type: 'hello', version: EXTENSION_VERSION }),
    ]);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get nodeId(): NodeId {
    return this.#hello?.nodeId ?? 0n;
  }

  get nodeAddress(): string {
    return this.#hello?.address ?? this.address;
  }

  destroy(reason: Error = new Error('closed')): void {
    this.#fail(reason);
  }

  #fail(reason: Error): void {
    this.#onClose(reason);
    this.#connection.destroy(reason);
  }

  #onClose(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#watch?.cancel();
    this.#opened?.(reason);
    const pending = this.#pending.values();
    this.#pending.clear();
    for (const each of pending) each.lost(reason);
    for (const wake of this.#slotWaiters.splice(0)) wake();
    for (const wake of this.#claimWaiters.splice(0)) wake();
    if (this.#hello !== undefined) this.#events.closed(this);
  }

  #receive(type: number, body: Uint8Array): void {
    if (this.#closed !== undefined) return;
    if (type === FAILURE && this.#hello === undefined) {
      this.#fail(new NotSupported(`${this.address} does not know Hello`));
      return;
    }
    const response = decodeExtensionResponse(type, body);
    if (response.type === 'hello') {
      if (response.version !== EXTENSION_VERSION || this.#hello !== undefined) {
        throw new DecodeError(`unexpected Hello with version ${response.version}`);
      }
      this.#hello = response;
      this.#opened?.(undefined);
    } else if (response.type === 'leader') {
      const self = response.id !== 0n && response.id === this.nodeId;
      this.#claim = { address: self ? this.address : response.address, self };
      for (const wake of this.#claimWaiters.splice(0)) wake();
      this.#events.leader(this, this.#claim);
    } else if (response.type === 'rows') {
      this.#pending.get(response.request)?.rows(response);
    } else {
      const pending = this.#pending.get(response.request);
      if (pending === undefined) throw new DecodeError('an answer without a request');
      this.#pending.delete(response.request);
      this.#slotWaiters.shift()?.();
      pending.final(response);
    }
  }

  send(request: ExtensionRequest): void {
    if (this.#closed === undefined) this.#connection.write(encodeExtensionRequest(request));
  }

  async #slot(call: Call): Promise<void> {
    // At least once: who comes later must not overtake those who wait.
    do {
      const woken = new Promise<void>((resolve) => this.#slotWaiters.push(resolve));
      await call.race(woken).catch((error: unknown) => {
        // The wake-up may have been meant for this call: hand it on.
        this.#slotWaiters.shift()?.();
        throw error;
      });
    } while (this.#pending.size >= this.#slots && this.#closed === undefined);
  }

  get #slots(): number {
    return Math.max(1, this.#hello?.requestsInFlight ?? 1);
  }

  /**
   * Sends a request and waits for its final answer, within the call. `taker` gets batches on the way.
   * Sends at once, in the order of the calls, while the connection has free slots.
   */
  exchange(
    encode: (request: number) => Uint8Array,
    call: Call,
    taker?: RowsTaker,
  ): Promise<FinalResponse> {
    const isFull = this.#slotWaiters.length > 0 || this.#pending.size >= this.#slots;
    try {
      call.check();
      if (!isFull) return this.#exchangeNow(encode, call, taker);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#slot(call).then(() => this.#exchangeNow(encode, call, taker));
  }

  #exchangeNow(
    encode: (request: number) => Uint8Array,
    call: Call,
    taker: RowsTaker | undefined,
  ): Promise<FinalResponse> {
    if (this.#closed !== undefined) {
      throw new NotAnswered(this.#closed.message, false, undefined, this.#closed);
    }
    const request = ++this.#requestLast;
    // Encoded before anything is registered: bad parameters must leave no trace.
    const message = encode(request);
    const exchange = new Exchange(this, request, call, taker);
    this.#pending.set(request, exchange);
    this.#connection.write(message);
    this.#watchSilence();
    return exchange.promise;
  }

  #ask(build: (request: number) => ExtensionRequest, call: Call): Promise<FinalResponse> {
    return this.exchange((request) => encodeExtensionRequest(build(request)), call);
  }

  /** While requests are pending: tells when nothing at all comes from the node for a while. */
  #watchSilence(): void {
    if (this.#watch !== undefined || this.#pending.size === 0) return;
    const received = this.#received;
    this.#watch = this.clock.after(SILENT_MS, () => {
      this.#watch = undefined;
      if (this.#pending.size > 0 && this.#received === received) this.#events.silent(this);
      this.#watchSilence();
    });
  }

  /** Drops what still arrives for a request; without its final answer the connection does not survive. */
  abandon(request: number): void {
    if (this.#pending.get(request) === undefined) return;
    const timer = this.clock.after(ABANDONED_MS, () => {
      this.#fail(new Error(`${this.address} left a request unanswered beyond its deadline`));
    });
    const end = () => timer.cancel();
    this.#pending.set(request, { rows: () => undefined, final: end, lost: end });
  }

  run(run: Run, call: Call, rows: RowsHandler): Promise<RunEnd> {
    return this.runOn(0, run, call, rows);
  }

  /** Runs on a stream, or on none (0). */
  async runOn(stream: number, run: Run, call: Call, handler: RowsHandler): Promise<RunEnd> {
    const rows = new RunRows(run, handler, this.#sender);
    const encode = (request: number): Uint8Array => {
      rows.request = request;
      return encodeExtensionRun(request, stream, call.remainingMs, run);
    };
    const response = await this.exchange(encode, call, rows);
    const { refused } = rows;
    if (response.type === 'failure') {
      throw run.write ? failureError(response) : (refused ?? failureError(response));
    }
    if (response.type !== 'end') throw this.#unexpected(response);
    if (refused !== undefined) {
      const committed = run.write && !response.inTransaction;
      throw withOutcome(refused, committed ? 'committed' : undefined);
    }
    return response;
  }

  openStream(options: StreamOptions, call: Call): LinkStream {
    const stream = new ExtensionStream(this, ++this.#streamLast);
    stream.open(options, call);
    return stream;
  }

  async describe(database: string, sql: string, call: Call): Promise<StatementInfo> {
    const response = await this.#ask(
      (request) => ({ type: 'describe', request, database, sql }),
      call,
    );
    if (response.type === 'failure') throw failureError(response);
    if (response.type !== 'description') throw this.#unexpected(response);
    return response.description;
  }

  async leaderClaim(call: Call): Promise<LeaderClaim> {
    if (this.#claim === undefined && this.#closed === undefined) {
      const told = new Promise<void>((resolve) => this.#claimWaiters.push(resolve));
      await call.sleep(LEADER_CLAIM_MS, told);
    } else if (this.clock.now() - this.#heardAt > CLAIM_FRESH_MS) {
      // Claims are told unasked, in order: with the answer everything that was told before is here.
      await this.status(call);
    }
    if (this.#closed !== undefined) throw new NotAnswered(this.#closed.message, true);
    return this.#claim ?? { address: '', self: false };
  }

  async memberAddresses(call: Call): Promise<string[]> {
    const members = parseMembers(await this.status(call));
    return members.map(({ address }) => address);
  }

  /** The node's state as JSON text. */
  async status(call: Call): Promise<string> {
    const response = await this.#ask((request) => ({ type: 'status', request }), call);
    if (response.type === 'failure') throw failureError(response);
    if (response.type !== 'status') throw this.#unexpected(response);
    return response.json;
  }

  /** Checksum of a database's pages at this node. */
  async digest(
    database: string,
    call: Call,
  ): Promise<Extract<ExtensionResponse, { type: 'digest' }>> {
    const response = await this.#ask((request) => ({ type: 'digest', request, database }), call);
    if (response.type === 'failure') throw failureError(response);
    if (response.type !== 'digest') throw this.#unexpected(response);
    return response;
  }

  /** Rolls back what is open on a stream and forgets it; nobody waits for the answer. */
  closeStream(stream: number): void {
    const request = ++this.#requestLast;
    const ignore = () => undefined;
    this.#pending.set(request, { rows: ignore, final: ignore, lost: ignore });
    this.abandon(request);
    this.send({ type: 'close-stream', request, stream });
  }

  #unexpected(response: FinalResponse): NotAnswered {
    const error = new Error(`${this.address} sent an unexpected answer of type ${response.type}`);
    this.#fail(error);
    return new NotAnswered(error.message, true);
  }
}

/** A stream of an ExtensionLink. */
class ExtensionStream implements LinkStream {
  readonly link: ExtensionLink;
  readonly #id: number;
  #opening: Promise<QuorateError | undefined> = Promise.resolve(undefined);
  #closed = false;

  constructor(link: ExtensionLink, id: number) {
    this.link = link;
    this.#id = id;
  }

  /** Sends the request to open; its result is looked at together with that of the first run. */
  open(options: StreamOptions, call: Call): void {
    const stream = this.#id;
    this.#opening = this.link
      .exchange(
        (request) => encodeExtensionRequest({ type: 'open-stream', request, stream, ...options }),
        call,
      )
      .then(
        (response) => (response.type === 'failure' ? failureError(response) : undefined),
        () => undefined,
      );
  }

  get closed(): boolean {
    return this.#closed || this.link.closed;
  }

  async run(run: Run, call: Call, rows: RowsHandler): Promise<RunEnd> {
    try {
      return await this.link.runOn(this.#id, run, call, rows);
    } catch (error) {
      throw (await this.#opening) ?? error;
    }
  }

  close(): void {
    if (this.closed) return;
    this.#closed = true;
    this.link.closeStream(this.#id);
  }
}
