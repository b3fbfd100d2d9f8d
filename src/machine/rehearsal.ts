import { type Clock, LIMITS, PAGE_SIZE_BYTES, QuorateError } from '../base/index.ts';
import { type Connection, type Engine, Overlay } from '../engine/index.ts';
import type { PageSource } from '../pages/index.ts';
import {
  inLine,
  type ManifestEntry,
  type MigrationRehearsal,
  mayNotRegister,
  type Program,
  pending,
  type RehearsalReport,
  type RehearsalRequest,
  type RehearsalStep,
  type RowChange,
} from '../schema/index.ts';
import { failureOf, RAW_CODE } from './failure.ts';
import type { SqlFailure } from './messages.ts';
import { schemaDifference, schemaShape } from './rehearsal-difference.ts';
import { runBackfill } from './schema-batch.ts';
import { schemaFingerprint } from './schema-fingerprint.ts';
import { countRows, userTables } from './schema-row-counts.ts';
import { type SchemaScript, schemaScript } from './schema-script.ts';
import { SchemaSql } from './schema-sql.ts';
import { SchemaStore } from './schema-store.ts';
import { SchemaTransaction } from './schema-transaction.ts';

/** What replication is taken to carry, in bytes per millisecond (20 MB/s): the report says so. */
const BYTES_PER_MS = 20_000;
/** A backfill defines nothing. */
const NO_SCRIPT = { definesSchema: false, renames: new Map<string, string>() };

/** What a rehearsal needs of the thread that runs it. */
export interface RehearsalPlatform {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Asked about every thousand operations: true ends the statement. */
  readonly interrupted: () => boolean;
}

type Order = 'early' | 'late';

interface Outcome {
  readonly migrations: readonly MigrationRehearsal[];
  readonly version: number;
  readonly index: number;
  /** What everything amounts to, as lines that can be compared. */
  readonly sum: readonly string[];
}

/**
 * Tries all pending migrations on a copy of a committed version, by the same code that runs them, and says what became of each. Yields between two of
 * them, and between two batches: others may have the thread. Nothing but the copy is written, which ends with the generator.
 * Throws QuorateError: what keeps the program from registering, REHEARSAL_TOO_LARGE, SNAPSHOT_TOO_OLD, and whatever ends the request.
 */
export function* rehearse(
  platform: RehearsalPlatform,
  source: PageSource,
  request: RehearsalRequest,
): Generator<undefined, RehearsalReport> {
  const early = yield* rehearseIn(platform, source, request, 'early');
  const floats = canFloat(request.program, early.migrations);
  const late = floats ? yield* rehearseIn(platform, source, request, 'late') : undefined;
  return {
    ...{ index: early.index, namespace: request.program.manifest.namespace },
    ...{ version: early.version, migrations: early.migrations, bytesPerMs: BYTES_PER_MS },
    late: late === undefined ? undefined : differences(early, late),
  };
}

function* rehearseIn(
  platform: RehearsalPlatform,
  source: PageSource,
  request: RehearsalRequest,
  order: Order,
): Generator<undefined, Outcome> {
  const overlay = new Overlay(source);
  let run: OrderedRehearsal | undefined;
  try {
    run = new OrderedRehearsal(platform, overlay, request);
    return yield* run.all(order);
  } finally {
    run?.close();
    overlay.close();
  }
}

/** One pass over all that is pending, on an overlay of its own. */
class OrderedRehearsal {
  readonly #clock: Clock;
  readonly #overlay: Overlay;
  readonly #program: Program;
  readonly #steps: ReadonlyMap<string, RehearsalStep>;
  readonly #connection: Connection;
  readonly #sql: SchemaSql;
  readonly #store: SchemaStore;
  /** Pages of the last commit. */
  #written = 0;

