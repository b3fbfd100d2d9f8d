import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { main } from '../../dist/cli/main.js';
import { type Database, migrationsFromFolder, type QuorateNode } from '../../dist/index.js';
import { eventually } from '../interop/processes.ts';
import { Program } from './program.ts';
import { startThreeNodes } from './three-nodes.ts';

/* Three real nodes, directories of migrations, and an operator with nothing but the command line. */

const root = mkdtempSync(join(tmpdir(), 'quorate-migrate-'));
const nodes: QuorateNode[] = [];
let servers = '';
/** A copy of the first release, which nobody upgrades. */
let old: Database;

const FILES = {
  '0001_item.expand.sql': 'create table item (id integer primary key, title text);',
  '0002_name.expand.sql': 'alter table item add column name text;',
  '0003_drop.contract.sql': 'alter table item drop column title;',
  '0004_bad.expand.sql': 'create table good (x); create table bad (x;',
};

/** A directory with the first few of them. */
function folder(count: number): string {
  const directory = join(root, `release-${count}`);
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(FILES).slice(0, count)) {
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

function migrate(...args: readonly string[]): Program {
  return Program.quorate(['migrate', ...args, '-s', servers, '-d', 'app']);
}

/** Of a command that only asks and answers, in this process: starting one costs most of the time. */
async function answer(...args: readonly string[]): Promise<{ code: number; stdout: string }> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  try {
    const code = await main(['migrate', ...args, '-s', servers, '-d', 'app']);
    return { code, stdout: log.mock.calls.flat().join('\n') };
  } finally {
    log.mockRestore();
  }
}

beforeAll(async () => {
  nodes.push(...(await startThreeNodes(root)));
  servers = nodes.map(({ address }) => address).join(',');
  const [, second] = nodes;
  if (second === undefined) throw new Error('no second node');
  const migrations = await migrationsFromFolder(folder(1));
  old = second.database('app', { schema: { migrations, release: '1.0.0' } });
  await old.schema?.ready();
});

afterAll(async () => {
  await Program.killAll();
  await Promise.all(nodes.map((node) => node.close({ handover: false })));
  rmSync(root, { recursive: true, force: true });
});

it('up applies what it may, names who is in the way, and ends when the command that it shows was run', async () => {
  const preflight = await answer('preflight', '-m', folder(3), '--json');
  expect(preflight.code).toBe(0);
  expect(JSON.parse(preflight.stdout)).toMatchObject([
    {
      verdict: 'fine',
      canServe: false,
      waits: [{ migration: '0003_drop', obstacle: 'older-code' }],
    },
  ]);

  const left = migrate('up', '-m', folder(3), '--release', '2.0.0');
  await left.says('$ quorate migrate exclude');
  expect(left.stdout).toContain('0002_name is applied');
  expect(left.stdout).toMatch(/for node \d+ \(release 1\.0\.0, knows up to 1,/);
  expect((await left.stop('SIGINT')).code).toBe(130);
  // Nobody waits for it any more, and the old copy is still waited for.
  const members = 'select kind, release from __quorate_schema_member';
  expect(await old.query(members)).toEqual([{ kind: 'node', release: '1.0.0' }]);

  const waits = migrate('up', '-m', folder(3), '--release', '2.0.0');
  const blocked = migrate('wait', '-m', folder(3), '--timeout', '1').finish();
  await waits.says('$ quorate migrate exclude');
  expect(await blocked).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('$ quorate migrate exclude'),
  });
  const [, shown = ''] = /\$ quorate (migrate exclude .*)/.exec(waits.stdout) ?? [];
  expect(shown).toContain(` -s ${servers} -d app`);
  const words = shown.split(' ').slice(1, 3);
  expect((await answer(...words, '--reason', 'gone')).code).toBe(0);
  expect(await waits.finish()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/0003_drop is applied.*\n(.*\n)*reached\n$/),
  });
  await eventually('the old copy is fenced', async () => {
    const error = await old.query('select title from item').catch((e: unknown) => e);
    return Object(error).code === 'SCHEMA_FENCED' ? true : undefined;
  });
});

it('an old build is refused before it is deployed; a failing migration changes nothing and ends with 4', async () => {
  const preflight = await answer('preflight', '-m', folder(1));
  expect(preflight.code).toBe(4);
  expect(preflight.stdout).toMatch(
    /SCHEMA_TOO_NEW: 0003_drop was applied at .* of release 2\.0\.0 .*deploy release 2\.0\.0/,
  );
  const verify = await answer('verify', '-m', folder(3));
  expect(verify.code).toBe(0);
  expect(verify.stdout.match(/ nodes +│/g)).toHaveLength(3);
  const failed = await migrate('up', '-m', folder(4), '--json').finish();
  expect(failed.code).toBe(4);
  const lines = failed.stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(lines).toContainEqual(expect.objectContaining({ event: 'failed', name: '0004_bad' }));
  expect(lines.at(-1)).toMatchObject({ event: 'end', end: 'failed', exitCode: 4 });
  const status = JSON.parse((await answer('status', '--json')).stdout);
  expect(status).toMatchObject([{ version: 2, participants: [{ state: 'excluded' }] }]);
});
