import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { main } from '../../dist/cli/main.js';
import { type Database, type QuorateNode, startNode } from '../../dist/index.js';
import { freePort } from '../interop/processes.ts';

/* A node whose database another tool has migrated, and an operator who takes its history over. */

const root = mkdtempSync(join(tmpdir(), 'quorate-baseline-'));
const FIXTURE = 'test/fixtures/migrations/prisma';
let node: QuorateNode;
let database: Database;

async function migrate(...args: readonly string[]): Promise<{ code: number; said: string }> {
  const said: unknown[] = [];
  const spies = (['log', 'error'] as const).map((method) =>
    vi.spyOn(console, method).mockImplementation((text) => void said.push(text)),
  );
  try {
    const where = ['-m', `${FIXTURE}/migrations`, '-s', node.address, '-d', 'app'];
    return { code: await main(['migrate', ...args, ...where]), said: said.join('\n') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

beforeAll(async () => {
  const address = `127.0.0.1:${await freePort()}`;
  node = await startNode({ dir: join(root, '1'), address, threads: false });
  await node.ready();
  database = node.database('app');
  await database.executeMultiple(readFileSync(`${FIXTURE}/database.sql`, 'utf8'));
});

afterAll(async () => {
  await node.close({ handover: false });
  rmSync(root, { recursive: true, force: true });
});

it('tells what it would do, does it once, and the next migration follows', async () => {
  const names = ['20260101000000_user', '20260201000000_email'];
  const lines = (verb: string) =>
    ['app, by _prisma_migrations:', ...names.map((name) => `  ${name} ${verb}`)].join('\n');
  const baseline = ['baseline', '--from', 'prisma', '--reason', 'we move'];
  expect(await migrate(...baseline, '--dry-run')).toEqual({
    code: 0,
    said: lines('would count as applied'),
  });
  expect(await migrate(...baseline)).toEqual({ code: 0, said: lines('now counts as applied') });
  const again = await migrate('baseline', '--from', 'auto', '--json');
  expect(JSON.parse(again.said)).toEqual({
    ...{ outcome: 'already', namespace: 'app', tool: 'prisma', table: '_prisma_migrations' },
    ...{ migrations: names, notes: [] },
  });
  const audit = await database.query('select action, value, reason from __quorate_schema_audit');
  expect(audit).toEqual([{ action: 'baseline', value: names[1], reason: 'we move' }]);
  expect(await migrate('up')).toMatchObject({ code: 0 });
  const index = "select 1 from sqlite_schema where name = 'User_email_key'";
  expect(await database.query(index)).toHaveLength(1);
});

it.each([
  [['--from', 'knex'], 1, /HISTORY_NOT_FOUND.*knex_migrations/],
  [['--at', 'nobody'], 1, /MIGRATION_UNKNOWN/],
  [['--from', 'liquibase'], 2, /--from must be one of drizzle, prisma/],
  [['--table', 'mine'], 2, /give --from too/],
  [['--from', 'prisma', '--at', 'x'], 2, /give one of them/],
])('refuses %s', async (options, code, text) => {
  const refused = await migrate('baseline', ...options);
  expect([refused.code, refused.said]).toEqual([code, expect.stringMatching(text)]);
});
