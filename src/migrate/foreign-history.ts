import { QuorateError } from '../base/index.ts';
import type { Database } from '../client/index.ts';

/** Tools whose record of applied migrations can be taken over. Umzug's is Sequelize's. */
export type HistoryTool =
  | 'drizzle'
  | 'prisma'
  | 'kysely'
  | 'knex'
  | 'umzug'
  | 'golang-migrate'
  | 'goose'
  | 'flyway';

/** A migration as the tool that applied it remembers it. */
export interface ForeignMigration {
  /** For messages. */
  readonly label: string;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  /** Drizzle's identity: when it was made, in ms. */
  readonly when?: number | undefined;
  /** SHA-256 of its file. */
  readonly digest?: string | undefined;
  /** Flyway's checksum. */
  readonly crc32?: number | undefined;
  /** All before it count as applied too. */
  readonly andBefore?: boolean | undefined;
}

/** What a tool says it has applied, in its order. */
export interface ForeignHistory {
  readonly tool: HistoryTool;
  readonly table: string;
  readonly applied: readonly ForeignMigration[];
}

type Row = Readonly<Record<string, unknown>>;

interface Source {
  readonly tool: HistoryTool;
  readonly table: string;
  readonly query: string;
  /** A column that tells the table from others of the same name. */
  readonly column?: string;
  /** A row of it with a value other than 0 says that a run is under way, or was killed. */
  readonly lock?: { readonly table: string; readonly column: string };
  read(rows: readonly Row[]): ForeignMigration[];
}

/** What each tool's documentation and code say of its table; fixtures of the tools themselves are in the tests. */
const SOURCES: readonly Source[] = [
  {
    ...{ tool: 'drizzle', table: '__drizzle_migrations' },
    query: 'select * from __drizzle_migrations order by created_at, rowid',
    read: (rows) =>
      rows.map(({ hash, created_at: when, name }) => ({
        label: typeof name === 'string' ? name : `the one of ${when}`,
        ...{ when: Number(when), digest: text(hash) },
      })),
  },
  {
    ...{ tool: 'prisma', table: '_prisma_migrations' },
    query:
      'select migration_name, checksum, finished_at, rolled_back_at from _prisma_migrations order by started_at, rowid',
    read: readPrisma,
  },
  {
    ...{ tool: 'kysely', table: 'kysely_migration' },
    query: 'select name from kysely_migration order by timestamp, name',
    lock: { table: 'kysely_migration_lock', column: 'is_locked' },
    read: named,
  },
  {
    ...{ tool: 'knex', table: 'knex_migrations' },
    query: 'select name from knex_migrations order by id',
    lock: { table: 'knex_migrations_lock', column: 'is_locked' },
    read: named,
  },
  {
    ...{ tool: 'umzug', table: 'SequelizeMeta' },
    query: 'select name from SequelizeMeta order by name',
    read: named,
  },
  {
    ...{ tool: 'golang-migrate', table: 'schema_migrations', column: 'dirty' },
    query: 'select version, dirty from schema_migrations',
    read: readGolangMigrate,
  },
  {
    ...{ tool: 'goose', table: 'goose_db_version' },
    query: 'select version_id, is_applied from goose_db_version order by id',
    read: readGoose,
  },
  {
    ...{ tool: 'flyway', table: 'flyway_schema_history' },
    query:
      'select version, type, script, checksum, success from flyway_schema_history order by installed_rank',
    read: readFlyway,
  },
];

export const HISTORY_TOOLS: readonly HistoryTool[] = SOURCES.map(({ tool }) => tool);

/**
 * Reads what a tool has recorded in the database; 'auto': the one whose table is there. Throws QuorateError: HISTORY_NOT_FOUND, HISTORY_AMBIGUOUS,
 * HISTORY_DIRTY when the tool did not end in order.
 */
