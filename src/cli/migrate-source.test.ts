import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { declaredMigrations } from './migrate-source.ts';

const root = mkdtempSync(join(tmpdir(), 'quorate-source-'));
const door = pathToFileURL(join(import.meta.dirname, '../migrate/index.ts')).href;

afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, `import { defineMigrations } from '${door}';\n${text}`);
  return path;
}

async function namespaces(migrations: string, namespace?: string): Promise<string[]> {
  const found = await declaredMigrations({ positionals: [], values: { migrations, namespace } });
  return found.map((each) => each.namespace);
}

test('a module exports one list or several, and a directory is one', async () => {
  const one = file('one.mjs', 'export const migrations = defineMigrations({ entries: [] });');
  expect(await namespaces(one)).toEqual(['app']);
  const both = `['a', 'b'].map((namespace) => defineMigrations({ namespace, entries: [] }))`;
  const two = file('two.mjs', `export default ${both};`);
  expect(await namespaces(two)).toEqual(['a', 'b']);
  expect(await namespaces(two, 'b')).toEqual(['b']);
  await expect(namespaces(two, 'c')).rejects.toMatchObject({ code: 'USAGE' });
  mkdirSync(join(root, 'm'));
  writeFileSync(join(root, 'm', '1_a.sql'), 'create table a (x);');
  expect(await namespaces(join(root, 'm'), 'plugin')).toEqual(['plugin']);
});

test.each([
  ['none.mjs', 'export const other = 1;', 'exports no `migrations`'],
  ['list.mjs', 'export const migrations = [];', 'exports no `migrations`'],
  ['part.mjs', 'export default [defineMigrations({ entries: [] }), 1];', 'exports no `migrations`'],
  [
    'twice.mjs',
    'const one = defineMigrations({ entries: [] }); export default [one, one];',
    'the namespace app twice',
  ],
  ['copy.mjs', "export default { namespace: 'app', program: {} };", 'another copy of Quorate'],
  ['throws.mjs', "throw new Error('its own');", 'cannot be loaded: its own'],
  ['text.txt', '', 'neither a directory nor a module'],
])('%s is refused', async (name, text, message) => {
  await expect(namespaces(file(name, text))).rejects.toMatchObject({
    code: 'BAD_MIGRATIONS',
    message: expect.stringContaining(message),
  });
});

test('what is not there is told as a directory that is not there', async () => {
  await expect(namespaces(join(root, 'absent'))).rejects.toMatchObject({
    code: 'MIGRATION_FOLDER',
  });
});
