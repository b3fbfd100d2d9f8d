import type { Network } from '../base/index.ts';
import type { ClientResponse } from '../wire/index.ts';
import type { Ledger } from './ledger.ts';
import { NoAnswer, PlainSession } from './plain-session.ts';
import { pause } from './waiting.ts';

const CALL_MS = 2_000;
const NEWEST = 20;
/** Failures after which the statement certainly had no effect (client-protocol.md §10). */
export const NO_EFFECT: ReadonlySet<number> = new Set([1, 5, 10_250, 8_202]);
const NOT_SERVING = 'not served';

/** A foreign client: one statement after another in plain dqlite at whoever it believes to lead. */
export class PlainPulse {
  readonly #network: Pick<Network, 'dial'> & { close(): Promise<void> };
  readonly #servers: readonly string[];
  readonly #database: string;
  readonly #ledger: Ledger;
  readonly #everyMs: number;
  readonly #demandsFresh: boolean;
  #session: PlainSession | undefined;
  #server = 0;
  #stopped = false;
  #done: Promise<void> | undefined;

  constructor(parts: {
    readonly network: Pick<Network, 'dial'> & { close(): Promise<void> };
    readonly servers: readonly string[];
    readonly database: string;
    readonly ledger: Ledger;
    readonly everyMs: number;
    readonly demandsFresh: boolean;
  }) {
    this.#network = parts.network;
    this.#servers = parts.servers;
    this.#database = parts.database;
    this.#ledger = parts.ledger;
    this.#everyMs = parts.everyMs;
    this.#demandsFresh = parts.demandsFresh;
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    this.#session?.close();
    await this.#network.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const session = await this.#connected();
      if (session !== undefined) {
        await this.#write(session);
        if (this.#session === session) await this.#read(session);
      }
      await pause(this.#everyMs);
    }
  }

  /** The session, or a new one with the next server in turn. */
  async #connected(): Promise<PlainSession | undefined> {
    if (this.#session !== undefined) return this.#session;
    const address = this.#servers[this.#server++ % this.#servers.length] ?? '';
    let session: PlainSession | undefined;
    try {
      session = await PlainSession.dial(this.#network, address, CALL_MS);
      const leader = await session.request({ type: 'leader' }, CALL_MS);
      if (leader.type !== 'server' || leader.address !== address) throw new NoAnswer('no leader');
      await session.open(this.#database, CALL_MS);
      this.#session = session;
    } catch {
      session?.close();
    }
    return this.#session;
  }

  #lose(why: string): void {
    const { errors } = this.#ledger;
    errors.set(why, (errors.get(why) ?? 0) + 1);
    this.#session?.close();
    this.#session = undefined;
  }

  async #write(session: PlainSession): Promise<void> {
    const id = this.#ledger.nextId();
    const beganMs = performance.now();
    let answer: ClientResponse;
    try {
      answer = await session.execute(`INSERT INTO plain VALUES (${id})`, CALL_MS);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.#ledger.unknown.add(id);
      this.#lose(NOT_SERVING);
      return;
    }
    if (answer.type === 'result') this.#ledger.acknowledge(id, beganMs);
    else if (answer.type !== 'failure') throw new Error(`an answer ${answer.type} to an insert`);
    else {
      if (NO_EFFECT.has(answer.code)) this.#ledger.rolledBack.add(id);
      else this.#ledger.unknown.add(id);
      this.#lose(`failure ${answer.code}`);
    }
  }

  async #read(session: PlainSession): Promise<void> {
    const ids = this.#ledger.newest(NEWEST);
    try {
      const sql = `SELECT count(*) FROM plain WHERE id IN (${ids.join()})`;
      const seen = await session.value(sql, CALL_MS);
      if (seen === undefined) return this.#lose('failure of a read');
      this.#ledger.reads++;
      if (Number(seen) !== ids.length && this.#demandsFresh) {
        this.#ledger.anomalies.push(
          `stale plain read: ${seen} of ${ids.length} rows acknowledged before (${ids.join()})`,
        );
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.#lose(NOT_SERVING);
    }
  }
}
