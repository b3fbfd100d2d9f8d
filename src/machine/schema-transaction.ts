import { QuorateError } from '../base/index.ts';
import type { ManifestEntry, MigrationClaim, MigrationOptions, Program } from '../schema/index.ts';
import { schemaFingerprint } from './schema-fingerprint.ts';
import { FINGERPRINT } from './schema-readiness.ts';
import { runChecks, SafetyNet } from './schema-safety.ts';
import type { SchemaScript } from './schema-script.ts';
import type { SchemaSql } from './schema-sql.ts';
import { SchemaStore } from './schema-store.ts';
import { TableObjects } from './schema-table-objects.ts';

const SNIPPET_CHARACTERS = 120;
/** How often pages are counted again because the record itself has grown. */
const COUNTS_MAX = 3;

/** What a migration says about itself once it is applied. */
export interface MigrationReport {
  readonly outcome: 'applied';
  readonly name: string;
  readonly version: number;
  readonly statements: number;
  readonly pages: number;
  readonly ms: number;
}

/** One migration inside its write transaction: what must hold before, its statements, what must hold afterwards, its record. */
export class SchemaTransaction {
  readonly claim: MigrationClaim;
  readonly program: Program;
  readonly entry: ManifestEntry;
  readonly #store: SchemaStore;
  readonly #options: MigrationOptions;
  readonly #startedMs: number;
  readonly #fingerprint: string;
  readonly #net: SafetyNet;

