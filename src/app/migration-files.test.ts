import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Transaction } from '../client/index.ts';
import { sqlMigration } from '../migrate/index.ts';
import { digestOf } from '../schema/index.ts';
import { migrationsFromFolder } from './migration-files.ts';

const root = mkdtempSync(join(tmpdir(), 'quorate-folder-'));
let made = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

function folder(files: Readonly<Record<string, string>>): string {
  const directory = join(root, String(++made));
  mkdirSync(directory);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

test('a directory on the disk becomes migrations with kinds, checksums and a namespace', async () => {
  const sql = 'create table a (x);\n';
  const directory = folder({ '0001_a.expand.sql': sql, '0002_b.sql': 'drop table a;' });
  const migrations = await migrationsFromFolder(directory, { namespace: 'plugin' });
  expect(migrations.namespace).toBe('plugin');
  expect(migrations.program.manifest.entries).toEqual([
    { name: '0001_a', kind: 'expand', checksum: digestOf(sql) },
    expect.objectContaining({ name: '0002_b', kind: 'breaking' }),
  ]);
  // CRC-32 of the line without its end, as Flyway takes it, by another implementation.
  const origin = {
    version: '1',
    when: undefined,
    fileDigest: digestOf(sql),
    lineEndDigests: [digestOf(sql), digestOf('create table a (x);\r\n')],
    flywayChecksum: -1081515749,
  };
  expect(migrations.step('0001_a')).toEqual(
    sqlMigration('0001_a', sql, { kind: 'expand', origin }),
  );
});

test('modules become migrations in code, with the digest of their file', async () => {
  const text = 'export const kind = "expand";\nexport async function up(db) { await db("x"); }\n';
  const directory = folder({
    '2_b.mjs': 'export function up() {}',
    '1_a.mjs': text,
    '1_a.d.ts': '',
    '3_c.cjs': 'exports.up = async () => {};',
  });
  const ran: unknown[] = [];
  const handle = (transaction: unknown) => (sql: string) => ran.push([transaction, sql]);
  const migrations = await migrationsFromFolder(directory, { handle });
  expect(migrations.namespace).toBe('app');
  expect(migrations.program.manifest.entries).toEqual([
    { name: '1_a', kind: 'expand', checksum: digestOf(`code 1_a source ${digestOf(text)}`) },
    expect.objectContaining({ name: '2_b', kind: 'breaking' }),
    expect.objectContaining({ name: '3_c', kind: 'breaking' }),
  ]);
  const step = migrations.step('1_a');
  const transaction = {} as Transaction;
  if (step?.step === 'code') await step.run(transaction);
  expect(ran).toEqual([[transaction, 'x']]);
});

test.each([
  ['no up', { '1_a.mjs': 'export const down = 1;' }, 'MIGRATION_FOLDER', /exports no function/],
  [
    'a kind',
    { '1_a.mjs': 'export const kind = "data"; export function up() {}' },
    'MIGRATION_FOLDER',
    /its kind is data/,
  ],
  ['broken', { '1_a.mjs': 'export function {' }, 'MIGRATION_FOLDER', /cannot be loaded/],
  [
    'twice',
    { '1_a.mjs': 'export function up() {}', '1_a.cjs': 'exports.up = () => {};' },
    'MIGRATION_DUPLICATE',
    /1_a.cjs and 1_a.mjs/,
  ],
])('modules that are refused: %s', async (_name, files, code, text) => {
  await expect(migrationsFromFolder(folder(files))).rejects.toMatchObject({
    ...{ code, message: expect.stringMatching(text) },
  });
});

test('a module that wants a handle says so when it is to run', async () => {
  const directory = folder({ '1_a.mjs': 'export function up() {}' });
  const step = (await migrationsFromFolder(directory)).step('1_a');
  const run = step?.step === 'code' ? step.run : undefined;
  expect(run).toBeDefined();
  const transaction = {} as Transaction;
  await expect(run?.(transaction)).rejects.toMatchObject({ code: 'BAD_MIGRATIONS' });
});

test('what cannot be a history is refused, with what to do', async () => {
  const backfill = folder({ '1_a.data.sql': 'update a set x = 1;' });
  await expect(migrationsFromFolder(backfill)).rejects.toMatchObject({
    code: 'BAD_MIGRATIONS',
    message: expect.stringMatching(/^1_a\.data\.sql .* batchMigration$/),
  });
  const repeated = folder({ 'V1__a.sql': 'create table a (x);', 'R__v.sql': 'select 1;' });
  await expect(migrationsFromFolder(repeated)).rejects.toMatchObject({
    code: 'MIGRATION_FOLDER',
    message: expect.stringContaining('R__v.sql'),
  });
  await expect(migrationsFromFolder(join(root, 'absent'))).rejects.toMatchObject({
    code: 'MIGRATION_FOLDER',
    message: expect.stringContaining('no such directory'),
  });
  const gap = folder({ '1_a.sql': 'select 1;', '3_b.sql': 'select 1;' });
  await expect(migrationsFromFolder(gap)).rejects.toMatchObject({ code: 'MIGRATION_GAP' });
  expect((await migrationsFromFolder(gap, { gaps: true })).program.max).toBe(2);
});
