import { type Random, randomBelow, SeededRandom } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import { Bank } from './bank.ts';
import { Claims } from './claims.ts';
import { Counter } from './counter.ts';
import { Elements } from './elements.ts';
import { Foreign } from './foreign.ts';
import { Lists } from './lists.ts';
import { Registers } from './registers.ts';
import { Rows } from './rows.ts';
import { SchemaUpgrades } from './schema-upgrades.ts';
import { Schemas } from './schemas.ts';
import { Sizes } from './sizes.ts';
import { History } from './told.ts';
import { Versions } from './versions.ts';
import type { Actor, Workload } from './workload.ts';

/** All workloads at once; how much of each is drawn beforehand. */
export class Mix {
  readonly history = new History();
  readonly workloads: readonly Workload[];
  readonly #weights: readonly number[];
  readonly #total: number;

  /** `drift`: so much slower than true time may clocks of servers run. `only`: workloads that share all the time equally. */
  constructor(random: Random, drift: number, only?: readonly string[]) {
    const weighted: readonly (readonly [Workload, readonly number[]])[] = [
      [new Rows(this.history), [0.3, 0.5, 0.7]],
      [new Counter(), [0, 0.1]],
      [new Bank(), [0, 0.2]],
      [new Lists(), [0, 0.2, 0.4]],
      [new Registers(), [0, 0.2, 0.4]],
      [new Versions(drift), [0, 0.2]],
      [new Claims(), [0, 0.1]],
      [new Schemas(), [0, 0.05]],
      [new Sizes(), [0, 0.02]],
      [new Elements(), [0, 0, 0.2]],
      [new Foreign(), [0, 0, 0.2]],
      // Never beside others, which know nothing of migrations and policies: profile `migrations`.
      [new SchemaUpgrades(), [0]],
    ];
    this.workloads = weighted.map(([workload]) => workload);
    this.#weights = weighted.map(([{ name }, choices]) => {
      const weight = choices[randomBelow(random, choices.length)];
      return only === undefined ? weight : Number(only.includes(name));
    });
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0);
  }

  /** Writes of all workloads that clients were told are committed. */
  get acknowledged(): number {
    return this.workloads.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** Histories without a verdict. */
  get undecided(): number {
    return this.workloads.reduce((sum, { undecided = 0 }) => sum + undecided, 0);
  }

  /** One operation of one workload. `choice`: the same number below 1 chooses the same workload. */
  step(actor: Actor, choice = actor.random.float()): Promise<void> {
    let draw = choice * this.#total;
    const chosen = this.#weights.findIndex((weight) => {
      draw -= weight;
      return draw < 0;
    });
    return this.workloads[Math.max(0, chosen)].step(actor);
  }

  /** Undoes what would keep clients from the database. */
  async heal(database: Database): Promise<void> {
    for (const workload of this.workloads) await workload.heal?.(database);
  }

  /** Judges all histories. */
  async check(database: Database, now: () => number): Promise<void> {
    for (const workload of this.workloads) await workload.check(database, now);
  }
}

/** Of all workloads. */
export const WORKLOAD_NAMES: readonly string[] = new Mix(new SeededRandom(0), 0).workloads.map(
  ({ name }) => name,
);

/** The tables of all workloads. May be repeated. */
export async function createTables(
  database: Database,
  workloads: readonly Workload[],
): Promise<void> {
  await database.executeMultiple(workloads.map(({ tables }) => tables).join('\n'));
}
