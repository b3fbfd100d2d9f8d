import { QuorateError, randomBelow } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import { checkRegister, type Fate, type RegisterOperation } from '../checkers/index.ts';
import { expectQuorateError, fateOf, refuse } from './expected-errors.ts';
import { type Actor, CALL_MS, span, type Workload } from './workload.ts';

const KEYS = 3;
const READ = 'SELECT v FROM register WHERE id = ?';
const WRITE = 'UPDATE register SET v = ? WHERE id = ?';
/** Two ways to replace only what is expected: one changes nothing otherwise, the other fails. */
const MATCH = 'UPDATE register SET v = ?1 WHERE id = ?2 AND v = ?3';
const INSIST =
  'UPDATE register SET v = CASE v WHEN ?3 THEN ?1 ELSE abs(-9223372036854775808) END WHERE id = ?2';
const REFUSED = 'integer overflow';
/** Some give up soon, so that what they began is not begun again elsewhere. */
const IMPATIENT_MS = 300;

/** Registers that are read, written and exchanged, from and on all nodes: each behaves as one place that does one thing at a time. */
export class Registers implements Workload {
  readonly name = 'registers';
  readonly tables = `
    CREATE TABLE IF NOT EXISTS register (id INTEGER PRIMARY KEY, v INTEGER);
    INSERT OR IGNORE INTO register VALUES ${Array.from({ length: KEYS }, (_, id) => `(${id}, 0)`).join()};`;
  readonly #history: RegisterOperation[] = [];
  #lastValue = 0;
  #reads = 0;
  /** What somebody was told last, by key. */
  readonly #newest: number[] = Array.from({ length: KEYS }, () => 0);
  /** Keys that no order was found for in time. */
  undecided = 0;

  get acknowledged(): number {
    return this.#history.filter(
      ({ fate, kind }) => fate === 'ok' && kind !== 'read' && kind !== 'refusal',
    ).length;
  }

  step(actor: Actor): Promise<void> {
    const kind = actor.random.float();
    const key = randomBelow(actor.random, KEYS);
    if (kind < 0.35) return this.#read(actor, key);
    if (kind < 0.6) return this.#write(actor, key);
    return kind < 0.7 ? this.#swap(actor, key) : this.#exchange(actor, key);
  }

  async #read(actor: Actor, key: number): Promise<void> {
    const invokedAt = actor.now();
    try {
      const readFrom = actor.random.float() < 0.3 ? 'leader' : 'any';
      const consistency = ++this.#reads % 4 === 0 ? 'lease' : 'linearizable';
      const options = { timeoutMs: CALL_MS, consistency, readFrom } as const;
      const row = await actor.database.first(READ, [key], options);
      const value = Number(row?.v ?? -1);
      this.#newest[key] = value;
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
      const timeoutMs = actor.random.float() < 0.3 ? IMPATIENT_MS : CALL_MS;
      await actor.database.execute(WRITE, [value, key], { timeoutMs });
      this.#newest[key] = value;
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

  /** In one statement. Whoever is refused looks at once whether that was right (M5). */
  async #exchange(actor: Actor, key: number): Promise<void> {
    const invokedAt = actor.now();
    const value = ++this.#lastValue;
    const expected = this.#newest[key];
    const sql = actor.random.float() < 0.5 ? MATCH : INSIST;
    let fate: Fate = 'ok';
    let refused = false;
    try {
      const options = { timeoutMs: CALL_MS };
      const result = await actor.database.execute(sql, [value, key, expected], options);
      refused = result.rowsAffected === 0;
    } catch (error) {
      refused = error instanceof QuorateError && error.message.includes(REFUSED);
      if (!refused) fate = fateOf(error);
    }
    const what = span(actor, invokedAt, fate);
    if (refused) {
      this.#history.push({ ...what, key, kind: 'refusal', value: expected });
      await this.#read(actor, key);
      return;
    }
    if (fate === 'ok') this.#newest[key] = value;
    this.#history.push({ ...what, key, kind: 'swap', value, expected });
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