  /** Begins: throws PRECHECK_FAILED. `names`: words of the text; undefined = any table may be touched. */
  constructor(
    store: SchemaStore,
    claim: MigrationClaim,
    program: Program,
    entry: ManifestEntry,
    options: MigrationOptions,
    startedMs: number,
    script: Pick<SchemaScript, 'names' | 'foreignKeysOff'> | undefined,
  ) {
    this.#store = store;
    this.claim = claim;
    this.program = program;
    this.entry = entry;
    this.#options = options;
    this.#startedMs = startedMs;
    runChecks(store.sql, options.before, 'before');
    this.#fingerprint = schemaFingerprint(store.sql);
    const names = script?.names ?? allNames(store);
    this.#net = new SafetyNet(
      store.sql,
      names,
      options.mayLoseRows,
      script?.foreignKeysOff ?? false,
    );
  }

  /** Runs the statements of a text. They may not write what belongs to the engine. Throws MIGRATION_FAILED. */
  run(script: SchemaScript): void {
    const { connection } = this.#store.sql;
    const { statements } = script;
    const kept = new TableObjects(this.#store.sql);
    connection.privileged = false;
    try {
      for (const [i, statement] of statements.entries()) {
        const table = script.recreates.get(i);
        if (table !== undefined) kept.remember(table);
        try {
          connection.execute(statement);
        } catch (error) {
          throw atStatement(error, this.entry.name, statement, i, statements.length);
        }
      }
      kept.recreate(this.entry.name);
    } finally {
      connection.privileged = true;
    }
    if (!connection.autocommit) return;
    throw new QuorateError('MIGRATION_FAILED', `${this.entry.name} ended its own transaction`);
  }

  /** Checks what the statements have left and records the migration; the caller commits. */
  finish(
    script: Pick<SchemaScript, 'definesSchema' | 'renames'>,
    statements: number,
    nowMs: number,
  ): MigrationReport {
    const { sql } = this.#store;
    this.#net.check(script.definesSchema, script.renames);
    runChecks(sql, this.#options.after, 'after');
    const version = record(this.#store, this.program, this.entry, this.claim, {
      ...{ startedMs: this.#startedMs, finishedMs: nowMs },
      before: this.#fingerprint,
    });
    const pages = recordPages(sql);
    const ms = Math.max(0, nowMs - this.#startedMs);
    return { outcome: 'applied', name: this.entry.name, version, statements, pages, ms };
  }
}

interface Recorded {
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly before: string;
}

/** Writes history, state and token; returns the version. */
export function record(
  store: SchemaStore,
  program: Program,
  entry: ManifestEntry,
  claim: Pick<MigrationClaim, 'run' | 'by' | 'release'>,
  { startedMs, finishedMs, before }: Recorded,
): number {
  const { sql } = store;
  const state = store.state();
  const ordinal = program.ordinal(entry.name);
  const version = ordinal ?? state.version;
  // Not made from the chain before: a baseline may begin behind a squashed history.
  const chain = program.chain(version) ?? state.chain;
  // What is squashed counts as done, and nothing of it is known: who ends before it is kept out.
  const isFirst = state.version < program.base;
  const floor = entry.kind === 'breaking' ? version : isFirst ? program.base : state.floor;
  const contracts = {
    ...state.contracts,
    ...(isFirst ? program.manifest.base?.contracts : undefined),
  };
  const fingerprint = schemaFingerprint(sql);
  sql.rows(
    `insert into __quorate_schema_history (ns, version, name, kind, checksum, chain, run_id, direction, by_participant, release,
     started_ms, finished_ms, pages, fp_before, fp_after) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'up', ?8, ?9, ?10, ?11, 0, ?12, ?13)`,
    ...[store.namespace, ordinal ?? 0, entry.name, entry.kind, entry.checksum, chain],
    ...[claim.run, claim.by, claim.release, startedMs, finishedMs, before, fingerprint],
  );
  store.putState({
    ...state,
    ...{ version, chain, fingerprint, phase: 'idle' },
    floor,
    contracts: ordinal === undefined ? { ...contracts, [entry.name]: entry.checksum } : contracts,
  });
  putControl(new SchemaStore(sql, ''), FINGERPRINT, fingerprint);
  store.forgetJob(entry.name);
  SchemaStore.touch(sql);
  return version;
}

/**
 * Writes into the newest row of the history how many pages the transaction changes, that row and all that is recorded with it included.
 * Throws what the COMMIT would fail with, TX_TOO_LARGE above all.
 */
function recordPages({ connection }: SchemaSql): number {
  let pages = connection.flush();
  for (let i = 0; i < COUNTS_MAX; i++) {
    connection.execute(
      `update __quorate_schema_history set pages = ${pages} where seq = (select max(seq) from __quorate_schema_history)`,
    );
    const counted = connection.flush();
    // The longer number may have split the page that holds it.
    if (counted === pages) break;
    pages = counted;
  }
  return pages;
}

/** A setting without an operator's name: the engine's own. */
export function putControl(store: SchemaStore, key: string, value: string): void {
  store.sql.rows(
    `insert into __quorate_schema_control (ns, key, value, by_operator, at_ms, reason) values (?1, ?2, ?3, '', 0, '')
     on conflict (ns, key) do update set value = excluded.value`,
    ...[store.namespace, key, value],
  );
}

function allNames(store: SchemaStore): ReadonlySet<string> {
  const names = store.sql.rows("select name from sqlite_schema where type = 'table'");
  return new Set(names.map(([name]) => String(name).toLowerCase()));
}

function atStatement(
  error: unknown,
  name: string,
  statement: string,
  index: number,
  count: number,
): unknown {
  if (!(error instanceof QuorateError)) return error;
  // Who asked for the end says why; the text says nothing.
  if (error.code === 'SQLITE_INTERRUPT' || error.rawCode === 10250) return error;
  const snippet = statement.replace(/\s+/g, ' ').slice(0, SNIPPET_CHARACTERS);
  return new QuorateError(
    'MIGRATION_FAILED',
    `${name}: statement ${index + 1} of ${count} failed: ${error.message}; it begins: ${snippet}`,
    {
      ...{ rawCode: error.rawCode, extendedCode: error.extendedCode, offset: error.offset },
      ...{ statementIndex: index, cause: error },
    },
  );
}
