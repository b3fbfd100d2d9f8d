import type { Connection } from '../base/index.ts';
import { type ClientRequest, encodeClientRequest } from '../wire/index.ts';
import type { World } from './world.ts';

const HANDSHAKE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const ANSWER_FAILURE = 0;
const ANSWER_ROWS = 7;
const DIAL_MS = 1_000;

/** A session in plain dqlite, as foreign clients have it: no hints, no retries, no read index. */
export class PlainProbe {
  readonly #connection: Connection;
  readonly #world: World;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;

  private constructor(world: World, connection: Connection) {
    this.#world = world;
    this.#connection = connection;
    connection.start({
      data: (bytes) => {
        this.#received = Buffer.concat([this.#received, bytes]);
      },
      drain: () => undefined,
      close: () => {
        this.#closed = true;
      },
    });
    connection.write(HANDSHAKE);
  }

  /** A session with an open database. */
  static async open(
    world: World,
    host: string,
    address: string,
    name: string,
  ): Promise<PlainProbe> {
    const connection = await world.network.at(host).dial(address, DIAL_MS);
    const probe = new PlainProbe(world, connection);
    await probe.#exchange({ type: 'open', name, flags: 0n, vfs: 'volatile' }, DIAL_MS);
    return probe;
  }

  /** The bytes of the rows of a query as text, 'failed', or undefined when there is no answer in time. */
  async query(sql: string, limitMs: number): Promise<string | undefined> {
    const request: ClientRequest = {
      type: 'query-sql',
      schema: 0,
      db: 0n,
      sql,
      parameters: [],
    };
    const answer = await this.#exchange(request, limitMs);
    if (answer === undefined) return undefined;
    if (answer[4] === ANSWER_FAILURE) return 'failed';
    if (answer[4] !== ANSWER_ROWS) throw new Error(`an answer of type ${answer[4]} to a query`);
    return answer.toString('latin1');
  }

  close(): void {
    this.#connection.destroy();
  }

  async #exchange(request: ClientRequest, limitMs: number): Promise<Buffer | undefined> {
    this.#connection.write(encodeClientRequest(request));
    const deadline = this.#world.scheduler.now() + limitMs;
    for (;;) {
      const answer = this.#take();
      if (answer !== undefined) return answer;
      if (this.#closed || this.#world.scheduler.now() >= deadline) return undefined;
      await this.#world.sleep(1);
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
