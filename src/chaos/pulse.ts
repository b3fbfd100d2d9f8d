import type { Database } from '../client/index.ts';
import type { FleetClient } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import { pause } from './waiting.ts';

export const PULSE_TABLE = 'CREATE TABLE IF NOT EXISTS pulse (id INTEGER PRIMARY KEY, v TEXT)';
const CALL_MS = 4_000;
const NEWEST = 20;
const TEXT = 'x'.repeat(300);

/**
 * The steady beat of a run: unique rows one after another, and between them a read that must see the newest ones.
 * Its gaps are the time that the cluster did not serve.
 */
export class Pulse {
  readonly #client: FleetClient;
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #everyMs: number;
  readonly #demandsFresh: boolean;
  #stopped = false;
  #done: Promise<void> | undefined;

  /** `demandsFresh`: a read that misses an acknowledged row is an anomaly; a C leader does not promise otherwise. */
  constructor(parts: {
    readonly client: FleetClient;
    readonly database: string;
    readonly ledger: Ledger;
    readonly everyMs: number;
    readonly demandsFresh: boolean;
  }) {
    this.#client = parts.client;
    this.#database = parts.client.client.database(parts.database, { timeoutMs: CALL_MS });
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
    await this.#client.close();
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      await this.#write();
      if (i % 2 === 0) await this.#read(i % 4 === 0 ? 'any' : 'leader');
      await pause(this.#everyMs);
    }
  }

  async #write(): Promise<void> {
    const id = this.#ledger.nextId();
    const beganMs = performance.now();
    try {
      await this.#database.execute('INSERT INTO pulse VALUES (?, ?)', [id, TEXT]);
      this.#ledger.acknowledge(id, beganMs);
    } catch (error) {
      this.#ledger.fail(id, error);
    }
  }

  async #read(readFrom: 'any' | 'leader'): Promise<void> {
    const ids = this.#ledger.newest(NEWEST);
    try {
      const result = await this.#database.execute(
        `SELECT count(*) AS n FROM pulse WHERE id IN (${ids.join()})`,
        [],
        { consistency: 'linearizable', readFrom },
      );
      this.#ledger.reads++;
      const seen = Number(result.rows[0]?.n);
      if (seen !== ids.length && this.#demandsFresh) {
        this.#ledger.anomalies.push(
          `stale read: ${result.executedBy.address} shows ${seen} of ${ids.length} rows acknowledged before (${ids.join()})`,
        );
      }
    } catch (error) {
      this.#ledger.count(error);
    }
  }
}
