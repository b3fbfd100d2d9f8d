import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Backfill, Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

function backfill(create: string, batch: { readonly run: string }, more: object = {}) {
  const fill = new Backfill('0002', { table: 't', key: 'id', rows: 2, ...batch });
  const release = new Release({ name: '0001', kind: 'expand', sql: create }, fill);
  const cluster = new SchemaCluster();
  cluster.register('1', release);
  expect(cluster.migrate(release, '0001').code).toBe('done');
  const count = (of = 't'): unknown => cluster.look(`select count(*) from ${of}`);
  return { cluster, run: () => cluster.batch(release, fill, more), count };
}

describe('backfills that lose rows', () => {
  const ROWS =
    "create table t(id integer primary key, a, b); insert into t values (1, 'x', null), (2, 'y', null), (3, 'z', null);";

  it('a step that deletes is rolled back, unless it is meant', () => {
    const run = 'delete from t where id > :after and id <= :upto';
    const lost = backfill(ROWS, { run });
    expect(lost.run().code).toBe('ROWCOUNT_TRIPWIRE');
    expect(lost.count()).toBe(3);
    const meant = backfill(ROWS, { run }, { mayLoseRows: ['T'] });
    expect(meant.run().code).toBe('done');
    expect(meant.count()).toBe(1);
  });

  it('a step that replaces rows of others, or whose trigger deletes, is rolled back', () => {
    const unique = `${ROWS} create unique index u on t(b);`;
    const replacing = "update or replace t set b = 'same' where id > :after and id <= :upto";
    expect(backfill(unique, { run: replacing }).run().code).toBe('ROWCOUNT_TRIPWIRE');
    const constraint = ROWS.replace('b)', 'b unique on conflict replace)');
    const run = "update t set b = 'same' where id > :after and id <= :upto";
    expect(backfill(constraint, { run }).run().code).toBe('ROWCOUNT_TRIPWIRE');
    const trigger = `${ROWS} create table other(x); insert into other values (1);
      create trigger g after update on t begin delete from other; end;`;
    expect(backfill(trigger, { run }).run().code).toBe('ROWCOUNT_TRIPWIRE');
    expect(backfill(ROWS, { run }).run().code).toBe('done');
  });
});

describe('keys that a backfill cannot reach', () => {
  const run = 'update t set b = 1 where id > :after and id <= :upto';

  it.each([
    ['NULL', "insert into t(id) values (null), (null), (null), ('a')"],
    ['the empty text', "insert into t(id) values (''), ('a')"],
  ])('%s is refused', (what, rows) => {
    const at = backfill(`create table t(id text, b); ${rows}`, { run });
    const refused = at.run();
    expect(refused.code).toBe('BACKFILL_INCOMPLETE');
    expect(refused.answer.message).toContain(what);
  });

  it('also when they come in while it runs', () => {
    const at = backfill("create table t(id text, b); insert into t(id) values ('a')", { run });
    expect(at.run().code).toBe('done');
    at.cluster.world.run("insert into t(id) values ('')");
    expect(at.run().code).toBe('BACKFILL_INCOMPLETE');
  });
});

describe('virtual tables', () => {
  const SEARCH: Step = {
    name: '0001',
    kind: 'expand',
    sql: "create virtual table ft using fts5(a); insert into ft values ('one'), ('two'); create table r(x)",
  };

  it.each([
    ['delete from ft where rowid = 1', 'ROWCOUNT_TRIPWIRE'],
    ['drop table ft', 'ROWCOUNT_TRIPWIRE'],
    ["insert into ft values ('three')", 'done'],
    ["insert into ft(ft) values ('optimize')", 'done'],
  ])('%s: %s', (sql, code) => {
    const release = new Release(SEARCH, { name: '0002', kind: 'expand', sql });
    const cluster = new SchemaCluster();
    cluster.register('1', release);
    expect(cluster.migrate(release, '0001').code).toBe('done');
    expect(cluster.migrate(release, '0002').code).toBe(code);
  });

  it('a migration in code may tidy one up', () => {
    const release = new Release(SEARCH, { name: '0002', kind: 'expand', sql: 'code' });
    const cluster = new SchemaCluster();
    cluster.register('1', release);
    cluster.migrate(release, '0001');
    const session = { session: 7 };
    cluster.begin(release, '0002', session);
    cluster.world.run("insert into ft(ft) values ('optimize')", [], session);
    expect(cluster.ask({ op: 'end', run: 'run-1' }, session).code).toBe('done');
  });
});
