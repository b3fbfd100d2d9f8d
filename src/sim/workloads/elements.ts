import type { Database } from '../../client/index.ts';
import { checkSet, type Fate, type SetAdd, type SetRead } from '../checkers/index.ts';
import { expectQuorateError, fateOf, refuse } from './expected-errors.ts';
import { type Actor, CALL_MS, span, type Workload } from './workload.ts';

const ADD = 'INSERT INTO element VALUES (?)';
const READ = 'SELECT v FROM element';

/** A set that only grows, read as a whole from any node: what one read has shown, and what was acknowledged, all later ones show. */
export class Elements implements Workload {
  readonly name = 'elements';
  readonly tables = 'CREATE TABLE IF NOT EXISTS element (v INTEGER);';
  readonly #history: (SetAdd | SetRead)[] = [];
  #lastValue = 0;
  acknowledged = 0;

  step(actor: Actor): Promise<void> {
    return actor.random.float() < 0.75 ? this.#add(actor) : this.#read(actor);
  }

  async #add(actor: Actor): Promise<void> {
    const invokedAt = actor.now();
    const value = ++this.#lastValue;
    let fate: Fate = 'ok';
    try {
      await actor.database.execute(ADD, [value], { timeoutMs: CALL_MS });
    } catch (error) {
      fate = fateOf(error);
    }
    if (fate === 'ok') this.acknowledged++;
    this.#history.push({ ...span(actor, invokedAt, fate), kind: 'add', value });
  }

  async #read(actor: Actor): Promise<void> {
    const invokedAt = actor.now();
    try {
      const options = { timeoutMs: CALL_MS, consistency: 'linearizable', readFrom: 'any' } as const;
      const rows = await actor.database.query<{ v: number }>(READ, [], options);
      const values = rows.map(({ v }) => v);
      this.#history.push({ ...span(actor, invokedAt, 'ok'), kind: 'read', values });
    } catch (error) {
      expectQuorateError(error);
    }
  }

  async check(database: Database, now: () => number): Promise<void> {
    const invokedAt = now();
    const rows = await database.query<{ v: number }>(READ);
    const values = rows.map(({ v }) => v);
    const last = { client: -1, invokedAt, completedAt: now(), fate: 'ok', kind: 'read' } as const;
    refuse(this.name, checkSet([...this.#history, { ...last, values }]));
  }
}
