import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Database } from '../client/index.ts';
import {
  adoptHistory,
  defineMigrations,
  HISTORY_TOOLS,
  schemaStatus,
  sqlMigration,
} from '../migrate/index.ts';
import { Copy, formed } from '../migrate/testing/copies.ts';
import type { World } from '../sim/world.ts';
import { migrationsFromFolder } from './migration-files.ts';

const LIMIT_MS = 120_000;
const FIXTURES = 'test/fixtures/migrations';
const FLYWAY =
  'create table flyway_schema_history (installed_rank int, version text, type text, script text, checksum int, success int)';
const SQL = {
  user: 'create table user (id integer primary key)',
  note: 'create table note (id integer primary key)',
  tag: 'create table tag (id integer primary key)',
};

function run(world: World, tell: () => Promise<void>): Promise<void> {
  return world.drive(tell(), LIMIT_MS, 'the story');
}

/** A database that is as this SQL makes it. */
async function holding(sql: string, tell: (world: World) => Promise<void>): Promise<void> {
  const world = await formed(5);
  await run(world, async () => {
    const client = world.client('before');
    await client.database('app').executeMultiple(sql);
    await tell(world);
    await client.close();
  });
}

function adopt(
  world: World,
  migrations: Awaited<ReturnType<typeof migrationsFromFolder>>,
  options = {},
) {
  return adoptHistory(world.client('operator').database('app'), migrations, options);
}

const raw = (transaction: { execute(sql: string): Promise<unknown> }) => ({
  raw: (sql: string) => transaction.execute(sql),
  context: { query: (sql: string) => transaction.execute(sql) },
  schema: {
    createIndex: (name: string) => ({
      on: (table: string) => ({
        column: (column: string) => ({
          execute: () => transaction.execute(`create index ${name} on "${table}" (${column})`),
        }),
      }),
    }),
  },
});

