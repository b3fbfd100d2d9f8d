import { randomBelow } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import { checkRegister, type Fate, type RegisterOperation } from '../checkers/index.ts';
import { expectQuorateError, fateOf, refuse } from './expected-errors.ts';
import { type Actor, CALL_MS, span, type Workload } from './workload.ts';

const KEYS = 3;
const READ = 'SELECT v FROM register WHERE id = ?';
const WRITE = 'UPDATE register SET v = ? WHERE id = ?';

/** Registers that are read, written and exchanged, from and on all nodes: each behaves as one place that does one thing at a time. */
export class Registers implements Workload {
  readonly name = 'registers';
  readonly tables = `
    CREATE TABLE IF NOT EXISTS register (id INTEGER PRIMARY KEY, v INTEGER);
    INSERT OR IGNORE INTO register VALUES ${Array.from({ length: KEYS }, (_, id) => `(${id}, 0)`).join()};`;
  readonly #history: RegisterOperation[] = [];
  #lastValue = 0;
  /** Keys that no order was found for in time. */
  undecided = 0;

  get acknowledged(): number {
    return this.#history.filter(({ fate, kind }) => fate === 'ok' && kind !== 'read').length;
  }

  step(actor: Actor): Promise<void> {
    const kind = actor.random.float();
    const key = randomBelow(actor.random, KEYS);
    if (kind < 0.5) return this.#read(actor, key);
    if (kind < 0.8) return this.#write(actor, key);
    return this.#swap(actor, key);
  }

  async #read(actor: Actor, key: number): Promise<void> {
    const invokedAt = actor.now();
    try {
      const readFrom = actor.random.float() < 0.3 ? 'leader' : 'any';
      const options = { timeoutMs: CALL_MS, consistency: 'linearizable', readFrom } as const;
      const row = await actor.database.first(READ, [key], options);
      const value = Number(row?.v ?? -1);
      this.#history.push({ ...span(actor, invokedAt, 'ok'), key, kind: 'read', value });
    } catch (error) {
      expectQuorateError(error);
    }
  }

  async #write(actor: Actor, key: number): Promise<void> {
    const invokedAt = actor.now();
    const value = ++this.#lastValue;
    let fate: Fate = 'ok';
    try {
      await actor.database.execute(WRITE, [value, key], { timeoutMs: CALL_MS });
    } catch (error) {
      fate = fateOf(error);
    }
    this.#history.push({ ...span(actor, invokedAt, fate), key, kind: 'write', value });
  }

  async #swap(actor: Actor, key: number): Promise<void> {
    const invokedAt = actor.now();
    const value = ++this.#lastValue;
    let expected: number | undefined;
    let fate: Fate = 'ok';
    let committing = false;
    try {
      const transaction = await actor.database.transaction('deferred', { timeoutMs: CALL_MS });
      try {
        expected = Number((await transaction.first(READ, [key]))?.v ?? -1);
        await transaction.execute(WRITE, [value, key]);
        committing = true;
        await transaction.commit();
      } finally {
        transaction.close();
      }
    } catch (error) {
      fate = fateOf(error, committing);
    }
    this.#history.push({ ...span(actor, invokedAt, fate), key, kind: 'swap', value, expected });
  }

  async check(database: Database, now: () => number): Promise<void> {
    const invokedAt = now();
    const rows = await database.query('SELECT id, v FROM register');
    const last = { client: -1, invokedAt, completedAt: now(), fate: 'ok', kind: 'read' } as const;
    const reads = rows.map((row) => ({ ...last, key: Number(row.id), value: Number(row.v) }));
    const finding = checkRegister([...this.#history, ...reads]);
    if (finding === 'undecided') this.undecided++;
    else refuse(this.name, finding);
  }
}
