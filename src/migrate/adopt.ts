import { QuorateError } from '../base/index.ts';
import { type Database, schemaAccess } from '../client/index.ts';
import type { Migrations } from './define.ts';
import { type HistoryTool, readHistory } from './foreign-history.ts';
import { matchHistory } from './match-history.ts';
import { SchemaClient } from './schema-client.ts';

export interface AdoptOptions {
  /** Whose history holds. Default 'auto': that of the one tool whose table is there. */
  readonly from?: HistoryTool | 'auto' | undefined;
  /** The tool's table, where it is configured to another name than its usual one; only together with `from`. */
  readonly table?: string | undefined;
  /** No history is read: the schema of the database is that after this migration, you say. */
  readonly at?: string | undefined;
  /** Kept in the audit, with the reason. */
  readonly by?: string | undefined;
  readonly reason?: string | undefined;
  /** Records nothing. */
  readonly dryRun?: boolean | undefined;
}

/** What was taken over. */
export interface Adoption {
  /** 'already': the same was taken over before. */
  readonly outcome: 'adopted' | 'already' | 'would-adopt';
  readonly namespace: string;
  /** Whose history was read; absent with `at`. */
  readonly tool?: HistoryTool;
  readonly table?: string;
  /** The migrations that count as applied, in order. */
  readonly migrations: readonly string[];
  /** What is odd about the history and does no harm. */
  readonly notes: readonly string[];
}

/**
 * Records what another tool has applied as the beginning of this history; executes nothing. The tool's own table stays. Before that no copy of the program
 * may have run with these migrations, since it would have begun with the first.
 *
 * Throws QuorateError: HISTORY_NOT_FOUND, HISTORY_AMBIGUOUS, HISTORY_DIRTY, HISTORY_MISMATCH, MIGRATION_UNKNOWN, BASELINE_REFUSED when another history
 * has begun.
 * @example await adoptHistory(database, await migrationsFromFolder('drizzle'), { from: 'drizzle', reason: 'we move to Quorate' });
 */
export async function adoptHistory(
  database: Database,
  migrations: Migrations,
  { from = 'auto', table, at, by = 'adoption', reason = '', dryRun = false }: AdoptOptions = {},
): Promise<Adoption> {
  const found =
    at === undefined ? await fromTool(database, migrations, from, table) : upTo(migrations, at);
  const { namespace } = migrations;
  const recorded = await recordedNames(database, namespace);
  if (recorded.size > 0) {
    if (found.migrations.every((name) => recorded.has(name))) {
      return { outcome: 'already', namespace, ...found };
    }
    throw new QuorateError(
      'BASELINE_REFUSED',
      `'${namespace}' has a history already, of ${recorded.size} migrations: another one is taken over only where there is none`,
    );
  }
  if (dryRun) return { outcome: 'would-adopt', namespace, ...found };
  await record(database, migrations, { last: found.migrations.at(-1) ?? '', by, reason });
  return { outcome: 'adopted', namespace, ...found };
}

/** Of all that is recorded in a namespace: the status shows the newest only. */
async function recordedNames(database: Database, namespace: string): Promise<Set<unknown>> {
  const table = '__quorate_schema_history';
  const exists = await database.query('select 1 from sqlite_schema where name = ?', [table]);
  if (exists.length === 0) return new Set();
  const rows = await database.query(`select name from ${table} where ns = ?`, [namespace]);
  return new Set(rows.map(({ name }) => name));
}

type Found = Omit<Adoption, 'outcome' | 'namespace'>;

async function fromTool(
  database: Database,
  migrations: Migrations,
  from: HistoryTool | 'auto',
  table: string | undefined,
): Promise<Found> {
  const history = await readHistory(database, from, table);
  const { names, notes } = matchHistory(history, migrations);
  return { tool: history.tool, table: history.table, migrations: names, notes };
}

function upTo({ namespace, program }: Migrations, at: string): Found {
  const names = program.manifest.entries.map(({ name }) => name);
  const last = names.indexOf(at);
  if (last < 0) {
    throw new QuorateError('MIGRATION_UNKNOWN', `there is no migration ${at} in '${namespace}'`);
  }
  return { migrations: names.slice(0, last + 1), notes: [] };
}

/** The database must know the list before it can record a part of it. */
async function record(
  database: Database,
  migrations: Migrations,
  { last, by, reason }: { readonly last: string; readonly by: string; readonly reason: string },
): Promise<void> {
  const client = new SchemaClient(schemaAccess(database));
  const participant = { id: 'adoption', kind: 'client', boot: 'adoption', release: '' } as const;
  await client.register(participant, [migrations]);
  try {
    await client.baseline(migrations, last, by, reason);
  } finally {
    await client.leave(participant);
  }
}
