import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
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
  expect(migrations.step('0001_a')).toEqual(sqlMigration('0001_a', sql, { kind: 'expand' }));
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
