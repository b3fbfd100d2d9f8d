import type { Database } from '../../client/index.ts';
import { Violation } from '../violation.ts';
import { expectQuorateError } from './expected-errors.ts';
import { type Actor, CALL_MS, type Workload } from './workload.ts';

/** Each client makes a table of its own anew: what other leaders cached of the schema must not matter (M3). */
export class Schemas implements Workload {
  readonly name = 'schemas';
  readonly tables = '';
  acknowledged = 0;
  readonly #owners = new Set<number>();

  step(actor: Actor): Promise<void> {
    const isNew = !this.#owners.has(actor.number);
    return isNew || actor.random.float() < 0.4 ? this.#change(actor) : this.#use(actor);
  }

  async #change({ database, number, random }: Actor): Promise<void> {
    const name = `own_${number}`;
    const columns = random.float() < 0.5 ? 'owner, v' : 'owner, u, v';
    try {
      await database.batch(
        [
          `DROP TABLE IF EXISTS ${name}`,
          `CREATE TABLE ${name} (${columns})`,
          [`INSERT INTO ${name} (owner, v) VALUES (?, ?)`, [number, 'x'.repeat(100)]],
        ],
        'write',
        { timeoutMs: CALL_MS },
      );
      this.#owners.add(number);
      this.acknowledged++;
    } catch (error) {
      expectQuorateError(error);
    }
  }

  async #use({ database, number }: Actor): Promise<void> {
    const name = `own_${number}`;
    try {
      await database.execute(`INSERT INTO ${name} (owner, v) VALUES (?, ?)`, [number, 'y'], {
        timeoutMs: CALL_MS,
      });
    } catch (error) {
      expectQuorateError(error);
    }
    try {
      const rows = await database.query<{ owner: number }>(
        `SELECT DISTINCT owner FROM ${name}`,
        [],
        { timeoutMs: CALL_MS, consistency: 'linearizable', readFrom: 'any' },
      );
      judge(name, number, rows);
    } catch (error) {
      expectQuorateError(error);
    }
  }

  async check(database: Database): Promise<void> {
    for (const number of this.#owners) {
      const name = `own_${number}`;
      const query = `SELECT DISTINCT owner FROM ${name}`;
      judge(name, number, await database.query<{ owner: number }>(query));
    }
  }
}

function judge(name: string, number: number, rows: readonly { readonly owner: number }[]): void {
  if (rows.length === 1 && rows[0].owner === number) return;
  throw new Violation('TX', `${name} has rows of ${rows.map(({ owner }) => owner).join()}`);
}
