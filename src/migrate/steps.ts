import type { SchemaHook, Transaction } from '../client/index.ts';
import type { MigrationKind } from '../schema/index.ts';

/** A query that must return no row, or only 0; rows are shown in the message. */
export interface Check {
  readonly sql: string;
  readonly message?: string | undefined;
}

/** What all migrations may say. */
export interface StepOptions {
  /**
   * How code that does not know the migration lives with it. `breaking`, the default, is always safe: such code must be gone first. See
   * docs/migrations.md for `expand`, `data` and `contract`.
   */
  readonly kind?: MigrationKind | undefined;
  /** Of `contract`: names of migrations that come first; all before it in the list by default. Of `contract` and `breaking`: names of tasks (`nodeTask`). */
  readonly after?: readonly string[] | undefined;
  /** Tables that may lose rows; true = all. Otherwise a migration after which a table has fewer rows is rolled back. */
  readonly mayLoseRows?: readonly string[] | true | undefined;
  readonly checks?:
    | { readonly before?: readonly Check[]; readonly after?: readonly Check[] }
    | undefined;
  /** How long writers may wait for it, in ms. Default 10 000. */
  readonly stallMs?: number | undefined;
  /** Only of `contract`: not before so long after what comes before it was applied, in ms, unless an operator finalizes it. */
  readonly soakMs?: number | undefined;
  readonly hooks?: StepHooks | undefined;
  /** What another tool knows it by; `migrationsFromFolder` says so of what it reads. */
  readonly origin?: StepOrigin | undefined;
}

/** How another tool remembers a migration that it has applied. */
export interface StepOrigin {
  /** golang-migrate's, goose's and Flyway's, without leading zeros. */
  readonly version?: string | undefined;
  /** Drizzle's: when it was made, in ms. */
  readonly when?: number | undefined;
  /** SHA-256 of its file as it is, in 64 digits: Drizzle's and Prisma's checksum. */
  readonly fileDigest?: string | undefined;
  /** The same of its text with either kind of line ends. */
  readonly lineEndDigests?: readonly string[] | undefined;
  /** CRC-32 of the lines of its file, as a signed number. */
  readonly flywayChecksum?: number | undefined;
}

/** Functions around one migration, outside of its transaction (see `SchemaHooks`). */
export interface StepHooks {
  /** Before this program's first attempt; while it fails, this program does not begin. */
  readonly before?: SchemaHook | undefined;
  /** Once for the whole cluster when it is applied, recorded; by another program if the one that applied it fails or dies. */
  readonly after?: SchemaHook | undefined;
}

interface Common extends StepOptions {
  readonly name: string;
}

/** Statements as a text, run by the leader in one transaction. */
export interface SqlStep extends Common {
  readonly step: 'sql';
  readonly sql: string;
}

/** Ranges of keys one after another, each in its own transaction, with a cursor that survives everything. */
export interface BatchStep extends Common {
  readonly step: 'batch';
  readonly table: string;
  /** A unique column, best the primary key; not NULL and not the empty text. */
  readonly key: string;
  /** Rows of one range. */
  readonly rows: number;
  /** One statement with :after and :upto, the ends of the range (the first excluded, the second included). */
  readonly run: string;
  /** Must return 0 when all is done; else the table is gone through again. */
  readonly verify?: string | undefined;
  /** Time between two batches, in ms. Default: as long as the last batch took. */
  readonly pauseMs?: number | undefined;
}

/** A function in one transaction; its statements travel to the leader one by one. */
export interface CodeStep extends Common {
  readonly step: 'code';
  /** Counts changes of the function: its text is no part of the checksum, since bundlers change it. */
  readonly revision: number;
  /** SHA-256 of the file that it came from, in 64 digits: counts instead of `revision`. */
  readonly source?: string | undefined;
  /** It can be declared and compared, and not run: nobody gave the `handle` that its `up` is called with. */
  readonly withoutHandle?: boolean | undefined;
  /** It is rolled back when no statement arrives for so long, in ms. Default 5 000. */
  readonly idleMs?: number | undefined;
  readonly run: (transaction: Transaction) => Promise<void>;
}

export type Step = SqlStep | BatchStep | CodeStep;

type Without<T, K extends keyof T> = Omit<T, K | 'step' | 'name'>;

/**
 * A migration of SQL statements.
 * @example sqlMigration('0002_name', 'alter table user add column name text', { kind: 'expand' })
 */
export function sqlMigration(name: string, sql: string, options: StepOptions = {}): SqlStep {
  return { step: 'sql', name, sql, ...options };
}

/**
 * A backfill.
 * @example
 * batchMigration('0003_fill', { table: 'user', key: 'id', rows: 1000,
 *   run: 'update user set name = full_name where id > :after and id <= :upto and name is null',
 *   verify: 'select count(*) from user where name is null' })
 */
export function batchMigration(name: string, options: Without<BatchStep, never>): BatchStep {
  return { step: 'batch', kind: 'data', ...options, name };
}

/**
 * A migration in code.
 * @example codeMigration('0004_hash', { revision: 1, run: async (tx) => { await tx.execute('…'); } })
 */
export function codeMigration(name: string, options: Without<CodeStep, never>): CodeStep {
  return { step: 'code', ...options, name };
}
