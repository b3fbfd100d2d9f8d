import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Program, quorate, startProgram } from './program.ts';

/* `quorate shell` and `quorate cluster` against a node in a process of its own. */

const root = mkdtempSync(join(tmpdir(), 'quorate-shell-'));
let address = '';

beforeAll(async () => {
  ({ address } = await startProgram(join(root, '1'), ['--id', '1']));
});

afterAll(async () => {
  await Program.killAll();
  rmSync(root, { recursive: true, force: true });
});

const shell = (args: readonly string[], input = '') =>
  quorate(['shell', '-s', address, ...args], input);

test.each([
  ['csv', 'a,b\n1,"x,""y"\n'],
  ['json', '[{"a":1,"b":"x,\\"y"}]\n'],
  ['list', '1|x,"y\n'],
])('one statement as %s', async (mode, stdout) => {
  const result = await shell(['-m', mode, 'app', `select 1 as a, 'x,"y' as b`]);
  expect(result).toEqual({ code: 0, stdout, stderr: '' });
});

test('statements over lines, transactions and dot commands from standard input', async () => {
  const lines = ['create table t(', ' x);', 'begin;', 'insert into t values(1);', 'rollback;'];
  lines.push(
    'begin;',
    'insert into t values(2);',
    'commit;',
    '.mode csv',
    'select * from t;',
    '.leader',
  );
  expect(await shell(['app'], lines.join('\n'))).toEqual({
    code: 0,
    stdout: `x\n2\n1 ${address}\n`,
    stderr: '',
  });
});

test('the first failure ends the text, on standard error, with 1', async () => {
  expect(await shell(['-m', 'list', 'app'], 'select 1; select bad;\nselect 3;')).toEqual({
    code: 1,
    stdout: '1\n',
    stderr: 'Error: SQLITE_ERROR: no such column: bad\n',
  });
});

test('cluster refuses with codes', async () => {
  for (const [args, code] of [
    [['remove', '99'], 'MEMBER_NOT_FOUND'],
    [['assign', '99', 'voter'], 'MEMBER_NOT_FOUND'],
    [['add', '1', '127.0.0.1:9'], 'DUPLICATE_ID'],
  ] as const) {
    const result = await quorate(['cluster', ...args, '-s', address]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(`quorate: ${code}: `);
  }
});