  constructor(
    { engine, clock, interrupted }: RehearsalPlatform,
    overlay: Overlay,
    request: RehearsalRequest,
  ) {
    this.#clock = clock;
    this.#overlay = overlay;
    this.#program = request.program;
    this.#steps = new Map(request.steps.map((step) => [step.name, step]));
    this.#connection = engine.open(overlay.store, {
      hooks: {
        progress: interrupted,
        beforeCommit: () => {
          this.#written = overlay.store.writeSet.count;
          return 0;
        },
        committed: () => overlay.committed(),
      },
    });
    this.#connection.pinPolicy = 'head';
    this.#sql = new SchemaSql(this.#connection);
    this.#store = new SchemaStore(this.#sql, request.program.manifest.namespace);
  }

  close(): void {
    this.#connection.close();
  }

  *all(order: Order): Generator<undefined, Outcome> {
    const { index } = this.#overlay;
    this.#transaction(() => SchemaStore.create(this.#sql));
    const state = this.#store.state();
    const unfit = mayNotRegister(this.#program, state, this.#store);
    if (unfit !== undefined) throw new QuorateError(unfit.code, unfit.message);
    const migrations: MigrationRehearsal[] = [];
    let rows = this.#rows();
    const tried = new Set<string>();
    for (let next = this.#next(order, tried); next !== undefined; ) {
      yield;
      tried.add(next.name);
      const result = yield* this.#migration(next, rows);
      migrations.push(result);
      // Nothing of the line waits for a contract.
      if (result.outcome !== 'applied' && inLine(next)) break;
      rows = this.#rows();
      next = this.#next(order, tried);
    }
    migrations.push(...this.#skipped(migrations));
    const sum = [...schemaShape(this.#sql).objects.values()].map(({ meaning }) => meaning);
    for (const [table, count] of rows) sum.push(`${table}: ${count} rows`);
    for (const { name, outcome, code } of migrations) {
      if (outcome === 'failed') sum.push(`${name} fails with ${code}`);
    }
    return { migrations, version: state.version, index, sum };
  }

  #next(order: Order, tried: ReadonlySet<string>): ManifestEntry | undefined {
    const due = pending(this.#program, this.#store.state()).filter(({ name }) => !tried.has(name));
    return order === 'early' ? due[0] : (due.find(inLine) ?? due[0]);
  }

  /** What stands behind a migration that did not come to its end. */
  #skipped(tried: readonly MigrationRehearsal[]): MigrationRehearsal[] {
    const last = tried.findLast(({ outcome }) => outcome !== 'applied');
    if (last === undefined) return [];
    const { contracts, version } = this.#store.state();
    const names = new Set(tried.map(({ name }) => name));
    return this.#program.manifest.entries
      .filter(({ name }) => !names.has(name) && !Object.hasOwn(contracts, name))
      .filter(({ name }) => (this.#program.ordinal(name) ?? Number.POSITIVE_INFINITY) > version)
      .map((entry) => skipped(entry, `${last.name} comes before it`));
  }

  *#migration(
    entry: ManifestEntry,
    before: ReadonlyMap<string, number>,
  ): Generator<undefined, MigrationRehearsal> {
    const step = this.#steps.get(entry.name);
    if (step === undefined) {
      return skipped(entry, 'it is code, which runs in the program: try it on a restored copy');
    }
    const shape = schemaShape(this.#sql);
    const violationsBefore = this.#violations();
    const result = { statements: 0, pages: 0, entryPages: 0, batches: 0, changedRows: 0 };
    const longest = { ms: 0, pages: 0 };
    const started = this.#clock.now();
    let failed: SqlFailure | undefined;
    try {
      for (let over = false; !over; ) {
        const begun = this.#clock.now();
        over =
          typeof step.work === 'string'
            ? this.#text(entry, step, step.work, result)
            : this.#batch(entry, step, result);
        longest.ms = Math.max(longest.ms, this.#clock.now() - begun);
        longest.pages = Math.max(longest.pages, this.#written);
        result.entryPages += this.#written;
        if (!over) yield;
      }
    } catch (error) {
      failed = this.#failure(error);
    }
    this.#connection.execute('PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF');
    const stallMs = Math.ceil(longest.ms + (longest.pages * PAGE_SIZE_BYTES) / BYTES_PER_MS);
    return {
      ...{
        name: entry.name,
        kind: entry.kind,
        outcome: failed === undefined ? 'applied' : 'failed',
      },
      ...{ code: failed?.code ?? '', message: failed?.message ?? '' },
      ...{ ms: this.#clock.now() - started, ...result },
      ...{ entryBytes: result.entryPages * PAGE_SIZE_BYTES, stallMs },
      stallLimitMs: step.options.stallMs || LIMITS.schemaStallMs,
      ...{
        rows: rowChanges(before, this.#rows()),
        violationsBefore,
        violationsAfter: this.#violations(),
      },
      ...{
        fingerprint: schemaFingerprint(this.#sql),
        changes: schemaDifference(shape, schemaShape(this.#sql)),
      },
    };
  }

  /** As the leader runs a text (schema-desk.ts). */
  #text(entry: ManifestEntry, step: RehearsalStep, text: string, result: Counts): true {
    const script = schemaScript(text);
    this.#transaction(() => this.#store.attempt(entry.name));
    if (script.foreignKeysOff) this.#connection.execute('PRAGMA foreign_keys = OFF');
    if (script.legacyAlterTable) this.#connection.execute('PRAGMA legacy_alter_table = ON');
    this.#transaction(() => {
      const transaction = this.#begin(entry, step, script);
      transaction.run(script);
      result.statements = script.statements.length;
      result.pages = transaction.finish(script, result.statements, this.#clock.wallMs()).pages;
    });
    return true;
  }

  /** One batch; true when it was the last. */
  #batch(entry: ManifestEntry, step: RehearsalStep, result: Counts): boolean {
    const { work, options } = step;
    if (typeof work === 'string') return true;
    return this.#transaction(() => {
      const batch = runBackfill(this.#store, entry.name, work, options.mayLoseRows);
      result.changedRows += batch.rows;
      if (!batch.complete) {
        result.batches++;
        return false;
      }
      const transaction = this.#begin(entry, step, undefined);
      result.pages = transaction.finish(NO_SCRIPT, 0, this.#clock.wallMs()).pages;
      return true;
    });
  }

  #begin(entry: ManifestEntry, { options }: RehearsalStep, script: SchemaScript | undefined) {
    const { digest, manifest } = this.#program;
    const claim = {
      ...{ namespace: manifest.namespace, name: entry.name, manifest: digest },
      ...{ run: 'rehearsal', by: 'rehearsal', release: '' },
    };
    const startedMs = this.#clock.wallMs();
    return new SchemaTransaction(
      this.#store,
      claim,
      this.#program,
      entry,
      options,
      startedMs,
      script,
    );
  }

  #transaction<T>(run: () => T): T {
    const connection = this.#connection;
    this.#written = 0;
    connection.privileged = true;
    connection.execute('BEGIN IMMEDIATE');
    try {
      const result = run();
      connection.execute('COMMIT');
      return result;
    } finally {
      if (!connection.autocommit) connection.execute('ROLLBACK');
    }
  }

  /** What the migration failed with; what ends the whole rehearsal is thrown. */
  #failure(error: unknown): SqlFailure {
    if (this.#overlay.exhausted) {
      throw new QuorateError(
        'REHEARSAL_TOO_LARGE',
        `the migrations change more than ${LIMITS.rehearsalBytes} bytes, which is all that a rehearsal may use: try them on a restored copy`,
      );
    }
    const reason = failureOf(error);
    if (reason.rawCode === RAW_CODE.interrupt || reason.retryable) throw error;
    if (!this.#connection.tooLarge) return reason;
    return {
      ...reason,
      code: 'MIGRATION_TOO_LARGE',
      message: 'it changes more than one entry of the log may hold: do it in batches',
    };
  }

  #rows(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { name, virtual } of userTables(this.#sql)) {
      const count = countRows(this.#sql, name, virtual);
      if (count !== undefined) counts.set(name, count);
    }
    return counts;
  }

  /** 0 where a foreign key refers to what cannot be referred to: then the schema is at fault, and SQLite says so when it is used. */
  #violations(): number {
    try {
      return this.#sql.count('select count(*) from pragma_foreign_key_check');
    } catch (error) {
      if (failureOf(error).rawCode === RAW_CODE.error) return 0;
      throw error;
    }
  }
}

interface Counts {
  statements: number;
  pages: number;
  batches: number;
  changedRows: number;
}

function skipped({ name, kind }: ManifestEntry, message: string): MigrationRehearsal {
  return {
    ...{ name, kind, outcome: 'skipped', code: '', message, ms: 0, statements: 0, pages: 0 },
    ...{ entryPages: 0, entryBytes: 0, stallMs: 0, stallLimitMs: 0, rows: [] },
    ...{ violationsBefore: 0, violationsAfter: 0, fingerprint: '', changes: [] },
    ...{ batches: 0, changedRows: 0 },
  };
}

function rowChanges(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): RowChange[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((table) => ({ table, before: before.get(table) ?? null, after: after.get(table) ?? null }))
    .filter((change) => change.before !== change.after);
}

/** Whether a contract was tried that could also come after something else. */
function canFloat({ manifest }: Program, tried: readonly MigrationRehearsal[]): boolean {
  const contracts = new Set(
    manifest.entries.filter((entry) => !inLine(entry)).map(({ name }) => name),
  );
  const first = tried.findIndex(({ name }) => contracts.has(name));
  return first >= 0 && tried.slice(first).some(({ name }) => !contracts.has(name));
}

function differences(early: Outcome, late: Outcome): string[] {
  const [first, second] = [new Set(early.sum), new Set(late.sum)];
  return [
    ...early.sum
      .filter((line) => !second.has(line))
      .map((line) => `only if it comes early: ${line}`),
    ...late.sum.filter((line) => !first.has(line)).map((line) => `only if it comes late: ${line}`),
  ];
}
