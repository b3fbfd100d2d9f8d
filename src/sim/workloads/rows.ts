import { randomBelow } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import { checkOutcomes } from '../checkers/index.ts';
import { Violation } from '../violation.ts';
import { expectQuorateError, fateOf, refuse } from './expected-errors.ts';
import type { History } from './told.ts';
import { type Actor, CALL_MS, type Workload } from './workload.ts';

/** Rows that are only ever inserted: each is stored in the end as its client was told, and seen by whoever reads later. */
export class Rows implements Workload {
  readonly name = 'rows';
  readonly tables = `
    CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, client INTEGER, v TEXT);
    CREATE INDEX IF NOT EXISTS t_by_client ON t (client);`;
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  get acknowledged(): number {
    return this.#history.count('ok');
  }

  step(actor: Actor): Promise<void> {
    const kind = actor.random.float();
    if (kind < 0.65) return this.#insert(actor);
    if (kind < 0.86) return this.#readRecent(actor);
    if (kind < 0.96) return this.#readOwn(actor);
    return this.#abandon(actor);
  }

  async #insert({ database, number, random }: Actor): Promise<void> {
    const id = this.#history.nextId();
    try {
      await database.execute(
        'INSERT INTO t VALUES (?, ?, ?)',
        [id, number, 'x'.repeat(randomBelow(random, 200))],
        { timeoutMs: CALL_MS },
      );
      this.#history.tell(id, 'ok');
    } catch (error) {
      this.#history.tell(id, fateOf(error));
    }
  }

  /** LIN: everything acknowledged before the read began is in it, whichever node answers. */
  async #readRecent({ database, random }: Actor): Promise<void> {
    const before = this.#history.recent();
    if (before.length === 0) return;
    const readFrom = random.float() < 0.5 ? 'leader' : 'any';
    try {
      const row = await database.first<{ n: number }>(
        `SELECT count(*) AS n FROM t WHERE id IN (${before.join()})`,
        [],
        { timeoutMs: CALL_MS, consistency: 'linearizable', readFrom },
      );
      this.#history.reads++;
      if (row?.n !== before.length) {
        throw new Violation('LIN', `${row?.n} of ${before.length} acknowledged rows are visible`);
      }
    } catch (error) {
      expectQuorateError(error);
    }
  }

  /** RYW: a session sees its own write on whatever node. */
  async #readOwn({ database, number }: Actor): Promise<void> {
    const id = this.#history.nextId();
    const session = database.session();
    try {
      await session.execute('INSERT INTO t VALUES (?, ?, NULL)', [id, number], {
        timeoutMs: CALL_MS,
      });
      this.#history.tell(id, 'ok');
    } catch (error) {
      this.#history.tell(id, fateOf(error));
      return;
    }
    try {
      const row = await session.first<{ n: number }>(
        'SELECT count(*) AS n FROM t WHERE id = ?',
        [id],
        { timeoutMs: CALL_MS, consistency: 'session', readFrom: 'any' },
      );
      this.#history.reads++;
      if (row?.n !== 1) throw new Violation('RYW', `a session does not see its own row ${id}`);
    } catch (error) {
      expectQuorateError(error);
    }
  }

  /** A transaction that is never committed leaves nothing, however it ends. */
  async #abandon(actor: Actor): Promise<void> {
    const id = this.#history.nextId();
    this.#history.tell(id, 'failed');
    try {
      const transaction = await actor.database.transaction('write', { timeoutMs: CALL_MS });
      try {
        await transaction.execute('INSERT INTO t VALUES (?, ?, NULL)', [id, actor.number]);
        await actor.pause();
        if (actor.random.float() < 0.5) await transaction.rollback();
      } finally {
        transaction.close();
      }
    } catch (error) {
      expectQuorateError(error);
    }
  }

  async check(database: Database): Promise<void> {
    const rows = await database.query<{ id: number }>('SELECT id FROM t WHERE id > 0');
    refuse(
      this.name,
      checkOutcomes(
        this.#history.told,
        rows.map(({ id }) => id),
      ),
    );
  }
}
