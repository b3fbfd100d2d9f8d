import { QuorateError } from '../base/index.ts';
import { digestOf, type ManifestEntry, Program } from '../schema/index.ts';
import type { Step } from './steps.ts';

/** What a program declares. */
export interface MigrationsOptions {
  /** An independent line of migrations of the database. Default 'app'. */
  readonly namespace?: string | undefined;
  /** In order. Append only: what was applied anywhere is never edited, renamed or moved. */
  readonly entries: readonly Step[];
  /** Name of the migration from which on the program can serve; default: all but contracts. */
  readonly servesFrom?: string | undefined;
}

/** The migrations of one namespace, as a program knows them. */
export class Migrations {
  readonly namespace: string;
  readonly program: Program;
  readonly #options: MigrationsOptions;
  readonly #steps: ReadonlyMap<string, Step>;

  constructor(options: MigrationsOptions) {
    const { namespace = 'app', entries, servesFrom } = options;
    this.#options = options;
    this.namespace = namespace;
    this.#steps = new Map(entries.map((step) => [step.name, step]));
    this.program = new Program({
      namespace,
      entries: entries.map(entryOf),
      ...(servesFrom === undefined ? {} : { servesFrom }),
    });
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

function entryOf(step: Step): ManifestEntry {
  const { name, after } = step;
  const kind = step.kind ?? 'breaking';
  if (step.step === 'batch' && kind !== 'data') {
    throw new QuorateError('BAD_MIGRATIONS', `${name} is a backfill: its kind is data`);
  }
  if (step.step !== 'batch' && kind === 'data') {
    throw new QuorateError('BAD_MIGRATIONS', `${name} is of kind data: use batchMigration`);
  }
  return { name, kind, checksum: checksumOf(step), ...(after === undefined ? {} : { after }) };
}

/** What a step does, in 64 digits. Line ends do not count: checkouts change them. */
export function checksumOf(step: Step): string {
  switch (step.step) {
    case 'sql':
      return digestOf(step.sql.replaceAll('\r\n', '\n'));
    case 'batch':
      return digestOf(JSON.stringify([step.table, step.key, step.run, step.verify ?? '']));
    case 'code':
      return digestOf(`code ${step.name} revision ${step.revision}`);
  }
}
