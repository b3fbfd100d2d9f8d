import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { packed } from '../../test/support/batches.ts';

import { ReaderWorld, rowsOf, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const LIMIT_MS = 50;
const counted = (rows: number) =>
  `with recursive c(n) as (select 1 union all select n + 1 from c where n < ${rows})`;
const ENDLESS = `${counted(1e9)} insert into t(x) select max(n) from c`;

function ready(): { readonly world: World; readonly reader: ReaderWorld } {
  const world = new World({ statementMs: LIMIT_MS });
  world.lead();
  world.run('create table t(id integer primary key, x)');
  world.settle();
  world.clock.tickMs = 1;
  return { world, reader: new ReaderWorld(world.machine.directory, world.clock, LIMIT_MS) };
}

it('a write that keeps the thread for too long fails, and nothing of it has happened', () => {
  const { world } = ready();
  for (const timeoutMs of [0, 60_000]) {
    const request = world.statement(ENDLESS, [], { timeoutMs });
    expect(world.end(request)).toMatchObject({
      kind: 'failed',
      failure: { code: 'STATEMENT_TOO_LONG', rawCode: 9, retryable: false },
    });
    expect(JSON.stringify(world.end(request))).toContain(`${LIMIT_MS} ms`);
    expect(JSON.stringify(world.end(request))).toContain('threads: true');
  }
  expect(world.code(world.statement(ENDLESS, [], { timeoutMs: 10 }))).toBe('TIMEOUT');
  expect(world.code(world.statement('insert into t(x) values(1)'))).toBe('done');
  expect(world.rows('select count(*), 0 * changes() from t')).toEqual([[1, 0]]);
});

it('so does a query, and an open transaction goes on after it', () => {
  const { world, reader } = ready();
  const query = `${counted(1e9)} select max(n) from c`;
  expect(reader.code(reader.statement(query))).toBe('STATEMENT_TOO_LONG');
  expect(reader.rows('select 1')).toEqual([[1]]);
  world.run('begin immediate', [], { session: 1 });
  world.run('insert into t(x) values(1)', [], { session: 1 });
  expect(world.code(world.statement(query, [], { session: 1 }))).toBe('STATEMENT_TOO_LONG');
  world.run('commit', [], { session: 1 });
  expect(world.rows('select count(*), 0 * changes() from t')).toEqual([[1, 0]]);
});

it('time between statements does not count, and a long text lets others have their turn', () => {
  const { world, reader } = ready();
  const statement = `${counted(500)} insert into t(x) select max(n) from c;`;
  const script = world.submit({
    action: 'script',
    sql: statement.repeat(30),
    parameters: [],
    rows: 'drop',
  });
  expect(world.isDone(script)).toBe(false);
  const other = world.statement('insert into t(x) values(7)');
  expect(world.isDone(other)).toBe(true);
  for (let turn = 0; turn < 60 && !world.isDone(script); turn++) {
    world.clock.advance(100);
    world.collect();
  }
  expect(world.end(script)).toMatchObject({ kind: 'done', results: { length: 30 } });
  world.settle();

  const query = `${counted(500)} select max(n) from c`;
  const batch = reader.submit(
    {
      action: 'batch',
      mode: 'read',
      statements: packed(
        Array(30).fill({ sql: query, parameters: { kind: 'positional', values: [] } }),
      ),
    },
    {},
  );
  const isDone = () => reader.answers.get(batch)?.at(-1)?.end !== undefined;
  expect(isDone()).toBe(false);
  expect(reader.rows('select count(*) from t')).toEqual([[31]]);
  for (let turn = 0; turn < 60 && !isDone(); turn++) {
    reader.send({ kind: 'credit', request: batch, batches: 1 });
    world.clock.advance(100);
    reader.collect();
  }
  expect(reader.code(batch)).toBe('done');
  expect(rowsOf(reader.answers.get(batch) ?? []).length).toBe(30);
});
