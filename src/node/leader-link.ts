import {
  ByteReader,
  ByteWriter,
  type Clock,
  type Connection,
  type LogIndex,
  logIndex,
  type Network,
  type Timer,
} from '../base/index.ts';
import {
  decodeExtensionResponse,
  EXTENSION_RESPONSE,
  EXTENSION_VERSION,
  encodeExtensionRequest,
} from '../wire/index.ts';

const HEADER_BYTES = 8;
/** Answers on this connection are small; more is nonsense. */
const MESSAGE_BYTES = 1024 * 1024;
const PROTOCOL_VERSION = 1;

export interface LeaderLinkOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** How long connecting and one question may take, in ms. */
  readonly timeoutMs: number;
}

/** `undefined` = the leader could not be asked, or does not know the question. */
export type IndexAsker = (index: LogIndex | undefined) => void;

/**
 * Fetches read indexes from the leader over one kept connection (docs/protocol-extensions.md, Read index).
 * A question serves every read that arrived before it was sent; one is under way at a time.
 */
export class LeaderLink {
  readonly #options: LeaderLinkOptions;
  #address = '';
  #stream: IndexStream | undefined;
  #asked: IndexAsker[] = [];
  #waiting: IndexAsker[] = [];
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: LeaderLinkOptions) {
    this.#options = options;
  }

  ask(address: string, asker: IndexAsker): void {
    if (this.#stopped) {
      asker(undefined);
      return;
    }
    if (address !== this.#address) this.#fail();
    this.#address = address;
    this.#waiting.push(asker);
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    this.#fail();
  }

  #next(): void {
    if (this.#asked.length > 0 || this.#waiting.length === 0) return;
    this.#asked = this.#waiting;
    this.#waiting = [];
    const { clock, timeoutMs } = this.#options;
    this.#timer = clock.after(timeoutMs, () => this.#fail());
    if (this.#stream === undefined) {
      const stream = new IndexStream(
        (index) => this.#stream === stream && this.#answer(index),
        () => this.#stream === stream && this.#fail(),
      );
      this.#stream = stream;
      this.#options.network.dial(this.#address, timeoutMs).then(
        (connection) => stream.open(connection),
        () => this.#stream === stream && this.#fail(),
      );
    }
    this.#stream.ask(timeoutMs);
  }

  #answer(index: LogIndex | undefined): void {
    this.#timer?.cancel();
    const askers = this.#asked;
    this.#asked = [];
    for (const asker of askers) asker(index);
    this.#next();
  }

  /** The leader is silent, gone, or does not speak the extension: everybody who waits is told. */
  #fail(): void {
    this.#timer?.cancel();
    this.#stream?.close();
    this.#stream = undefined;
    const askers = [...this.#asked, ...this.#waiting];
    this.#asked = [];
    this.#waiting = [];
    for (const asker of askers) asker(undefined);
  }
}

/** One connection to the leader's client port. */
class IndexStream {
  readonly #answer: (index: LogIndex | undefined) => void;
  readonly #fail: () => void;
  #connection: Connection | undefined;
  #closed = false;
  #request = 0;
  #unsent: Uint8Array[] = [];
  #buffer: Uint8Array = new Uint8Array(0);

  constructor(answer: (index: LogIndex | undefined) => void, fail: () => void) {
    this.#answer = answer;
    this.#fail = fail;
    this.#unsent.push(
      new ByteWriter(8).safe(PROTOCOL_VERSION).finish(),
      encodeExtensionRequest({ type: 'hello', version: EXTENSION_VERSION }),
    );
  }

  open(connection: Connection): void {
    if (this.#closed) {
      connection.destroy();
      return;
    }
    this.#connection = connection;
    connection.start({
      data: (bytes) => this.#data(bytes),
      drain: () => undefined,
      close: () => this.#fail(),
    });
    connection.writeAll(this.#unsent);
    this.#unsent = [];
  }

  ask(timeoutMs: number): void {
    const deadlineMs = Math.max(1, Math.floor(timeoutMs));
    const message = encodeExtensionRequest({
      type: 'read-index',
      request: ++this.#request,
      deadlineMs,
    });
    if (this.#connection === undefined) this.#unsent.push(message);
    else this.#connection.write(message);
  }

  close(): void {
    this.#closed = true;
    this.#connection?.destroy();
  }

  #data(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#buffer.length + bytes.length);
    joined.set(this.#buffer);
    joined.set(bytes, this.#buffer.length);
    this.#buffer = joined;
    while (!this.#closed && this.#buffer.length >= HEADER_BYTES) {
      const header = new ByteReader(this.#buffer);
      const end = HEADER_BYTES + 8 * header.u32();
      if (end > MESSAGE_BYTES) {
        this.#fail();
        return;
      }
      if (this.#buffer.length < end) return;
      const type = header.u8();
      const body = this.#buffer.subarray(HEADER_BYTES, end);
      this.#buffer = this.#buffer.subarray(end);
      this.#message(type, body);
    }
  }

  #message(type: number, body: Uint8Array): void {
    try {
      if (type < EXTENSION_RESPONSE.hello) {
        // A C node: it does not know the question.
        this.#fail();
        return;
      }
      const response = decodeExtensionResponse(type, body);
      if (response.type === 'read-index' && response.request === this.#request) {
        this.#answer(logIndex(response.index));
      } else if (response.type === 'failure' && response.request === this.#request) {
        this.#answer(undefined);
      }
    } catch {
      this.#fail();
    }
  }
}
