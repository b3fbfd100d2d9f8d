import { QuorateError } from '../base/index.ts';
import {
  type Base,
  backfillChecksum,
  digestOf,
  inLine,
  type ManifestEntry,
  Program,
  sqlChecksum,
} from '../schema/index.ts';
import type { NodeTask } from './node-task.ts';
import type { SqlStep, Step } from './steps.ts';

/** What a program declares. */
export interface MigrationsOptions {
  /** An independent line of migrations of the database. Default 'app'. */
  readonly namespace?: string | undefined;
  /** In order. Append only: what was applied anywhere is never edited, renamed or moved. */
  readonly entries: readonly (Step | NodeTask)[];
  /** Name of the migration from which on the program can serve; default: all but contracts. */
  readonly servesFrom?: string | undefined;
  /** Where the list begins, when older migrations were taken out of it (`Migrations.baseAt`). */
  readonly base?: SquashedHistory | undefined;
}

/**
 * Migrations that a build no longer carries. A database that has them goes on; an older one is refused with SCHEMA_EPOCH_GAP, until a release in between
 * has brought it there.
 */
export interface SquashedHistory extends Omit<Base, 'snapshot'> {
  /** Makes an empty database what those migrations would have made it. */
  readonly snapshot?: SqlStep | undefined;
}

/** A task, and where it stands. */
export interface PlacedTask {
  readonly task: NodeTask;
  /** Migrations before it in the list; it waits for them. */
  readonly after: readonly string[];
}

/** The migrations of one namespace, as a program knows them. */
export class Migrations {
  readonly namespace: string;
  readonly program: Program;
  readonly #options: MigrationsOptions;
  readonly #steps: ReadonlyMap<string, Step>;
  readonly tasks: readonly PlacedTask[];

  constructor(options: MigrationsOptions) {
    const { namespace = 'app', servesFrom, base } = options;
    this.#options = options;
    this.namespace = namespace;
    const entries = options.entries.filter((entry) => entry.step !== 'task');
    this.tasks = placed(options.entries);
    const tasks = new Map(this.tasks.map(({ task }) => [task.name, task]));
    for (const { name } of entries) if (tasks.has(name)) throw twice(name);
    if (tasks.size < this.tasks.length) throw twice('one of its tasks');
    const snapshot = base?.snapshot;
    const all = snapshot === undefined ? entries : [snapshot, ...entries];
    this.#steps = new Map(all.map((step) => [step.name, step]));
    this.program = new Program({
      namespace,
      entries: entries.map((step) => entryOf(step, tasks)),
      ...(servesFrom === undefined ? {} : { servesFrom }),
      ...(base === undefined
        ? {}
        : {
            base: {
              ...base,
              snapshot: snapshot && { name: snapshot.name, checksum: checksumOf(snapshot) },
            },
          }),
    });
  }

  /**
   * What a build must say in `base` that no longer carries this migration and all before it in the list. Throws QuorateError BAD_MIGRATIONS.
   * `release`: the release that still carries them, which refused builds are told to deploy first.
   * @example console.log(JSON.stringify(migrations.baseAt('0040_orders', '2.7.0')));
   */
  baseAt(name: string, release?: string): Omit<Base, 'snapshot'> {
    const { program } = this;
    const { entries, base } = program.manifest;
    const last = entries.findIndex((entry) => entry.name === name);
    const squashed = entries.slice(0, last + 1);
    const version = program.base + squashed.filter(inLine).length;
    const chain = program.chain(version);
    if (last < 0 || version === 0 || chain === undefined) {
      throw new QuorateError('BAD_MIGRATIONS', `no history ends with ${name}`);
    }
    const contracts = squashed.filter((entry) => !inLine(entry)).map((e) => [e.name, e.checksum]);
    return {
      ...{ version, chain },
      contracts: { ...base?.contracts, ...Object.fromEntries(contracts) },
      ...(release === undefined ? {} : { release }),
    };
  }

  step(name: string): Step | undefined {
    return this.#steps.get(name);
  }

  /** The same migrations, of which this program applies only those with these names; what it declares stays the whole list. */
  applyingOnly(names: ReadonlySet<string>): Migrations {
    return new LimitedMigrations(this.#options, names);
  }
}

class LimitedMigrations extends Migrations {
  readonly #names: ReadonlySet<string>;

  constructor(options: MigrationsOptions, names: ReadonlySet<string>) {
    super(options);
    this.#names = names;
  }

  override step(name: string): Step | undefined {
    return this.#names.has(name) ? super.step(name) : undefined;
  }
}

/**
 * Declares the migrations of a program. Throws QuorateError BAD_MIGRATIONS.
 * @example
 * export const migrations = defineMigrations({ entries: [
 *   sqlMigration('0001_user', 'create table user (id integer primary key, name text)', { kind: 'expand' }),
 * ] });
 */
export function defineMigrations(options: MigrationsOptions): Migrations {
  return new Migrations(options);
}

function placed(entries: MigrationsOptions['entries']): PlacedTask[] {
  const after: string[] = [];
  const tasks: PlacedTask[] = [];
  for (const entry of entries) {
    if (entry.step === 'task') tasks.push({ task: entry, after: [...after] });
    else if (entry.kind !== 'contract') after.push(entry.name);
  }
  return tasks;
}

function twice(name: string): QuorateError {
  return new QuorateError('BAD_MIGRATIONS', `the name of ${name} is given to a task as well`);
}

function entryOf(step: Step, tasks: ReadonlyMap<string, NodeTask>): ManifestEntry {
  const { name } = step;
  const needed = (step.after ?? []).flatMap((other) => tasks.get(other) ?? []);
  const others = (step.after ?? []).filter((other) => !tasks.has(other));
  // Who names tasks only says nothing about migrations.
  const after = needed.length > 0 && others.length === 0 ? undefined : step.after && others;
  const waitsFor = needed.map(({ name: task, once }) => ({ name: task, once }));
  const kind = step.kind ?? 'breaking';
  if (step.step === 'batch' && kind !== 'data') {
    throw new QuorateError('BAD_MIGRATIONS', `${name} is a backfill: its kind is data`);
  }
  if (step.step !== 'batch' && kind === 'data') {
    throw new QuorateError('BAD_MIGRATIONS', `${name} is of kind data: use batchMigration`);
  }
  if (step.soakMs !== undefined && kind !== 'contract') {
    throw new QuorateError('BAD_MIGRATIONS', `${name} has soakMs and is no contract`);
  }
  return {
    ...{ name, kind, checksum: checksumOf(step) },
    ...(after === undefined ? {} : { after }),
    ...(waitsFor.length === 0 ? {} : { tasks: waitsFor }),
  };
}

/** What a step does, in 64 digits. The leader makes the same of what it is sent. */
export function checksumOf(step: Step): string {
  switch (step.step) {
    case 'sql':
      return sqlChecksum(step.sql);
    case 'batch':
      return backfillChecksum({ ...step, step: step.run });
    case 'code':
      return digestOf(
        step.source === undefined
          ? `code ${step.name} revision ${step.revision}`
          : `code ${step.name} source ${step.source}`,
      );
  }
}
