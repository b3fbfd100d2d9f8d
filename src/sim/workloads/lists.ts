import { randomBelow } from '../../base/index.ts';
import type { Database, Row, Transaction } from '../../client/index.ts';
import { checkListAppend, type Fate, type ListTransaction, type Step } from '../checkers/index.ts';
import { fateOf, refuse } from './expected-errors.ts';
import { type Actor, CALL_MS, span, type Workload } from './workload.ts';

const KEYS = 4;
/** A list that has had so many values gets no more; another key takes its place. */
const LONGEST = 24;
const READ = 'SELECT v FROM list WHERE id = ?';
const APPEND = 'INSERT INTO list VALUES (?, ?) ON CONFLICT DO UPDATE SET v = v || excluded.v';

type Planned = { readonly kind: 'read' | 'append'; readonly key: number; readonly value: number };

/** Transactions that append unique values to lists and read them, on few keys: strictly serialisable, as the lists tell. */
export class Lists implements Workload {
  readonly name = 'lists';
  readonly tables = 'CREATE TABLE IF NOT EXISTS list (id INTEGER PRIMARY KEY, v TEXT);';
  readonly #history: ListTransaction[] = [];
  readonly #slots = Array.from({ length: KEYS }, (_, key) => ({ key, values: 0 }));
  #lastKey = KEYS - 1;

  get acknowledged(): number {
    return this.#history.filter(({ fate, steps }) => {
      return fate === 'ok' && steps.some(({ kind }) => kind === 'append');
    }).length;
  }

  async step(actor: Actor): Promise<void> {
    const draw = actor.random.float();
    if (draw < 0.35) await this.#batch(actor, this.#plan(actor, 0.6), 'write');
    else if (draw < 0.6) await this.#batch(actor, this.#plan(actor, 0), 'read');
    else await this.#interactive(actor, this.#plan(actor, 0.5));
  }

  #plan({ random }: Actor, appends: number): Planned[] {
    return Array.from({ length: 1 + randomBelow(random, 4) }, (): Planned => {
      const slot = this.#slots[randomBelow(random, KEYS)];
      if (random.float() >= appends) return { kind: 'read', key: slot.key, value: 0 };
      if (slot.values === LONGEST) {
        slot.key = ++this.#lastKey;
        slot.values = 0;
      }
      return { kind: 'append', key: slot.key, value: ++slot.values };
    });
  }

  async #batch(actor: Actor, plan: readonly Planned[], mode: 'write' | 'read'): Promise<void> {
    const invokedAt = actor.now();
    const statements = plan.map(statement);
    const readFrom = mode === 'read' && actor.random.float() < 0.7 ? 'any' : undefined;
    try {
      const results = await actor.database.batch(statements, mode, {
        timeoutMs: CALL_MS,
        readFrom,
      });
      const steps = plan.map((step, i) => answered(step, results[i].rows[0]));
      this.#history.push({ ...span(actor, invokedAt, 'ok'), steps });
    } catch (error) {
      const steps = plan.filter(({ kind }) => kind === 'append').map((step) => answered(step));
      this.#history.push({ ...span(actor, invokedAt, fateOf(error)), steps });
    }
  }

  async #interactive(actor: Actor, plan: readonly Planned[]): Promise<void> {
    const invokedAt = actor.now();
    const steps: Step[] = [];
    let fate: Fate = 'failed';
    let committing = false;
    try {
      const mode = actor.random.float() < 0.5 ? 'write' : 'deferred';
      const transaction = await actor.database.transaction(mode, { timeoutMs: CALL_MS });
      try {
        for (const step of plan) {
          steps.push(await run(transaction, step));
          if (actor.random.float() < 0.1) await actor.pause();
        }
        committing = true;
        await transaction.commit();
        fate = 'ok';
      } finally {
        transaction.close();
      }
    } catch (error) {
      fate = fateOf(error, committing);
    }
    this.#history.push({ ...span(actor, invokedAt, fate), steps });
  }

  async check(database: Database, now: () => number): Promise<void> {
    const invokedAt = now();
    const rows = await database.query('SELECT id, v FROM list');
    const steps = rows.map((row): Step => {
      return { kind: 'read', key: Number(row.id), values: valuesOf(row) };
    });
    const last = { client: -1, invokedAt, completedAt: now(), fate: 'ok', steps } as const;
    refuse(this.name, checkListAppend([...this.#history, last]));
  }
}

async function run(transaction: Transaction, step: Planned): Promise<Step> {
  const [sql, args] = statement(step);
  return answered(step, await transaction.first(sql, args));
}

function statement({ kind, key, value }: Planned): [sql: string, args: (number | string)[]] {
  return kind === 'read' ? [READ, [key]] : [APPEND, [key, `${value},`]];
}

function answered({ kind, key, value }: Planned, row?: Row): Step {
  return kind === 'read' ? { kind, key, values: valuesOf(row) } : { kind, key, value };
}

/** '3,5,' are 3 and 5. */
function valuesOf(row: Row | undefined): number[] {
  return String(row?.v ?? '')
    .split(',')
    .slice(0, -1)
    .map(Number);
}
