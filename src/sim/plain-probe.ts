import type { Connection } from '../base/index.ts';
import { type ClientRequest, encodeClientRequest } from '../wire/index.ts';
import type { PlainFate, PlainSession } from './workloads/index.ts';
import type { World } from './world.ts';

const HANDSHAKE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const ANSWER_FAILURE = 0;
const ANSWER_RESULT = 6;
const ANSWER_ROWS = 7;
/** The failure of a node that did nothing, because it does not lead. */
const NOT_LEADER = 10250n;
const CODE_AT = 8;
const MORE_ROWS = 0xeeee_eeee_eeee_eeeen;
const DIAL_MS = 1_000;

/** A session in plain dqlite, as foreign clients have it: no hints, no retries, no read index. */
export class PlainProbe implements PlainSession {
  readonly #connection: Connection;
  readonly #world: World;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(world: World, connection: Connection) {
    this.#world = world;
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

  /** A session with an open database; a closed one when the node does not answer in time. */
  static async open(
    world: World,
    host: string,
    address: string,
    name: string,
  ): Promise<PlainProbe> {
    const connection = await world.network.at(host).dial(address, DIAL_MS);
    const probe = new PlainProbe(world, connection);
    const answer = await probe.#exchange(
      { type: 'open', name, flags: 0n, vfs: 'volatile' },
      DIAL_MS,
    );
    if (answer === undefined) probe.close();
    return probe;
  }

  /** The bytes of the rows of a query as text, 'failed', or undefined when there is no answer in time. */
  async query(sql: string, limitMs: number): Promise<string | undefined> {
    const answer = await this.#exchange(request('query-sql', sql), limitMs);
    if (answer === undefined) return undefined;
    if (answer[4] === ANSWER_FAILURE) return 'failed';
    if (answer[4] !== ANSWER_ROWS) throw new Error(`an answer of type ${answer[4]} to a query`);
    return this.#rows(answer, limitMs);
  }

  /** What a foreign client may conclude about its statement: only "not leader" says that nothing happened. */
  async execute(sql: string, limitMs: number): Promise<PlainFate> {
    const answer = await this.#exchange(request('exec-sql', sql), limitMs);
    if (answer === undefined) return 'unknown';
    if (answer[4] === ANSWER_RESULT) return 'ok';
    if (answer[4] !== ANSWER_FAILURE) throw new Error(`an answer of type ${answer[4]} to a write`);
    return answer.readBigUInt64LE(CODE_AT) === NOT_LEADER ? 'failed' : 'unknown';
  }

  close(): void {
    this.#closed = true;
    this.#connection.destroy();
  }

  /** Rows come in several answers when they are long; the last one says so in its last word. */
  async #rows(first: Buffer, limitMs: number): Promise<string | undefined> {
    let text = first.toString('latin1');
    for (let part = first; part.readBigUInt64LE(part.length - 8) === MORE_ROWS; ) {
      const next = await this.#answer(limitMs);
      if (next === undefined) return undefined;
      if (next[4] !== ANSWER_ROWS) return 'failed';
      text += next.toString('latin1');
      part = next;
    }
    return text;
  }

  #exchange(request: ClientRequest, limitMs: number): Promise<Buffer | undefined> {
    if (!this.#closed) this.#connection.write(encodeClientRequest(request));
    return this.#answer(limitMs);
  }

  async #answer(limitMs: number): Promise<Buffer | undefined> {
    const deadline = this.#world.scheduler.now() + limitMs;
    for (;;) {
      const answer = this.#take();
      if (answer !== undefined) return answer;
      const left = deadline - this.#world.scheduler.now();
      if (this.#closed || left <= 0) return undefined;
      const heard = new Promise<void>((resolve) => (this.#wake = resolve));
      await Promise.race([heard, this.#world.sleep(left)]);
    }
  }

  #take(): Buffer | undefined {
    const received = this.#received;
    if (received.length < 8) return undefined;
    const end = 8 + 8 * received.readUInt32LE(0);
    if (received.length < end) return undefined;
    this.#received = received.subarray(end);
    return received.subarray(0, end);
  }
}

function request(type: 'exec-sql' | 'query-sql', sql: string): ClientRequest {
  return { type, schema: 0, db: 0n, sql, parameters: [] };
}
