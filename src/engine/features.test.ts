import { describe, expect, test } from 'vitest';
import {
  codeOf,
  dump,
  EnginePair,
  hasSqlite3,
  nativeSqlite,
  one,
  rows,
  testEngine,
} from '../../test/support/engine-pair.ts';
import { PageStoreBuilder, SlotArena } from '../pages/index.ts';

function expectSound(k: EnginePair): void {
  expect(k.problem()).toBe('');
  expect(k.end()).toBe(0);
}

const numbers = (count: number): string =>
  `with recursive c(x) as (select 1 union all select x+1 from c where x<${count})`;

describe('what SQLite can do, replicated byte for byte', () => {
  test('VACUUM shrinks, and growing again shows no old page', () => {
    const k = new EnginePair();
    k.write('create table t(a integer primary key, b)');
    k.write(`${numbers(5000)} insert into t select x, randomblob(400) from c`);
    k.write('delete from t where a>100');
    const before = k.store.published.pages;
    k.write('vacuum');
    expect(k.store.published.pages).toBeLessThan(before / 10);
    expect(k.problem()).toBe('');
    k.write('insert into t(b) select randomblob(3000) from t');
    expectSound(k);
  });

  test.each([1, 2])('auto_vacuum=%i', (mode) => {
    const k = new EnginePair();
    k.writer.execute(`pragma auto_vacuum=${mode}`);
    k.write('create table t(a integer primary key, b)');
    expect(one(k.open(), 'pragma auto_vacuum')).toBe(mode);
    k.write(`${numbers(3000)} insert into t select x, randomblob(400) from c`);
    const before = k.store.published.pages;
    k.write('delete from t where a>100');
    k.write('pragma incremental_vacuum(1000)');
    expect(k.store.published.pages).toBeLessThan(before);
    expectSound(k);
  });

  test('setting page_size is refused, and VACUUM keeps 4096', () => {
    const k = new EnginePair();
    k.write('create table t(a)');
    expect(codeOf(() => k.writer.execute('pragma page_size=8192'))).toBe(23);
    k.write('vacuum');
    expect(one(k.writer, 'pragma page_size')).toBe(4096);
    expectSound(k);
  });

  test('FTS5', () => {
    const k = new EnginePair();
    k.write('create virtual table f using fts5(body)');
    for (let i = 0; i < 200; i++) {
      k.write(`insert into f values('hello world number ${i} lorem ipsum ${i * 7}')`);
    }
    k.write("insert into f(f) values('optimize')");
    const reader = k.open();
    expect(one(reader, "select count(*) from f where f match 'hello AND 42'")).toBe(2);
    k.write('delete from f where rowid<100');
    expect(one(reader, "select count(*) from f where f match 'lorem'")).toBe(101);
    expectSound(k);
  });

  test('R*Tree, JSON, STRICT, generated columns, WITHOUT ROWID, AUTOINCREMENT, triggers, views, foreign keys', () => {
    const k = new EnginePair();
    const db = k.writer;
    k.write(`create table p(id integer primary key autoincrement, n text);
      create table c(id integer primary key, p references p on delete cascade);
      create table w(k text primary key, v) without rowid;
      create table log(x);
      create trigger tr after insert on p begin
        insert into log values(new.n); insert into w values(new.n, new.id); end;
      create view vv as select * from p;
      create table g(a int, b int generated always as (a*2) stored) strict;
      create virtual table rt using rtree(id,x0,x1)`);
    k.write(`insert into p(n) values('a'),('b'),('c'); insert into c(p) values(1),(1),(2);
      insert into g(a) values(21); insert into rt values(1,0,5)`);
    k.write('delete from p where id=1');
    expect(one(db, 'select count(*) from c')).toBe(1);
    expect(codeOf(() => k.write('insert into c(p) values(99)'))).toBe(787);
    expect(codeOf(() => k.write("insert into g(a) values('x')"))).toBe(3091);
    k.write("delete from p where id=3; insert into p(n) values('d')");
    expect(one(db, 'select max(id) from vv')).toBe(4);
    expect(one(db, `select json_extract('{"a":[1,2]}','$.a[1]')`)).toBe(2);
    expect(one(db, 'select b from g')).toBe(42);
    expect(one(db, 'select count(*) from rt where x0<3 and x1>3')).toBe(1);
    expect(rows(db, 'select * from w order by k')).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
      ['d', 4],
    ]);
    expectSound(k);
  });

  test('RETURNING, upsert, window functions, common table expressions', () => {
    const k = new EnginePair();
    const db = k.writer;
    k.write('create table t(a integer primary key, b int)');
    expect(rows(db, 'insert into t(b) values(1),(2) returning a, b*10')).toEqual([
      [1, 10],
      [2, 20],
    ]);
    k.write('insert into t values(1,5) on conflict(a) do update set b=b+excluded.b');
    expect(one(db, 'select b from t where a=1')).toBe(6);
    expect(rows(db, 'select a, sum(b) over (order by a) from t')).toEqual([
      [1, 6],
      [2, 8],
    ]);
    expectSound(k);
  });

  test('ALTER, REINDEX, DROP, with a statement of another connection kept compiled', () => {
    const k = new EnginePair();
    k.write('create table t(a integer primary key, b)');
    const reader = k.open();
    const { statement } = reader.prepare('select * from t');
    k.write('insert into t values(1,2)');
    expect(statement?.step()).toBe(true);
    expect(statement?.columnCount).toBe(2);
    expect(statement?.columnNames).toEqual(['a', 'b']);
    expect(statement?.columnTypes).toEqual(['INTEGER', '']);
    statement?.reset();
    k.write('alter table t add column c text default 7');
    expect(statement?.step()).toBe(true);
    expect(statement?.columnNames).toEqual(['a', 'b', 'c']);
    expect(statement?.columnTypes).toEqual(['INTEGER', '', 'TEXT']);
    expect(statement?.value(2)).toBe('7');
    statement?.release();
    k.write(
      'alter table t rename column b to bb; alter table t drop column c; reindex; drop table t',
    );
    expect(codeOf(() => rows(reader, 'select * from t'))).toBe(1);
    expectSound(k);
  });

  test('a blob of many overflow pages', () => {
    const k = new EnginePair();
    k.write('create table t(a integer primary key, b blob)');
    k.write('insert into t values(1, randomblob(5000000))');
    const reader = k.open();
    expect(one(reader, 'select length(b) from t')).toBe(5_000_000);
    const value = one(reader, 'select b from t');
    expect(value instanceof Uint8Array && value.length).toBe(5_000_000);
    expectSound(k);
  });

  test('temporary tables and ATTACH of a temporary database are not replicated', () => {
    const k = new EnginePair();
    const db = k.writer;
    k.write('create table t(a integer primary key, b)');
    k.write(`${numbers(5000)} insert into t select x, hex(randomblob(50)) from c`);
    expect(db.hasSessionState).toBe(false);
    db.execute('create temp table tt as select * from t order by b');
    db.execute("attach '' as m; create table m.x(y); insert into m.x values(1)");
    expect(db.hasSessionState).toBe(true);
    expect(k.store.hasUnsealed).toBe(false);
    expect(one(db, 'select count(*) from tt')).toBe(5000);
    expect(one(db, 'select y from m.x')).toBe(1);
    expectSound(k);
  });

  test('time and randomness come from what the engine was given', () => {
    const answer = (): unknown => {
      const engine = testEngine();
      const k = new EnginePair();
      const db = engine.open(k.store);
      return rows(
        db,
        "select random(), hex(randomblob(8)), datetime('now'), unixepoch(), julianday()",
      );
    };
    const first = answer();
    expect(first).toEqual(answer());
    expect(first).toMatchObject([
      [
        expect.anything(),
        expect.anything(),
        '2023-11-14 22:13:20',
        1_700_000_000,
        expect.closeTo(2460263.4259),
      ],
    ]);
  });
});

describe.skipIf(!hasSqlite3)('images of the sqlite3 program', () => {
  test('a WAL database is loaded, written and read back', () => {
    const source = new EnginePair();
    source.write('create table t(a integer primary key, b); create index i on t(b)');
    source.write(`${numbers(5000)} insert into t select x, hex(randomblob(10)) from c`);
    source.write('delete from t where a%7=0');
    const image = dump(source.store);
    expect(nativeSqlite(image, 'select count(*), max(a) from t')).toBe('4286|5000');
    const builder = new PageStoreBuilder(new SlotArena(), 0);
    builder.append(image);
    const store = builder.finish(5);
    const engine = testEngine();
    const db = engine.open(store);
    db.pinPolicy = 'head';
    db.execute("insert into t(b) values('new'); delete from t where a<500");
    const seal = store.seal();
    expect(seal).toBeDefined();
    if (seal !== undefined) store.publish(seal, 6);
    const written = dump(store);
    expect([written[18], written[19]]).toEqual([2, 2]);
    expect(nativeSqlite(written, 'pragma integrity_check; select count(*) from t')).toBe(
      `ok\n${one(db, 'select count(*) from t')}`,
    );
    source.end();
  });
});
