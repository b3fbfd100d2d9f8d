import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { migrationsFromFolder } from '../app/index.ts';
import { main } from './main.ts';
import { writeNewFile } from './migrate-new.ts';
import { type NewFormat, newFile } from './migrate-new-name.ts';

const root = mkdtempSync(join(tmpdir(), 'quorate-new-'));

afterAll(() => rmSync(root, { recursive: true, force: true }));

const NOW = Date.UTC(2026, 10, 23, 4, 5, 6);

test.each<[NewFormat, readonly string[], string]>([
  ['plain', [], '0001_add_e_mail.sql'],
  ['plain', ['0001_a.sql', '0009_b.expand.sql', 'README.md'], '0010_add_e_mail.sql'],
  ['plain', ['9_a.sql'], '10_add_e_mail.sql'],
  ['plain', ['20260101000000_a.sql'], '20261123040506_add_e_mail.sql'],
  ['plain', ['20261231000000_a.sql'], '20261231000001_add_e_mail.sql'],
  ['plain', ['1700000000_a.sql'], '1795406706_add_e_mail.sql'],
  ['golang-migrate', ['000001_a.up.sql', '000001_a.down.sql'], '000002_add_e_mail.up.sql'],
  ['goose', ['00001_a.sql'], '00002_add_e_mail.sql'],
  ['flyway', ['V1__a.sql', 'V2.1__b.sql', 'R__v.sql'], 'V3__add_e_mail.sql'],
  ['prisma', ['20260101000000_a'], '20261123040506_add_e_mail/migration.sql'],
])('%s after %j: %s', (format, names, path) => {
  const file = newFile(format, names, { name: ' add e-mail', kind: 'expand', nowMs: NOW });
  expect(file.path).toBe(path);
  expect(file.text).toMatch(/^-- quorate: kind=expand\n/);
});

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [log, error] = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error')];
  const [stdout, stderr]: string[][] = [[], []];
  log.mockImplementation((text) => void stdout.push(String(text)));
  error.mockImplementation((text) => void stderr.push(String(text)));
  const code = await main(['migrate', 'new', ...args]);
  vi.restoreAllMocks();
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

test('what it writes is read as a migration of that kind; files are numbered one after another', async () => {
  const directory = join(root, 'made', 'here');
  expect(await run('a', '-m', directory, '--kind', 'expand')).toMatchObject({
    code: 0,
    stdout: join(directory, '0001_a.sql'),
  });
  expect((await run('b', '-m', directory)).code).toBe(0);
  const { entries } = (await migrationsFromFolder(directory)).program.manifest;
  expect(entries).toMatchObject([
    { name: '0001_a', kind: 'expand' },
    { name: '0002_b', kind: 'breaking' },
  ]);
});

test('nothing is overwritten, and a directory that cannot be read as one is left alone', async () => {
  const directory = join(root, 'full');
  await run('a', '-m', directory);
  const [name = ''] = readdirSync(directory);
  writeFileSync(join(directory, name), 'create table a (x);');
  const file = await run('b', '-m', join(directory, name));
  expect(file).toMatchObject({ code: 1, stderr: expect.stringContaining('MIGRATION_FOLDER') });
  writeFileSync(join(directory, 'V7__x.sql'), 'select 1;');
  expect((await run('b', '-m', directory)).code).toBe(1);
  expect(readFileSync(join(directory, name), 'utf8')).toBe('create table a (x);');
  expect(readdirSync(directory)).toHaveLength(2);
  await expect(writeNewFile(directory, { path: name, text: 'lost' })).rejects.toMatchObject({
    code: 'MIGRATION_FOLDER',
    message: expect.stringContaining('is there already'),
  });
  expect(readFileSync(join(directory, name), 'utf8')).toBe('create table a (x);');
});

test.each([
  [[], 'name the migration'],
  [['../..'], 'name the migration'],
  [['a', 'b'], 'one word too many'],
  [['a'], '--migrations is required'],
  [['a', '--kind', 'data', '-m', 'm'], '--kind must be one of'],
  [['a', '--format', 'x', '-m', 'm'], '--format must be one of'],
])('wrong use: %j', async (args, text) => {
  expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(text) });
});
