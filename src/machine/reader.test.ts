import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { packed } from '../../test/support/batches.ts';

import type { Submit } from './messages.ts';
import { SharedDirectory } from './shared-directory.ts';
import type { DirectoryMessage } from './store-directory.ts';
import { ReaderWorld, rowsOf, TestPort, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const READ_ONLY: Partial<Submit> = { session: 9 };

function ready(): { readonly world: World; readonly reader: ReaderWorld } {
  const world = new World();
  world.lead();
  world.run('create table t(id integer primary key, x)');
  world.run("insert into t values(1, 'one'), (2, 'two')");
  world.settle();
  world.settle();
  return { world, reader: new ReaderWorld(world.machine.directory, world.clock) };
}

const many = (count: number) =>
  `with recursive c(n) as (select 1 union all select n + 1 from c where n < ${count}) select n, printf('%050d', n) from c`;

describe('reader', () => {
  it('sees what is published and says how far that is', () => {
    const { world, reader } = ready();
    world.run("insert into t values(3, 'three')");
    const request = reader.statement('select count(*) from t');
    expect(rowsOf(reader.answers.get(request) ?? [])).toEqual([[[2]]]);
    expect(reader.answers.get(request)?.[0].observed).toEqual({
      kind: 'published',
      index: world.index,
    });
    world.settle();
    expect(reader.rows('select count(*) from t')).toEqual([[3]]);
  });

  it('a batch of more statements than its reader may be ahead is told as far as it is, and goes on', () => {
    const { reader } = ready();
    const parameters = { kind: 'positional', values: [] } as const;
    const statements = Array.from({ length: 5 }, () => ({ sql: 'select x from t', parameters }));
    const request = reader.submit({
      action: 'batch',
      mode: 'read',
      statements: packed(statements),
    });
    // As a server does it: more is asked for when something has come.
    let asked = 0;
    for (let i = 0; i < statements.length; i++) {
      const told = (reader.answers.get(request) ?? []).flatMap(({ rows }) => rows).length;
      if (told > asked) reader.send({ kind: 'credit', request, batches: told - asked });
      asked = told;
    }
    expect(reader.code(request)).toBe('done');
    expect(rowsOf(reader.answers.get(request) ?? [])).toEqual(
      statements.map(() => [['one'], ['two']]),
    );
  });

  it('what writes after rows have left is refused, not run a second time elsewhere', () => {
    const { reader } = ready();
    const parameters = { kind: 'positional', values: [] } as const;
    const write = 'with c(n) as (select 9) insert into t(id) select n from c';
    const statements = ['select 1', 'select 2', 'select 3', write].map((sql) => {
      return { sql, parameters };
    });
    const request = reader.submit({
      action: 'batch',
      mode: 'deferred',
      statements: packed(statements),
    });
    reader.send({ kind: 'credit', request, batches: 2 });
    expect(reader.code(request)).toBe('SQLITE_READONLY');
  });

  it('redirects what is not for it', () => {
    const { world, reader } = ready();
    const redirected = [
      "insert into t values(3, 'c')",
      'with c(n) as (select 3) insert into t(id) select n from c',
      'begin',
      'pragma foreign_keys = off',
      'pragma user_version = 3',
      'create temp table x(a)',
      'select last_insert_rowid()',
      'vacuum',
    ];
    for (const sql of redirected) {
      expect([sql, reader.code(reader.statement(sql))]).toEqual([sql, 'redirect']);
      // And the machine takes what a reader does not.
      const request = world.statement(sql, [], { session: 77 });
      expect([sql, world.code(request)]).not.toEqual([sql, 'redirect']);
      world.send({ kind: 'close-session', session: 77 });
    }
    for (const sql of [
      'select 1',
      'pragma user_version',
      'pragma table_info(t)',
      'explain select 1',
    ]) {
      expect(reader.code(reader.statement(sql))).toBe('done');
      expect(world.code(world.statement(sql))).toBe('redirect');
    }
  });

  it('produces no more batches than its consumer takes', () => {
    const { reader } = ready();
    const request = reader.statement(many(5000), {}, 'dqlite');
    const answers = () => reader.answers.get(request) ?? [];
    const batches = () => answers().flatMap((answer) => answer.rows).length;
    expect(batches()).toBe(2);
    expect(answers().at(-1)?.end).toBeUndefined();
    reader.send({ kind: 'credit', request, batches: 3 });
    expect(batches()).toBe(5);
    // Others are served meanwhile, from the version of now.
    expect(reader.rows('select count(*) from t')).toEqual([[2]]);
    for (let i = 0; i < 200; i++) reader.send({ kind: 'credit', request, batches: 1 });
    expect(reader.code(request)).toBe('done');
    const sizes = answers().flatMap((answer) => answer.rows.map((batch) => batch.length));
    expect(Math.max(...sizes)).toBeLessThan(4096 + 100);
    expect(batches()).toBeGreaterThan(80);
  });

  it('keeps the version of a query that is read slowly', () => {
    const { world, reader } = ready();
    world.run(
      `insert into t(x) ${many(2000).replace('n, ', '')}`
        .replace(/^insert into t\(x\) with/, 'with')
        .replace(/ select printf/, ' insert into t(x) select printf'),
    );
    world.settle();
    const request = reader.statement('select id, x from t', {}, 'extension');
    for (let i = 0; i < 5; i++) {
      world.run('delete from t where id % 5 = ?', [i]);
      world.settle();
    }
    for (let i = 0; i < 50; i++) reader.send({ kind: 'credit', request, batches: 1 });
    expect(reader.code(request)).toBe('done');
    expect(rowsOf(reader.answers.get(request) ?? [])[0].length).toBe(2002);
    expect(reader.rows('select count(*) from t')).toEqual([[0]]);
  });

  it('ends an endless query on request, at its deadline, and with its session', () => {
    const { world, reader } = ready();
    const endless =
      'with recursive c(n) as (select 1 union all select n + 1 from c where n < 5000000) select max(n) from c';
    let drains = 0;
    reader.port.onDrain = () => {
      drains++;
      if (drains === 10) reader.port.put({ kind: 'interrupt', request: 1 });
    };
    const request = reader.statement(endless);
    reader.port.onDrain = undefined;
    expect(reader.code(request)).toBe('SQLITE_INTERRUPT');
    world.clock.tickMs = 1;
    expect(reader.code(reader.statement(endless, { timeoutMs: 20 }))).toBe('TIMEOUT');
    world.clock.tickMs = 0;
    const slow = reader.statement(many(100_000), { timeoutMs: 50 });
    world.clock.advance(60);
    reader.collect();
    expect(reader.code(slow)).toBe('TIMEOUT');
    expect(reader.rows('select 1')).toEqual([[1]]);
  });

  it('serves a read-only transaction at one version', () => {
    const { world, reader } = ready();
    expect(reader.code(reader.statement('begin', READ_ONLY))).toBe('done');
    expect(reader.rows('select count(*) from t', READ_ONLY)).toEqual([[2]]);
    const index = world.index;
    world.run("insert into t values(3, 'c')");
    world.settle();
    const again = reader.statement('select count(*) from t', READ_ONLY);
    expect(rowsOf(reader.answers.get(again) ?? [])).toEqual([[[2]]]);
    expect(reader.answers.get(again)?.[0].observed).toEqual({ kind: 'published', index });
    expect(reader.code(reader.statement("insert into t values(4, 'd')", READ_ONLY))).toBe(
      'SQLITE_READONLY',
    );
    expect(reader.code(reader.statement('commit', READ_ONLY))).toBe('done');
    expect(reader.rows('select count(*) from t', READ_ONLY)).toEqual([[3]]);
    reader.statement('begin', READ_ONLY);
    world.clock.advance(5001);
    reader.collect();
    expect(reader.code(reader.statement('select 1', READ_ONLY))).toBe('TRANSACTION_IDLE');
    expect(reader.code(reader.statement('rollback', READ_ONLY))).toBe('done');
    expect(reader.rows('select 1', READ_ONLY)).toEqual([[1]]);
  });

  it('runs a batch of reads on one version', () => {
    const { reader } = ready();
    const statements = [
      'select count(*) from t',
      'select id from t where id = 9',
      'select x from t',
    ];
    const request = reader.submit({
      action: 'batch',
      mode: 'read',
      statements: packed(
        statements.map((sql) => ({ sql, parameters: { kind: 'positional', values: [] } })),
      ),
    });
    expect(reader.answers.get(request)?.at(-1)?.end).toBeUndefined();
    reader.send({ kind: 'credit', request, batches: 5 });
    expect(reader.end(request)).toMatchObject({ results: { length: 3 } });
    expect(rowsOf(reader.answers.get(request) ?? [])).toEqual([[[2]], [], [['one'], ['two']]]);
  });

  it('knows databases that nobody has written as empty ones', () => {
    const { reader } = ready();
    const options = { database: 'new.db' };
    expect(reader.rows('select count(*) from sqlite_schema', options)).toEqual([[0]]);
    expect(reader.code(reader.statement('select 1', { database: '../x' }))).toBe('DATABASE_NAME');
  });

  it('describes statements', () => {
    const { reader } = ready();
    const request = reader.submit({
      action: 'describe',
      sql: 'select id, x as y from t where id = :id; -- end',
    });
    expect(reader.end(request)).toEqual({
      kind: 'described',
      description: {
        parameters: [':id'],
        columns: ['id', 'y'],
        columnTypes: ['INTEGER', ''],
        readonly: true,
        tail: 40,
        tailEmpty: true,
      },
    });
    const writing = reader.submit({ action: 'describe', sql: 'insert into t values(1, 2)' });
    expect(reader.end(writing)).toMatchObject({ description: { readonly: false } });
    expect(reader.code(reader.submit({ action: 'describe', sql: ' -- nothing' }))).toBe(
      'EMPTY_STATEMENT',
    );
  });
});

describe('a reader in another thread', () => {
  it('reads the same pages over shared memory', () => {
    const port = new TestPort<DirectoryMessage, never>();
    const { world } = ready();
    for (const message of world.machine.directory.snapshot(world.arena.slabs())) port.post(message);
    const feed = new TestPort<never, DirectoryMessage>();
    const reader = new ReaderWorld(new SharedDirectory(feed, 1), world.clock);
    for (const message of port.sent) feed.put(message);
    expect(reader.rows('select id, x from t')).toEqual([
      [1, 'one'],
      [2, 'two'],
    ]);
    const slow = reader.statement('select a.id from t a, t b, t c, t d', {}, 'dqlite');
    world.run("insert into t values(3, 'c')");
    world.settle();
    expect(reader.rows('select count(*) from t')).toEqual([[3]]);
    expect(reader.code(slow)).toBe('done');
  });

  it('never reads a store that was replaced before it heard of that', () => {
    const { world } = ready();
    const { directory } = world.machine;
    const feed = new TestPort<never, DirectoryMessage>();
    const reader = new ReaderWorld(new SharedDirectory(feed, 1), world.clock);
    const tell = (): void => {
      for (const message of directory.snapshot(world.arena.slabs())) feed.put(message);
    };
    tell();
    expect(reader.rows('select count(*) from t')).toEqual([[2]]);
    world.run('begin immediate', [], { session: 1 });
    world.run('pragma delete_database', [], { session: 1 });
    world.run('commit', [], { session: 1 });
    world.settle();
    world.run('create table other(x)');
    world.run("insert into other values('new')");
    world.settle();
    world.settle();
    // The messages are on their way: the reader has not looked at them.
    tell();
    expect(reader.rows('select x from other')).toEqual([['new']]);
  });

  it('gives back the pages of a store that was replaced while it was read', () => {
    const { world } = ready();
    const { directory } = world.machine;
    const feed = new TestPort<never, DirectoryMessage>();
    const reader = new ReaderWorld(new SharedDirectory(feed, 1), world.clock);
    for (const message of directory.snapshot(world.arena.slabs())) feed.put(message);
    const used = (): number => {
      const { slots, slotsFree } = world.machine.statistics();
      return slots - slotsFree;
    };
    const query = 'select a.id from t a, t b, t c, t d';
    const slow = reader.statement(`${query}, t e, t f, t g, t h, t i, t j`, {}, 'dqlite');
    expect(reader.answers.get(slow)?.at(-1)?.end).toBeUndefined();
    world.run('begin immediate', [], { session: 1 });
    world.run('pragma delete_database', [], { session: 1 });
    world.run('commit', [], { session: 1 });
    world.settle();
    expect(used()).toBeGreaterThan(0);
    reader.send({ kind: 'interrupt', request: slow });
    world.send({ kind: 'statistics', id: 1 });
    expect(used()).toBe(0);
  });
});

describe('a brief reader', () => {
  function brief(): { readonly world: World; readonly reader: ReaderWorld } {
    const { world } = ready();
    return { world, reader: new ReaderWorld(world.machine.directory, world.clock, 0, true) };
  }

  it('answers what is over in a moment', () => {
    const { reader } = brief();
    expect(reader.rows('select x from t where id = 2')).toEqual([['two']]);
    expect(reader.rows('select count(*) from t')).toEqual([[2]]);
    expect(reader.rows('select upper(max(x)) from t')).toEqual([['TWO']]);
  });

  it('leaves to others what takes long, has many rows, holds long values or fails', () => {
    const { world, reader } = brief();
    world.run(`insert into t(x) ${many(20_000).replace('n, printf', 'printf')}`);
    world.settle();
    world.settle();
    const declined = [
      'select count(*) from t', // one operation, many pages
      'select max(x) from t',
      'pragma integrity_check', // tells what failed as rows
      'pragma quick_check(t)',
      "with recursive c(n) as (select 1 union all select n + 1 from c) select 'for ever' from c where n < 0",
      many(200),
      'select zeroblob(100000)',
      `select '${'long'.repeat(2000)}'`,
      // One operation, which nothing interrupts.
      "select x from t where x like '%t%w%o%'",
      "select instr(x, 'w') from t",
      'select json_array(x) from t',
      'select y from t',
      'select',
      'with c(n) as (select 9) insert into t(id) select n from c',
    ];
    for (const sql of declined) {
      const request = reader.statement(sql);
      expect([sql, reader.code(request)]).toEqual([sql, 'redirect']);
      expect(reader.answers.get(request)?.flatMap(({ rows }) => rows)).toEqual([]);
      // It is as good as new after that.
      expect(reader.rows('select x from t where id = 1')).toEqual([['one']]);
    }
  });

  it('holds no version back with what it has declined', () => {
    const { world, reader } = brief();
    reader.statement(many(200));
    world.run('delete from t');
    world.settle();
    world.settle();
    expect(reader.rows('select count(*) from t')).toEqual([[0]]);
  });

  it('keeps its version for the next statement, until something newer is published or a moment is over', () => {
    const { world, reader } = brief();
    const store = world.machine.directory.find('main.db');
    const change = (x: string): void => {
      world.run(`update t set x = '${x}' where id = 1`);
      world.collect();
      world.commit();
    };
    expect(reader.rows('select x from t where id = 1')).toEqual([['one']]);
    expect(reader.rows('select x from t where id = 2')).toEqual([['two']]);
    change('first');
    expect(store?.retainedBytes).toBeGreaterThan(0);
    expect(reader.rows('select x from t where id = 1')).toEqual([['first']]);
    expect(store?.retainedBytes).toBe(0);
    change('second');
    expect(store?.retainedBytes).toBeGreaterThan(0);
    world.clock.advance(1);
    expect(store?.retainedBytes).toBe(0);
    expect(reader.rows('select x from t where id = 1')).toEqual([['second']]);
  });

  it('sees a changed schema, and says at which index it has read', () => {
    const { world, reader } = brief();
    expect(reader.rows('select * from t where id = 1')).toEqual([[1, 'one']]);
    world.run('alter table t add column y default 7');
    world.settle();
    world.settle();
    const request = reader.statement('select * from t where id = 1');
    expect(rowsOf(reader.answers.get(request) ?? [])).toEqual([[[1, 'one', 7]]]);
    expect(reader.answers.get(request)?.[0].observed).toEqual({
      kind: 'published',
      index: world.index,
    });
  });
});
