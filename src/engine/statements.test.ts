import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf, EnginePair, one, rows } from '../../test/support/engine-pair.ts';
import { utf8, type Value } from '../base/index.ts';
import { COLUMN_TYPE } from './index.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

describe('values', () => {
  test.each<[Value, string, Value]>([
    [null, 'null', null],
    [Number.NaN, 'null', null],
    [0, 'integer', 0],
    [-1, 'integer', -1],
    [2 ** 31, 'integer', 2 ** 31],
    [-(2 ** 31), 'integer', -(2 ** 31)],
    [Number.MAX_SAFE_INTEGER, 'integer', Number.MAX_SAFE_INTEGER],
    [Number.MIN_SAFE_INTEGER, 'integer', Number.MIN_SAFE_INTEGER],
    [2 ** 53, 'real', 2 ** 53],
    [-0, 'real', -0],
    [1.5, 'real', 1.5],
    [Number.POSITIVE_INFINITY, 'real', Number.POSITIVE_INFINITY],
    [INT64_MAX, 'integer', INT64_MAX],
    [INT64_MIN, 'integer', INT64_MIN],
    [2n ** 53n, 'integer', 2n ** 53n],
    [-(2n ** 53n) - 1n, 'integer', -(2n ** 53n) - 1n],
    [5n, 'integer', 5],
    ['', 'text', ''],
    ['nul\0inside\0', 'text', 'nul\0inside\0'],
    ['käse 漢字 \u{1f600}', 'text', 'käse 漢字 \u{1f600}'],
    [new Uint8Array(0), 'blob', new Uint8Array(0)],
    [new Uint8Array([0, 1, 255]), 'blob', new Uint8Array([0, 1, 255])],
  ])('%s is stored as %s', (value, type, expected) => {
    const k = new EnginePair();
    k.write('create table t(v)');
    rows(k.writer, 'insert into t values(?)', value);
    expect(rows(k.writer, 'select typeof(v), v from t')).toEqual([[type, expected]]);
    k.end();
  });

  test('any value round-trips', () => {
    const k = new EnginePair();
    const arbitrary = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 300 }),
      fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
      fc.double({ noNaN: true }),
      fc.integer({ min: 21_800, max: 33_000 }).map((length) => 'ä'.repeat(length)),
      fc.integer({ min: 65_530, max: 65_540 }).map((length) => new Uint8Array(length).fill(7)),
    );
    const run = (value: Value): void => {
      const expected =
        typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
      const actual = one(k.writer, 'select ?', value);
      // Comparing large arrays element by element takes vitest seconds.
      if (expected instanceof Uint8Array && actual instanceof Uint8Array) {
        expect(Buffer.compare(actual, expected)).toBe(0);
      } else expect(actual).toBe(expected);
    };
    fc.assert(fc.property(arbitrary, run), { numRuns: 300 });
    k.end();
  });

  test('what does not fit into 64 bits is refused, not wrapped', () => {
    const k = new EnginePair();
    for (const value of [INT64_MAX + 1n, INT64_MIN - 1n]) {
      expect(() => one(k.writer, 'select ?', value)).toThrow(/does not fit/);
    }
    expect(codeOf(() => rows(k.writer, 'select ?', 1, 2))).toBe(25);
    k.end();
  });

  test('a float that is an integer can be bound as a float', () => {
    const k = new EnginePair();
    const { statement } = k.writer.prepare('select typeof(?1)');
    statement?.bindDouble(1, 1);
    expect(statement?.step()).toBe(true);
    expect(statement?.text(0)).toBe('real');
    statement?.release();
    k.end();
  });

  test('columns can be read without intermediate objects', () => {
    const k = new EnginePair();
    const { statement } = k.writer.prepare(
      "select 9223372036854775807, 1.5, 'käse', x'0102', null, 7",
    );
    if (statement === undefined) expect.fail();
    statement.step();
    expect([0, 1, 2, 3, 4].map((i) => statement.type(i))).toEqual([
      COLUMN_TYPE.integer,
      COLUMN_TYPE.float,
      COLUMN_TYPE.text,
      COLUMN_TYPE.blob,
      COLUMN_TYPE.null,
    ]);
    expect(statement.bigint(0)).toBe(INT64_MAX);
    expect(statement.integer(0)).toBe(INT64_MAX);
    expect(statement.integer(5)).toBe(7);
    expect(statement.double(1)).toBe(1.5);
    expect([...statement.textBytes(2)]).toEqual([...utf8('käse')]);
    expect([...statement.blobBytes(3)]).toEqual([1, 2]);
    statement.release();
    k.end();
  });
});

