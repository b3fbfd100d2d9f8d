import type { Database } from '../../client/index.ts';
import { checkSet, type Fate, type SetAdd, type SetRead } from '../checkers/index.ts';
import { refuse } from './expected-errors.ts';
import { type Actor, CALL_MS, type PlainSession, span, type Workload } from './workload.ts';

/** All values in one row of one text, which is read without knowing the types of dqlite's tuples. */
const READ = "SELECT 'set:' || coalesce(group_concat(v), '') || ';' FROM foreigner";
const SHOWN = /set:([\d,]*);/;

/** Foreign clients, which know nothing but plain dqlite: one node each until it fails, a set that grows and is read as a whole. */
export class Foreign implements Workload {
  readonly name = 'foreign';
  readonly tables = 'CREATE TABLE IF NOT EXISTS foreigner (v INTEGER);';
  readonly #history: (SetAdd | SetRead)[] = [];
  readonly #sessions = new Map<number, PlainSession>();
  #lastValue = 0;
  acknowledged = 0;

  async step(actor: Actor): Promise<void> {
    const session = this.#sessions.get(actor.number) ?? (await actor.plainSession?.());
    if (session === undefined) return;
    this.#sessions.set(actor.number, session);
    const works =
      actor.random.float() < 0.7
        ? await this.#add(actor, session)
        : await this.#read(actor, session);
    if (works) return;
    session.close();
    this.#sessions.delete(actor.number);
  }

  /** Whether the session may be used any more. */
  async #add(actor: Actor, session: PlainSession): Promise<boolean> {
    const invokedAt = actor.now();
    const value = ++this.#lastValue;
    const fate: Fate = await session.execute(`INSERT INTO foreigner VALUES (${value})`, CALL_MS);
    if (fate === 'ok') this.acknowledged++;
    this.#history.push({ ...span(actor, invokedAt, fate), kind: 'add', value });
    return fate === 'ok';
  }

  async #read(actor: Actor, session: PlainSession): Promise<boolean> {
    const invokedAt = actor.now();
    const shown = SHOWN.exec((await session.query(READ, CALL_MS)) ?? '')?.[1];
    if (shown === undefined) return false;
    const values = shown === '' ? [] : shown.split(',').map(Number);
    this.#history.push({ ...span(actor, invokedAt, 'ok'), kind: 'read', values });
    return true;
  }

  async check(database: Database, now: () => number): Promise<void> {
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
    const invokedAt = now();
    const rows = await database.query<{ v: number }>('SELECT v FROM foreigner');
    const values = rows.map(({ v }) => v);
    const last = { client: -1, invokedAt, completedAt: now(), fate: 'ok', kind: 'read' } as const;
    refuse(this.name, checkSet([...this.#history, { ...last, values }]));
  }
}
