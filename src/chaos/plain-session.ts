import type { Connection, Network } from '../base/index.ts';
import {
  type ClientRequest,
  type ClientResponse,
  decodeClientResponse,
  encodeClientRequest,
  RowSetReader,
} from '../wire/index.ts';

const HANDSHAKE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const HEADER_BYTES = 8;
const WORD_BYTES = 8;

/** Why a request has no answer. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** A session as a foreign client has it: plain dqlite, no retries, no hints, no wisdom. */
export class PlainSession {
  readonly #connection: Connection;
  #received: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(connection: Connection) {
    this.#connection = connection;
    connection.start({
      data: (bytes) => {
        this.#received = Buffer.concat([this.#received, bytes]);
        this.#wake();
      },
      drain: () => undefined,
      close: () => {
        this.#closed = true;
        this.#wake();
      },
    });
    connection.write(HANDSHAKE);
  }

  static async dial(
    network: Pick<Network, 'dial'>,
    address: string,
    limitMs: number,
  ): Promise<PlainSession> {
    return new PlainSession(await network.dial(address, limitMs));
  }

  /** The answer to a request. Throws NoAnswer when the connection ends or the time is over; then the session is at its end. */
  request(request: ClientRequest, limitMs: number): Promise<ClientResponse> {
    this.#connection.write(encodeClientRequest(request));
    return this.#answer(request, limitMs);
  }

  async #answer(request: ClientRequest, limitMs: number): Promise<ClientResponse> {
    const timer = setTimeout(() => {
      this.#connection.destroy();
      this.#closed = true;
      this.#wake();
    }, limitMs);
    try {
      for (;;) {
        const answer = this.#take(request);
        if (answer !== undefined) return answer;
        if (this.#closed) throw new NoAnswer(`no answer to ${request.type}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async open(database: string, limitMs: number): Promise<void> {
    const answer = await this.request(
      { type: 'open', name: database, flags: 0n, vfs: 'volatile' },
      limitMs,
    );
    if (answer.type !== 'db') throw new NoAnswer(`${answer.type} to open`);
  }

  execute(sql: string, limitMs: number): Promise<ClientResponse> {
    return this.request({ type: 'exec-sql', schema: 0, db: 0n, sql, parameters: [] }, limitMs);
  }

  /** The first value of the first row; undefined when the server refuses. */
  async value(sql: string, limitMs: number): Promise<unknown> {
    const request = { type: 'query-sql', schema: 0, db: 0n, sql, parameters: [] } as const;
    const values: unknown[] = [];
    let answer = await this.request(request, limitMs);
    // Long rows come in several answers, also when all is said in the first one.
    while (answer.type === 'rows') {
      const reader = new RowSetReader(answer.body);
      for (let row = reader.next(); row !== undefined; row = reader.next()) values.push(row[0]);
      if (reader.end === 'done') return values[0];
      answer = await this.#answer(request, limitMs);
    }
    return undefined;
  }

  close(): void {
    this.#connection.destroy();
  }

  #take(request: ClientRequest): ClientResponse | undefined {
    if (this.#received.length < HEADER_BYTES) return undefined;
    const end = HEADER_BYTES + this.#received.readUInt32LE(0) * WORD_BYTES;
    if (this.#received.length < end) return undefined;
    const body = new Uint8Array(this.#received.subarray(HEADER_BYTES, end));
    const [type = 0, schema = 0] = this.#received.subarray(4, 6);
    this.#received = this.#received.subarray(end);
    const afterQuery = request.type === 'query-sql';
    return decodeClientResponse(type, schema, body, { afterQuery });
  }
}
