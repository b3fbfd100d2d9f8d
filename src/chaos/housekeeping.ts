import { type Random, randomBelow } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import type { FleetClient } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import { pause } from './waiting.ts';

const CALL_MS = 8_000;
const REST_MS = 1_500;
const BLOB_BYTES_MAX = 300_000;

export const HOUSE_TABLES = 'CREATE TABLE house (id INTEGER PRIMARY KEY, v BLOB);';

/** What goes on beside the traffic: the schema changes, the file grows and shrinks, VACUUM turns it over. */
export class Housekeeping {
  readonly #client: FleetClient;
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #random: Random;
  #stopped = false;
  #done: Promise<void> | undefined;

  constructor(parts: {
    readonly client: FleetClient;
    readonly database: string;
    readonly ledger: Ledger;
    readonly random: Random;
  }) {
    this.#client = parts.client;
    this.#database = parts.client.client.database(parts.database, { timeoutMs: CALL_MS });
    this.#ledger = parts.ledger;
    this.#random = parts.random;
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
    while (!this.#stopped) {
      const id = this.#ledger.nextId();
      try {
        await this.#work(id);
        this.#ledger.acknowledge(id, 0);
      } catch (error) {
        this.#ledger.fail(id, error);
      }
      await pause(this.#random.float() * REST_MS);
    }
  }

  async #vacuum(): Promise<void> {
    try {
      await this.#database.execute('VACUUM');
    } catch (error) {
      this.#ledger.count(error);
    }
  }

  /** Each leaves a row with its id in the table `house`. */
  async #work(id: number): Promise<void> {
    const draw = this.#random.float();
    const bytes = randomBelow(this.#random, BLOB_BYTES_MAX);
    const row = ['INSERT INTO house VALUES (?, randomblob(?))', [id, bytes]] as const;
    if (draw < 0.6) {
      await this.#database.batch([row, 'UPDATE house SET v = NULL WHERE id % 3 <> 0'], 'write');
    } else if (draw < 0.85) {
      const columns = draw < 0.72 ? 'a, b' : 'b, c, a';
      await this.#database.batch(
        [
          'DROP TABLE IF EXISTS changing',
          `CREATE TABLE changing (${columns})`,
          'INSERT INTO changing (a, b) VALUES (1, 2)',
          'CREATE INDEX changing_by_b ON changing (b)',
          row,
        ],
        'write',
      );
    } else {
      await this.#vacuum();
      await this.#database.execute(row[0], [id, 0]);
    }
  }
}
