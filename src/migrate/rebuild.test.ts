import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Release, SchemaCluster, type Step } from '../machine/testing/schema-cluster.ts';
import { useSqlite } from '../machine/testing/world.ts';
import { type RebuildOptions, rebuildTable } from './rebuild.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const TABLES: Step = {
  name: '0001',
  kind: 'expand',
  sql: `create table orders (id integer primary key autoincrement, qty text, [odd, name] text);
    create table line (id integer primary key, orders references orders (id) on delete cascade);
    create table log (what text);
    create index orders_qty on orders (qty);
    create index orders_gone on orders ([odd, name]);
    create trigger orders_log after insert on orders begin insert into log values (new.qty); end;
    create trigger line_log after insert on line begin insert into log select qty from orders; end;
    create view big as select id from orders where qty > 5;
    insert into orders (id, qty, [odd, name]) values (1, null, 'a'), (9, 7, 'b');
    delete from orders where id = 9; insert into orders (id, qty) values (2, 8);
    insert into line values (1, 1), (2, 2);`,
};

const REBUILD: RebuildOptions = {
  table: 'Orders',
  create: `CREATE TABLE if not exists "orders" ( -- the new shape, with a comment
    id integer primary key autoincrement,
    qty integer not null check (qty >= 0), "odd, name" text default 'none',
    twice integer generated always as (qty * 2), half as (qty / 2),
    primary_note text, constraint c unique (id, qty));`,
  copy: { QTY: 'coalesce(qty, 1)', primary_note: null },
  drops: ['orders_gone'],
  indexes: ['create index orders_twice on orders (twice);'],
};

function rebuilt(options: RebuildOptions) {
  const cluster = new SchemaCluster();
  const { sql, mayLoseRows = [] } = rebuildTable('0002', options);
  const release = new Release(TABLES, { name: '0002', kind: 'breaking', sql });
  cluster.register('1', release);
  expect(cluster.migrate(release, '0001').code).toBe('done');
  return { cluster, result: cluster.migrate(release, '0002', { mayLoseRows }) };
}

const OBJECTS =
  "select type, name from sqlite_schema where name not glob '*_schema_*' and name not glob 'sqlite_*' order by type, name";

describe('rebuildTable', () => {
  it('keeps rows that refer to the table, indexes, triggers, views and the numbers given so far', () => {
    const { cluster, result } = rebuilt(REBUILD);
    expect([result.code, result.answer.message]).toEqual(['done', undefined]);
    const { world } = cluster;
    const session = { session: 5 };
    world.run('pragma foreign_keys = on', [], session);
    world.run('begin immediate', [], session);
    const rows = (sql: string) => world.rows(sql, [], session);
    expect(rows('select id, qty, [odd, name], twice, primary_note from orders')).toEqual([
      [1, 1, 'a', 2, null],
      [2, 8, null, 16, null],
    ]);
    expect(rows('select orders from line')).toEqual([[1], [2]]);
    expect(rows(OBJECTS)).toEqual([
      ['index', 'orders_qty'],
      ['index', 'orders_twice'],
      ['table', 'line'],
      ['table', 'log'],
      ['table', 'orders'],
      ['trigger', 'line_log'],
      ['trigger', 'orders_log'],
      ['view', 'big'],
    ]);
    expect(rows('select id from big')).toEqual([[2]]);
    world.run('insert into orders (qty) values (3)', [], session);
    expect(rows('select max(id) from orders')).toEqual([[10]]);
    expect(rows('select what from log where rowid = (select max(rowid) from log)')).toEqual([
      ['3'],
    ]);
    // The foreign key still points to the table.
    world.run('delete from orders where id = 2', [], session);
    expect(rows('select id from line')).toEqual([[1]]);
  });

  it('fails as a whole when an index does not fit any more, or rows would be lost', () => {
    const misfit = rebuilt({
      ...REBUILD,
      drops: [],
      indexes: [],
      create: 'create table orders (id, qty)',
      copy: {},
    });
    expect(misfit.result.code).toBe('MIGRATION_FAILED');
    expect(misfit.result.answer.message).toMatch(/index orders_gone does not fit .* "drops"/);
    const losing: RebuildOptions = {
      ...REBUILD,
      copy: { qty: 'qty', primary_note: null },
      create: REBUILD.create.replace('not null check', 'not null on conflict ignore check'),
    };
    expect(rebuilt(losing).result.code).toBe('ROWCOUNT_TRIPWIRE');
    expect(rebuilt({ ...losing, mayLoseRows: ['orders'] }).result.code).not.toBe(
      'ROWCOUNT_TRIPWIRE',
    );
    // A column that the old table lacks is no text by chance.
    const missing = rebuilt({ ...REBUILD, copy: { qty: '1' } }).result;
    expect(missing.answer.message).toMatch(/no such column: .*primary_note/);
  });

  it.each([
    ['create view orders as select 1', /begins with create table/],
    ['create table other (id)', /makes the table Orders/],
    ['create table orders as select 1', /columns in parentheses/],
    ['create table orders (id); drop table line', /one statement/],
  ])('refuses %s', (create, message) => {
    expect(() => rebuildTable('x', { ...REBUILD, create })).toThrow(message);
  });

  it('refuses to fill a column that is not there', () => {
    expect(() => rebuildTable('x', { ...REBUILD, copy: { none: '1' } })).toThrow(/names none/);
  });
});
