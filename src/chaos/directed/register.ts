import { QuorateError } from '../../base/index.ts';
import type { Client } from '../../client/index.ts';
import type { Fleet } from '../fleet.ts';
import type { Machine } from '../machine.ts';
import { NoAnswer, PlainSession } from '../plain-session.ts';
import { pause } from '../waiting.ts';
import { DATABASE, type Scene } from './scene.ts';

const CALL_MS = 1_500;
const BETWEEN_MS = 5;
const SQL = 'SELECT n FROM counter';

/** A counter that only grows: whoever answers a read with less than was acknowledged before it began is stale. */
export class Register {
  readonly #scene: Scene;
  acknowledged = 0;
  stopped = false;
  readonly seen = { own: 0, plain: 0, refused: 0 };

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  async create(): Promise<void> {
    await this.#scene.persist('CREATE TABLE IF NOT EXISTS counter (n INTEGER)');
    await this.#scene.persist(
      'INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter)',
    );
  }

  /** Raises the counter through the new leader and learns what is acknowledged. */
  async raise(): Promise<void> {
    await this.#scene.persist('UPDATE counter SET n = n + 1', 2_000);
    const [n] = await this.#scene.column(SQL);
    this.acknowledged = Math.max(this.acknowledged, Number(n));
  }

  /** Raises the counter again and again as fast as it goes, through others than the old leader, until `stopped`. */
  async keepRaising(client: Client): Promise<void> {
    const database = client.database(DATABASE, { timeoutMs: CALL_MS });
    while (!this.stopped) {
      try {
        const result = await database.execute('UPDATE counter SET n = n + 1 RETURNING n');
        this.acknowledged = Math.max(this.acknowledged, Number(result.rows[0]?.n));
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
      }
      await pause(BETWEEN_MS);
    }
  }

  /** Reads with the guarantee 'linearizable' at one machine until `stopped`. */
  async readOwn(client: Client, machine: Machine): Promise<void> {
    const database = client.database(DATABASE, { timeoutMs: CALL_MS, readFrom: machine.address });
    while (!this.stopped) {
      const before = this.acknowledged;
      try {
        const row = await database.first<{ n: number }>(SQL);
        this.#judge(before, row?.n, `${machine.name} to our client`);
        this.seen.own++;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        this.seen.refused++;
      }
      await pause(BETWEEN_MS);
    }
  }

  /** Reads in plain dqlite at one machine until `stopped`. */
  async readPlain(fleet: Fleet, machine: Machine, name: string): Promise<void> {
    const network = fleet.network(name);
    let session: PlainSession | undefined;
    while (!this.stopped) {
      const before = this.acknowledged;
      try {
        session ??= await openPlain(network, machine);
        const n = await session.value(SQL, CALL_MS);
        if (n === undefined) throw new NoAnswer('refused');
        this.#judge(before, n, `${machine.name} to a plain client`);
        this.seen.plain++;
      } catch {
        this.seen.refused++;
        session?.close();
        session = undefined;
      }
      await pause(BETWEEN_MS);
    }
    session?.close();
    await network.close();
  }

  #judge(before: number, seen: unknown, who: string): void {
    this.#scene.expect(
      Number(seen) >= before,
      `stale read: ${who}: ${seen} after ${before} was acknowledged`,
    );
  }
}

/** A session with the database open. */
export async function openPlain(
  network: Parameters<typeof PlainSession.dial>[0],
  machine: Machine,
): Promise<PlainSession> {
  const session = await PlainSession.dial(network, machine.address, CALL_MS);
  try {
    await session.open(DATABASE, CALL_MS);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}
