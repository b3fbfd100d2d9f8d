import { printable, QuorateError } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import { quoteIdentifier } from '../sql/index.ts';

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
  /** Flyway's: all up to its version count as applied, whether or not the list has that version. */
  readonly isBaseline?: boolean | undefined;
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
  /** Its name unless the tool is configured otherwise. */
  readonly table: string;
  /** What it must have to be this tool's. */
  readonly columns: readonly string[];
  readonly order: string;
  /** A row of the table's lock with a value other than 0 in this column says that a run is under way, or was killed. */
  readonly lock?: string;
  read(rows: readonly Row[]): ForeignMigration[];
}

/** What each tool's documentation and code say of its table; fixtures of the tools themselves are in the tests. */
const SOURCES: readonly Source[] = [
  {
    ...{ tool: 'drizzle', table: '__drizzle_migrations' },
    ...{ columns: ['hash', 'created_at'], order: 'created_at, rowid', read: readDrizzle },
  },
  {
    ...{ tool: 'prisma', table: '_prisma_migrations' },
    columns: ['migration_name', 'checksum', 'finished_at', 'rolled_back_at', 'started_at'],
    ...{ order: 'started_at, rowid', read: readPrisma },
  },
  {
    ...{ tool: 'kysely', table: 'kysely_migration', lock: 'is_locked' },
    ...{ columns: ['name', 'timestamp'], order: 'timestamp, name', read: named },
  },
  {
    ...{ tool: 'knex', table: 'knex_migrations', lock: 'is_locked' },
    ...{ columns: ['id', 'name'], order: 'id', read: named },
  },
  {
    ...{ tool: 'umzug', table: 'SequelizeMeta' },
    ...{ columns: ['name'], order: 'name', read: named },
  },
  {
    ...{ tool: 'golang-migrate', table: 'schema_migrations' },
    ...{ columns: ['version', 'dirty'], order: 'version', read: readGolangMigrate },
  },
  {
    ...{ tool: 'goose', table: 'goose_db_version' },
    ...{ columns: ['id', 'version_id', 'is_applied'], order: 'id', read: readGoose },
  },
  {
    ...{ tool: 'flyway', table: 'flyway_schema_history' },
    columns: ['installed_rank', 'version', 'type', 'script', 'checksum', 'success'],
    ...{ order: 'installed_rank', read: readFlyway },
  },
];

export const HISTORY_TOOLS: readonly HistoryTool[] = SOURCES.map(({ tool }) => tool);

const ROWS_MAX = 100_000;

/**
 * Reads what a tool has recorded in the database; 'auto': the one whose table is there. `table` where the tool is configured to another name than its
 * usual one. Throws QuorateError: HISTORY_NOT_FOUND, HISTORY_AMBIGUOUS, HISTORY_DIRTY when the tool did not end in order.
 */
export async function readHistory(
  database: Database,
  wanted: HistoryTool | 'auto',
  table?: string,
): Promise<ForeignHistory> {
  if (table !== undefined && wanted === 'auto') {
    throw new QuorateError(
      'INVALID_ARGUMENT',
      'a table alone does not say whose it is: name the tool too',
    );
  }
  const candidates = SOURCES.filter(({ tool }) => wanted === 'auto' || tool === wanted).map(
    (each): Source => ({ ...each, table: table ?? each.table }),
  );
  const found: Source[] = [];
  for (const source of candidates) if (await isThere(database, source)) found.push(source);
  const [source, other] = found;
  if (source === undefined) throw notFound(candidates);
  if (other !== undefined) {
    throw new QuorateError(
      'HISTORY_AMBIGUOUS',
      `there are histories of ${found.map(({ tool }) => tool).join(' and ')}: say which one holds (from)`,
    );
  }
  await refuseLocked(database, source);
  return await readRows(database, source);
}

async function readRows(database: Database, source: Source): Promise<ForeignHistory> {
  const { tool, table, order, read } = source;
  const from = `from ${quoteIdentifier(table)} order by ${order}`;
  const rows = await database.query(`select * ${from} limit ${ROWS_MAX + 1}`);
  if (rows.length > ROWS_MAX) {
    throw new QuorateError(
      'HISTORY_MISMATCH',
      `${printable(table)} has more than ${ROWS_MAX} rows`,
    );
  }
  const applied = read(rows);
  if (applied.length > 0) return { tool, table, applied };
  throw new QuorateError(
    'HISTORY_NOT_FOUND',
    `${printable(table)} is empty: ${tool} has applied nothing`,
  );
}

async function isThere(database: Database, { table, columns }: Source): Promise<boolean> {
  const found = await database.query('select name from pragma_table_info(?)', [table]);
  return columns.every((column) => found.some(({ name }) => name === column));
}

async function refuseLocked(database: Database, { tool, table, lock }: Source): Promise<void> {
  if (lock === undefined) return;
  const name = `${table}_lock`;
  const columns = await database.query('select name from pragma_table_info(?)', [name]);
  if (!columns.some((column) => column.name === lock)) return;
  const held = await database.query(`select 1 from ${quoteIdentifier(name)} where ${lock} <> 0`);
  if (held.length > 0) throw dirty(tool, 'a run is under way, or was killed (its lock is held)');
}

function readDrizzle(rows: readonly Row[]): ForeignMigration[] {
  return rows.map(({ hash, created_at: when, name }) => ({
    label: typeof name === 'string' ? name : `the one of ${when}`,
    // Drizzle 1 remembers names too.
    name: typeof name === 'string' ? name : undefined,
    ...{ when: Number(when), digest: text(hash) },
  }));
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

/** Each run is a row. What was undone, or taken out of the history by `repair`, has a later row that says so. */
function readFlyway(rows: readonly Row[]): ForeignMigration[] {
  const standing = new Map<string, ForeignMigration>();
  for (const row of rows) {
    const [label, version, type] = [text(row.script), text(row.version), text(row.type)];
    if (Number(row.success) === 0) throw dirty('flyway', `${label} failed`);
    // Without a version: a script that is run again after each change.
    if (version === '') continue;
    standing.delete(version);
    if (type === 'DELETE' || type.startsWith('UNDO')) continue;
    const isBaseline = type === 'BASELINE';
    const crc32 = row.checksum === null || isBaseline ? undefined : Number(row.checksum);
    standing.set(version, { label, version, crc32, isBaseline });
  }
  return [...standing.values()];
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

function notFound(candidates: readonly Source[]): QuorateError {
  return new QuorateError(
    'HISTORY_NOT_FOUND',
    `none of these tables is in the database: ${candidates.map(({ table }) => printable(table)).join(', ')}; where no tool has kept a history, say which migration its schema is at (at)`,
  );
}

function dirty(tool: HistoryTool, what: string): QuorateError {
  return new QuorateError(
    'HISTORY_DIRTY',
    `${tool}: ${printable(what)}; bring it to an end with that tool first, so that it is clear what the database holds`,
  );
}
