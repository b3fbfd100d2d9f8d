import { QuorateError } from '../base/index.ts';
import { type Base, digestOf, inLine, type ManifestEntry, Program } from '../schema/index.ts';
import type { SqlStep, Step } from './steps.ts';

/** What a program declares. */
export interface MigrationsOptions {
  /** An independent line of migrations of the database. Default 'app'. */
  readonly namespace?: string | undefined;
  /** In order. Append only: what was applied anywhere is never edited, renamed or moved. */
  readonly entries: readonly Step[];
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

/** The migrations of one namespace, as a program knows them. */
export class Migrations {
  readonly namespace: string;
  readonly program: Program;
  readonly #options: MigrationsOptions;
  readonly #steps: ReadonlyMap<string, Step>;

  constructor(options: MigrationsOptions) {
    const { namespace = 'app', entries, servesFrom, base } = options;
    this.#options = options;
    this.namespace = namespace;
    const snapshot = base?.snapshot;
    const all = snapshot === undefined ? entries : [snapshot, ...entries];
    this.#steps = new Map(all.map((step) => [step.name, step]));
    this.program = new Program({
      namespace,
      entries: entries.map(entryOf),
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