describe('scenario 44: what a tool has applied is taken over', () => {
  test.each([
    ['drizzle', 'user_email'],
    ['drizzle-v1', 'user_email'],
    ['prisma', 'User_email_key'],
    ['kysely', 'user_email'],
    ['knex', 'user_email'],
    ['umzug', 'user_email'],
  ] as const)('%s: nothing is executed, and the third migration runs', async (tool, index) => {
    const directory = `${FIXTURES}/${tool}`;
    const migrations = await migrationsFromFolder(`${directory}/migrations`, { handle: raw });
    await holding(readFileSync(`${directory}/database.sql`, 'utf8'), async (world) => {
      const first = await adopt(world, migrations, { reason: 'we move' });
      const { outcome, notes } = first;
      expect([outcome, first.tool, notes]).toEqual(['adopted', tool.replace('-v1', ''), []]);
      expect(first.migrations).toHaveLength(2);
      expect(await adopt(world, migrations)).toMatchObject({ outcome: 'already' });
      const copy = new Copy(world, 'a', migrations);
      await copy.schema.ready();
      const [status] = await schemaStatus(copy.database);
      expect(status).toMatchObject({ version: 3, pending: [] });
      expect(status?.applied.map(({ by }) => by)).toEqual(['a', 'adoption', 'adoption']);
      const [row] = await copy.database.query('select name from sqlite_schema where name = ?', [
        index,
      ]);
      expect(row?.name).toBe(index);
      await copy.schema.close();
    });
  });

  const three = defineMigrations({
    entries: Object.entries(SQL).map(([name, sql], i) => sqlMigration(`00${i + 1}_${name}`, sql)),
  });

  test.each([
    [
      'golang-migrate',
      'create table schema_migrations (version uint64, dirty bool); insert into schema_migrations values (2, 0)',
    ],
    [
      'goose',
      `create table goose_db_version (id integer primary key, version_id integer, is_applied integer, tstamp);
      insert into goose_db_version (version_id, is_applied) values (0, 1), (1, 1), (2, 1), (3, 1), (3, 0)`,
    ],
    [
      'flyway',
      `create table flyway_schema_history (installed_rank int, version text, description text, type text, script text, checksum int, success int);
      insert into flyway_schema_history values (1, '1', '', 'BASELINE', '<< Flyway Baseline >>', null, 1), (2, '2', '', 'SQL', 'V2__note.sql', null, 1), (3, null, '', 'SQL', 'R__view.sql', 7, 1)`,
    ],
  ])('%s, by its documentation', async (tool, table) => {
    await holding(`${SQL.user};${SQL.note};${table}`, async (world) => {
      expect(await adopt(world, three, { dryRun: true })).toMatchObject({
        outcome: 'would-adopt',
        tool,
      });
      expect(await adopt(world, three)).toMatchObject({
        outcome: 'adopted',
        migrations: ['001_user', '002_note'],
      });
      const copy = new Copy(world, 'a', three);
      await copy.schema.ready();
      expect(await copy.database.query('select * from tag')).toEqual([]);
      await copy.schema.close();
    });
  });

  test.each([
    [
      'what was undone or deleted is not applied, whatever became of it later is',
      `(1, '1', 'SQL', 'V1__user.sql', null, 1), (2, '2', 'SQL', 'V2__note.sql', null, 1), (3, '2', 'UNDO_SQL', 'U2__note.sql', null, 1),
       (4, '2', 'SQL', 'V2__note.sql', null, 1), (5, '3', 'SQL', 'V3__tag.sql', null, 1), (6, '3', 'DELETE', 'V3__tag.sql', null, 1)`,
      ['001_user', '002_note'],
    ],
    [
      'a baseline between two versions',
      "(1, '2.5', 'BASELINE', '<< Flyway Baseline >>', null, 1)",
      ['001_user', '002_note'],
    ],
  ])('flyway: %s', async (_name, rows, migrations) => {
    const sql = `${SQL.user};${SQL.note};${FLYWAY}; insert into flyway_schema_history values ${rows}`;
    await holding(sql, async (world) => {
      expect(await adopt(world, three)).toMatchObject({
        outcome: 'adopted',
        migrations,
        notes: [],
      });
    });
  });

  test('a long history is taken over once, from a table of another name', async () => {
    const names = Array.from({ length: 45 }, (_, i) => `${1000 + i}_m`);
    const many = defineMigrations({ entries: names.map((name) => sqlMigration(name, 'select 1')) });
    const rows = names.slice(0, 40).map((name, i) => `(${i}, '${name}.ts')`);
    const table = 'my "own" table';
    const quoted = '"my ""own"" table"';
    const sql = `create table ${quoted} (id integer, name text); insert into ${quoted} values ${rows.join()}`;
    await holding(sql, async (world) => {
      const options = { from: 'knex', table };
      expect(await adopt(world, many, options)).toMatchObject({ outcome: 'adopted', table });
      expect(await adopt(world, many, options)).toMatchObject({ outcome: 'already' });
      await expect(adopt(world, many, { table })).rejects.toThrow(/name the tool too/);
      await expect(adopt(world, many, { at: '1044_m' })).rejects.toThrow(/of 40 migrations/);
      const database = world.client('looker').database('app');
      expect(
        await database.query('select action, value, reason from __quorate_schema_audit'),
      ).toEqual([{ action: 'baseline', value: '1039_m', reason: '' }]);
    });
  });

  test('a copy that began too early fails, harms nothing, and goes on once the history is taken over', async () => {
    const sql = `${SQL.user};${SQL.note};insert into user values (1);
      create table knex_migrations (id int, name text); insert into knex_migrations values (1, '001_user.js'), (2, '002_note.js')`;
    await holding(sql, async (world) => {
      const early = new Copy(world, 'early', three);
      await expect(early.schema.ready()).rejects.toThrow(/already exists/);
      expect(await adopt(world, three)).toMatchObject({ outcome: 'adopted' });
      const copy = new Copy(world, 'a', three);
      await copy.schema.ready();
      // It looks again by itself.
      await world.sleep(10_000);
      await early.schema.ready();
      expect(await early.database.query('select * from user, (select count(*) from tag)')).toEqual([
        expect.objectContaining({ id: 1 }),
      ]);
      await copy.schema.close();
      await early.schema.close();
    });
  });

  test('without a history one may say where the schema is', async () => {
    await holding(SQL.user, async (world) => {
      await expect(adopt(world, three)).rejects.toMatchObject({ code: 'HISTORY_NOT_FOUND' });
      await expect(adopt(world, three, { at: '009_x' })).rejects.toMatchObject({
        code: 'MIGRATION_UNKNOWN',
      });
      expect(await adopt(world, three, { at: '001_user' })).toMatchObject({
        migrations: ['001_user'],
      });
      await expect(adopt(world, three, { at: '002_note' })).rejects.toMatchObject({
        code: 'BASELINE_REFUSED',
      });
    });
  });
});