describe('compiling', () => {
  test('tail offsets are bytes of the UTF-8 text', () => {
    const k = new EnginePair();
    const sql = "select 'ä漢'; -- é\n select 2 ;  /* tail */ ";
    const text = utf8(sql);
    const seen: [string | undefined, number][] = [];
    let offset = 0;
    while (offset < text.length) {
      const { statement, tail } = k.writer.prepareAt(text, offset);
      seen.push([statement?.sql, tail]);
      statement?.release();
      offset = tail;
    }
    expect(seen).toEqual([
      ["select 'ä漢';", utf8("select 'ä漢';").length],
      [' -- é\n select 2 ;', utf8("select 'ä漢'; -- é\n select 2 ;").length],
      [undefined, text.length],
    ]);
    const { statement, tail } = k.writer.prepare(sql);
    expect([statement?.sql, tail]).toEqual(["select 'ä漢';", utf8("select 'ä漢';").length]);
    statement?.release();
    k.end();
  });

  test('a long script is compiled statement by statement', () => {
    const k = new EnginePair();
    k.write('create table t(a)');
    const script = Array.from({ length: 4000 }, (_, i) => `insert into t values(${i}); -- ö`);
    k.write(`begin; ${script.join('\n')}\n; commit`);
    expect(rows(k.writer, 'select count(*), sum(a) from t')).toEqual([[4000, 7_998_000]]);
    const broken = `${'select 1;'.repeat(10_000)} select nope`;
    expect(() => k.writer.execute(broken)).toThrow(expect.objectContaining({ offset: 90_008 }));
    expect(() => k.writer.execute(`${broken}\0`)).toThrow(/NUL/);
    expect(() => k.writer.prepare(`select '${'x'.repeat(70_000)}' nope nope`)).toThrow();
    expect(one(k.writer, 'select 1')).toBe(1);
    k.end();
  });

  test('errors name code, extended code, offset in the text, and message', () => {
    const k = new EnginePair();
    k.write('create table t(a integer primary key, b unique not null)');
    const fails = (sql: string): unknown => {
      try {
        k.writer.execute(sql);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(fails('select 1; select nope from t')).toMatchObject({
      code: 'SQLITE_ERROR',
      rawCode: 1,
      offset: 17,
      message: 'no such column: nope',
    });
    k.write('insert into t values(1,1)');
    expect(fails('insert into t values(2,1)')).toMatchObject({
      code: 'SQLITE_CONSTRAINT',
      extendedCode: 'SQLITE_CONSTRAINT_UNIQUE',
      rawCode: 2067,
      message: 'UNIQUE constraint failed: t.b',
    });
    expect(fails('insert into t values(2,null)')).toMatchObject({
      extendedCode: 'SQLITE_CONSTRAINT_NOTNULL',
    });
    expect(fails('select 1\0; drop table t')).toMatchObject({ code: 'SQLITE_ERROR', offset: 8 });
    expect(one(k.writer, 'select count(*) from t')).toBe(1);
    k.end();
  });

  test('what a statement says about itself', () => {
    const k = new EnginePair();
    k.write('create table t(a integer primary key, b varchar(10), c)');
    const { statement } = k.writer.prepare('select a, b as "x y", c+1 from t where a=:a and b=?5');
    expect(statement).toMatchObject({
      readonly: true,
      isExplain: false,
      parameterCount: 5,
      parameterNames: [':a', '', '', '', '?5'],
      columnNames: ['a', 'x y', 'c+1'],
      columnTypes: ['INTEGER', 'varchar(10)', ''],
    });
    statement?.release();
    const insert = k.writer.prepare('insert into t values(?,?,?)').statement;
    expect(insert).toMatchObject({ readonly: false, columnCount: 0, parameterNames: ['', '', ''] });
    insert?.release();
    const explain = k.writer.prepare('explain query plan select 1').statement;
    expect(explain?.isExplain).toBe(true);
    explain?.release();
    k.end();
  });

  test('statements are cached by text, up to a limit, and not while in use', () => {
    const k = new EnginePair({ cachedStatements: 2 });
    const prepare = (sql: string) => k.writer.prepare(sql).statement;
    const first = prepare('select 1');
    const second = prepare('select 1');
    expect(second).not.toBe(first);
    first?.release();
    second?.release();
    expect(() => second?.step()).toThrow(/released/);
    const again = prepare('select 1');
    expect(again).toBe(first);
    again?.release();
    for (const sql of ['select 2', 'select 3', 'select 4']) prepare(sql)?.release();
    expect(prepare('select 1')).not.toBe(first);
    k.end();
  });

  test('bindings do not survive a release', () => {
    const k = new EnginePair();
    expect(one(k.writer, 'select ?', 5)).toBe(5);
    expect(one(k.writer, 'select ?')).toBe(null);
    k.end();
  });

  test('the pragma experimental_pragma of SQLite itself reaches no hook', () => {
    const names: string[] = [];
    const k = new EnginePair(
      {},
      {
        hooks: {
          pragma: (name) => {
            names.push(name);
            if (name === 'mine') return { kind: 'row', text: 'yes' };
            if (name === 'done') return { kind: 'none' };
            return name === 'bad' ? { kind: 'error', message: 'not now' } : undefined;
          },
        },
      },
    );
    k.write('create table t(a); insert into t values(1)');
    expect(names).toEqual([]);
    expect(one(k.writer, 'pragma mine')).toBe('yes');
    expect(rows(k.writer, 'pragma done')).toEqual([]);
    expect(() => k.writer.execute('pragma bad')).toThrow('not now');
    k.end();
  });
});

describe('running', () => {
  test('the progress hook interrupts an endless query; interrupt() too', () => {
    let calls = 0;
    const k = new EnginePair({}, { hooks: { progress: () => ++calls > 10 } });
    const endless =
      'with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c';
    expect(codeOf(() => one(k.writer, endless))).toBe(9);
    expect(calls).toBe(11);
    calls = -1e9;
    const { statement } = k.writer.prepare(endless.replace('count(*)', 'x'));
    expect(statement?.step()).toBe(true);
    k.writer.interrupt();
    expect(codeOf(() => statement?.step())).toBe(9);
    statement?.release();
    expect(one(k.writer, 'select 1')).toBe(1);
    k.end();
  });

  test('an error thrown by a hook comes out of the call, and SQLite stays usable', () => {
    const state = { broken: false };
    const k = new EnginePair(
      {},
      {
        hooks: {
          beforeCommit: () => {
            if (state.broken) throw new Error('a defect');
            return 0;
          },
        },
      },
    );
    k.write('create table t(a)');
    state.broken = true;
    expect(() => k.write('insert into t values(1)')).toThrow('a defect');
    state.broken = false;
    k.write('insert into t values(2)');
    expect(rows(k.writer, 'select a from t')).toEqual([[2]]);
    k.end();
  });

  test('limits', () => {
    const k = new EnginePair();
    const before = k.writer.limit(0, 1000);
    expect(before).toBeGreaterThan(1e6);
    expect(k.writer.limit(0, -1)).toBe(1000);
    expect(codeOf(() => one(k.writer, 'select zeroblob(2000)'))).toBe(18);
    k.end();
  });

  test('closing a connection in the middle of things frees everything', () => {
    const k = new EnginePair();
    k.write('create table t(a)');
    const db = k.open({}, 'head');
    db.execute('begin; insert into t values(1); create temp table x(y)');
    const { statement } = db.prepare('select * from t');
    statement?.step();
    db.close();
    db.close();
    expect(() => statement?.step()).toThrow(/closed/);
    statement?.reset();
    statement?.release();
    expect(k.store.hasWriter).toBe(false);
    expect(k.engine.connections).toBe(1);
    expect(k.problem()).toBe('');
    expect(k.end()).toBe(0);
  });
});

describe('counters of a session on a shared connection (M11)', () => {
  test("last_insert_rowid(), changes(), total_changes() are the session's own", () => {
    const k = new EnginePair();
    const db = k.writer;
    k.write('create table t(a integer primary key, b)');
    const ask = (): unknown =>
      rows(db, 'select last_insert_rowid(), changes(), total_changes()')[0];
    db.counters = { lastInsertRowid: 0n, changes: 0n, totalChanges: 0n };
    db.execute('insert into t values(5,1),(6,1)');
    expect([db.lastInsertRowid, db.changes]).toEqual([6n, 2n]);
    const a = { lastInsertRowid: 6n, changes: 2n, totalChanges: 2n };
    const b = { lastInsertRowid: 0n, changes: 0n, totalChanges: 0n };
    db.counters = b;
    expect(ask()).toEqual([0, 0, 0]);
    db.execute('insert into t values(9,1)');
    Object.assign(b, {
      lastInsertRowid: db.lastInsertRowid,
      changes: db.changes,
      totalChanges: 1n,
    });
    expect(ask()).toEqual([9, 1, 1]);
    db.counters = a;
    expect(ask()).toEqual([6, 2, 2]);
    k.end();
  });

  test('inside triggers they follow the statement', () => {
    const k = new EnginePair();
    const db = k.writer;
    k.write(`create table t(a integer primary key); create table child(id integer primary key, x);
      create table log(rowid_seen, changes_seen);
      create trigger tr after insert on t begin
        insert into child(id, x) values(new.a*100, 1), (new.a*100+1, 1);
        insert into log values(last_insert_rowid(), changes()); end`);
    db.counters = { lastInsertRowid: 77n, changes: 5n, totalChanges: 5n };
    db.execute('insert into t values(3)');
    expect(db.lastInsertRowid).toBe(3n);
    expect(rows(db, 'select * from log')).toEqual([[301, 2]]);
    k.end();
  });
});