export async function readHistory(
  database: Database,
  wanted: HistoryTool | 'auto',
): Promise<ForeignHistory> {
  const found: Source[] = [];
  for (const source of SOURCES) {
    if (wanted !== 'auto' && source.tool !== wanted) continue;
    if (await isThere(database, source)) found.push(source);
  }
  const [source, other] = found;
  if (source === undefined) throw notFound(wanted);
  if (other !== undefined) {
    throw new QuorateError(
      'HISTORY_AMBIGUOUS',
      `there are histories of ${found.map(({ tool }) => tool).join(' and ')}: say which one holds (from)`,
    );
  }
  await refuseLocked(database, source);
  const { tool, table } = source;
  const applied = source.read(await database.query(source.query));
  if (applied.length > 0) return { tool, table, applied };
  throw new QuorateError('HISTORY_NOT_FOUND', `${table} is empty: ${tool} has applied nothing`);
}

async function isThere(database: Database, { table, column }: Source): Promise<boolean> {
  const columns = await database.query('select name from pragma_table_info(?)', [table]);
  return columns.length > 0 && (column === undefined || columns.some((c) => c.name === column));
}

async function refuseLocked(database: Database, { tool, lock }: Source): Promise<void> {
  if (lock === undefined) return;
  const columns = await database.query('select 1 from pragma_table_info(?)', [lock.table]);
  if (columns.length === 0) return;
  const held = await database.query(`select 1 from ${lock.table} where ${lock.column} <> 0`);
  if (held.length > 0) throw dirty(tool, 'a run is under way, or was killed (its lock is held)');
}

function named(rows: readonly Row[]): ForeignMigration[] {
  return rows.map(({ name }) => ({ label: text(name), name: text(name) }));
}

function readPrisma(rows: readonly Row[]): ForeignMigration[] {
  const standing = rows.filter((row) => row.rolled_back_at === null);
  const unfinished = standing.find((row) => row.finished_at === null);
  if (unfinished !== undefined) {
    throw dirty('prisma', `${text(unfinished.migration_name)} was begun and did not finish`);
  }
  return standing.map(({ migration_name: name, checksum }) => ({
    ...{ label: text(name), name: text(name), digest: text(checksum) },
  }));
}

function readGolangMigrate(rows: readonly Row[]): ForeignMigration[] {
  return rows.map(({ version, dirty: flag }) => {
    if (Number(flag) !== 0) throw dirty('golang-migrate', `version ${version} is dirty`);
    return { label: `version ${version}`, version: text(version), andBefore: true };
  });
}

/** Each way up and each way down is a row; the last one of a version holds. */
function readGoose(rows: readonly Row[]): ForeignMigration[] {
  const last = new Map<string, boolean>();
  for (const { version_id: version, is_applied: applied } of rows) {
    last.delete(text(version));
    last.set(text(version), Number(applied) !== 0);
  }
  const standing = [...last].filter(([version, applied]) => applied && version !== '0');
  return standing.map(([version]) => ({ label: `version ${version}`, version }));
}

function readFlyway(rows: readonly Row[]): ForeignMigration[] {
  return rows
    .filter((row) => row.version !== null)
    .map(({ version, type, script, checksum, success }) => {
      if (Number(success) === 0) throw dirty('flyway', `${text(script)} failed`);
      return {
        ...{ label: text(script), version: text(version), andBefore: type === 'BASELINE' },
        crc32: checksum === null || type === 'BASELINE' ? undefined : Number(checksum),
      };
    });
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

function notFound(wanted: HistoryTool | 'auto'): QuorateError {
  const sources = SOURCES.filter(({ tool }) => wanted === 'auto' || tool === wanted);
  return new QuorateError(
    'HISTORY_NOT_FOUND',
    `none of these tables is in the database: ${sources.map(({ table }) => table).join(', ')}; where no tool has kept a history, say which migration its schema is at (at)`,
  );
}

function dirty(tool: HistoryTool, what: string): QuorateError {
  return new QuorateError(
    'HISTORY_DIRTY',
    `${tool}: ${what}; bring it to an end with that tool first, so that it is clear what the database holds`,
  );
}