describe('what does not fit is refused, and nothing is recorded', () => {
  /** Nothing is changed here, so all can be told in one cluster, each with a database of its own. */
  let world: World | undefined;
  let told = 0;

  async function refusing(sql: string, tell: (database: Database) => Promise<void>): Promise<void> {
    world ??= await formed(5);
    const client = world.client('refused');
    told += 1;
    const database = client.database(`refused${told}`);
    await run(world, async () => {
      await database.executeMultiple(sql);
      await tell(database);
      await client.close();
    });
  }

  const kysely = 'create table kysely_migration (name text, timestamp text)';
  const three = defineMigrations({
    entries: Object.entries(SQL).map(([name, sql], i) => sqlMigration(`00${i + 1}_${name}`, sql)),
  });

  test.each([
    [
      'a file is missing',
      `${kysely}; insert into kysely_migration values ('000_lost', '1')`,
      'HISTORY_MISMATCH',
      /000_lost is applied and not among/,
    ],
    [
      'there is a gap',
      `${kysely}; insert into kysely_migration values ('001_user', '1'), ('003_tag', '2')`,
      'HISTORY_MISMATCH',
      /002_note is not applied, and 003_tag after it is/,
    ],
    ['nothing was applied', kysely, 'HISTORY_NOT_FOUND', /kysely has applied nothing/],
    [
      'a run was killed',
      `${kysely}; create table kysely_migration_lock (id text, is_locked int); insert into kysely_migration_lock values ('l', 1)`,
      'HISTORY_DIRTY',
      /lock is held/,
    ],
    [
      'two tools',
      `${kysely}; create table knex_migrations (id int, name text)`,
      'HISTORY_AMBIGUOUS',
      /kysely and knex/,
    ],
    [
      'golang-migrate failed',
      'create table schema_migrations (version int, dirty int); insert into schema_migrations values (2, 1)',
      'HISTORY_DIRTY',
      /version 2 is dirty/,
    ],
    [
      'Flyway failed',
      `${FLYWAY}; insert into flyway_schema_history values (1, '1', 'SQL', 'V1__user.sql', 5, 0)`,
      'HISTORY_DIRTY',
      /V1__user.sql failed/,
    ],
    [
      'Flyway failed in a script without a version',
      `${FLYWAY}; insert into flyway_schema_history values (1, '1', 'SQL', 'V1__user.sql', 5, 1), (2, null, 'SQL', 'R__view.sql', 5, 0)`,
      'HISTORY_DIRTY',
      /R__view.sql failed/,
    ],
    [
      'Flyway has applied none of these',
      `${FLYWAY}; insert into flyway_schema_history values (1, '0.9', 'BASELINE', '<< Flyway Baseline >>', null, 1)`,
      'HISTORY_NOT_FOUND',
      /begins with the first/,
    ],
    [
      "a table of the name is not the tool's",
      'create table knex_migrations (who text); create table schema_migrations (version text)',
      'HISTORY_NOT_FOUND',
      /none of these tables/,
    ],
  ])('%s', async (_name, sql, code, text) => {
    await refusing(sql, async (database) => {
      const refused = await adoptHistory(database, three).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code });
      expect(String(refused)).toMatch(text);
      expect(
        await database.query("select 1 from sqlite_schema where name like '__quorate%'"),
      ).toEqual([]);
    });
  });

  test.each([
    [
      'drizzle',
      "update __drizzle_migrations set hash = replace(hash, '8f', '00')",
      /0001_step2 was edited/,
    ],
    [
      'prisma',
      "update _prisma_migrations set checksum = 'other' where finished_at is not null",
      /20260101000000_user was edited/,
    ],
    ['prisma', 'update _prisma_migrations set finished_at = null', /20260101000000_user was begun/],
  ])('%s: %s', async (tool, change, text) => {
    const directory = `${FIXTURES}/${tool}`;
    const migrations = await migrationsFromFolder(`${directory}/migrations`);
    const sql = `${readFileSync(`${directory}/database.sql`, 'utf8')};${change}`;
    await refusing(sql, async (database) => {
      await expect(adoptHistory(database, migrations)).rejects.toThrow(text);
    });
  });
});

test('every tool that a history is read of is tested here', () => {
  expect(HISTORY_TOOLS).toEqual([
    'drizzle',
    'prisma',
    'kysely',
    'knex',
    'umzug',
    'golang-migrate',
    'goose',
    'flyway',
  ]);
});
