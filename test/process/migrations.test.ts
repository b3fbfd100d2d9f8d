import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  connect,
  defineMigrations,
  type Migrations,
  type QuorateNode,
  type SchemaEvent,
  sqlMigration,
  startNode,
} from '../../dist/index.js';
import { eventually, freePort } from '../interop/processes.ts';

const root = mkdtempSync(join(tmpdir(), 'quorate-migrations-'));
const nodes: QuorateNode[] = [];

const ITEM = sqlMigration('0001_item', 'create table item (id integer primary key, title text)', {
  kind: 'expand',
});
const NAME = sqlMigration('0002_name', 'alter table item add column name text', { kind: 'expand' });
const DROP = sqlMigration('0003_drop', 'alter table item drop column title', { kind: 'contract' });
const R1 = defineMigrations({ entries: [ITEM] });
const R2 = defineMigrations({ entries: [ITEM, NAME, DROP] });

beforeAll(async () => {
  for (let i = 1; i <= 3; i++) {
    const first = nodes[0];
    nodes.push(
      await startNode({
        dir: join(root, String(i)),
        address: `127.0.0.1:${await freePort()}`,
        ...(first === undefined ? {} : { join: [first.address] }),
      }),
    );
  }
  await Promise.all(nodes.map((node) => node.ready()));
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close({ handover: false })));
  rmSync(root, { recursive: true, force: true });
});

function upgraded(node: QuorateNode, migrations: Migrations, events: SchemaEvent[] = []) {
  const onEvent = (event: SchemaEvent): void => void events.push(event);
  return node.database('app', {
    schema: { migrations, release: `of ${migrations.program.max}`, onEvent },
  });
}

it('real nodes: all start at once, then one by one with a contract that waits for the last', async () => {
  let databases = nodes.map((node) => upgraded(node, R1));
  await Promise.all(databases.map(({ schema }) => schema?.ready()));
  await databases[1].execute("insert into item (title) values ('a')");
  const events: SchemaEvent[] = [];
  for (const [i, node] of nodes.entries()) {
    await databases[i].close();
    const next = upgraded(node, R2, events);
    await next.schema?.ready();
    databases = databases.map((database, j) => (i === j ? next : database));
    await next.execute("insert into item (name) values ('b')");
    if (i > 0) continue;
    await eventually('somebody who is blocked', async () => {
      const blocked = events.find((event) => event.kind === 'blocked');
      return blocked?.kind === 'blocked' ? blocked : undefined;
    });
  }
  for (const { schema } of databases) schema?.poke();
  await eventually('the contract', async () => {
    const [{ n }] = await databases[0].query<{ n: number }>(
      "select count(*) as n from __quorate_schema_history where name = '0003_drop'",
    );
    return n === 1 ? true : undefined;
  });
  const servers = nodes.map(({ address }) => address).join(',');
  const at = ['bin/quorate.js', 'migrate', 'status', '-s', servers, '-d', 'app'];
  const { stdout: table } = await promisify(execFile)(process.execPath, at);
  expect(table).toMatch(/namespace app: version 2, floor 0, idle/);
  expect(table).toMatch(/0003_drop/);
  const { stdout: json } = await promisify(execFile)(process.execPath, [...at, '--json']);
  expect(JSON.parse(json)).toMatchObject([{ version: 2, pending: [], participants: [{}, {}, {}] }]);
  const old = connect({
    servers: nodes.map(({ address }) => address),
    database: 'app',
    schema: { migrations: R1 },
  });
  await expect(old.schema?.ready()).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' });
  await expect(old.query('select title from item')).rejects.toThrow();
  await old.close();
  expect(await databases[2].query('select count(*) as n from item')).toEqual([{ n: 4 }]);
});
