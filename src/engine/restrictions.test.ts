import { describe, expect, test } from 'vitest';
import { codeOf, EnginePair, one, rows } from '../../test/support/engine-pair.ts';
import { LIMITS } from '../base/index.ts';

const k = new EnginePair();
k.write('create table t(a integer primary key, b); insert into t values(1,1)');
k.writer.privileged = true;
k.write('create table __quorate_state(k primary key, v); insert into __quorate_state values(1,1)');
k.writer.privileged = false;

describe('refused statements', () => {
  test.each([
    'pragma journal_mode=wal',
    'pragma journal_mode=delete',
    'pragma main.journal_mode=off',
    'pragma journal_mode(memory)',
    'pragma page_size=8192',
    'pragma wal_autocheckpoint=10',
    'pragma synchronous=full',
    'pragma synchronous=0',
    'pragma wal_checkpoint',
    'pragma wal_checkpoint(truncate)',
    'pragma busy_timeout',
    'pragma busy_timeout=5',
    'pragma read_uncommitted',
    'pragma read_uncommitted=1',
    'pragma locking_mode',
    'PRAGMA Locking_Mode=exclusive',
    "pragma temp_store_directory='/tmp'",
    "pragma data_store_directory='/tmp'",
    'pragma writable_schema=on',
    'pragma trusted_schema=on',
    'pragma schema_version=7',
    'pragma hard_heap_limit=1000',
    'pragma soft_heap_limit=1000',
    "attach ':memory:' as m",
    "attach '/etc/passwd' as m",
    "attach 'file:x?vfs=unix' as m",
    'attach ? as m',
    'explain pragma synchronous=full',
    'update sqlite_dbpage set data=zeroblob(4096) where pgno=2',
    'insert into sqlite_dbpage(pgno,data) values(2,null)',
    'create virtual table raw using sqlite_dbpage',
    'create virtual table temp.raw using dbstat',
  ])('%s', (sql) => {
    try {
      k.writer.prepare(sql).statement?.release();
      expect.fail('prepared');
    } catch (error) {
      expect(error).toMatchObject({ code: 'SQLITE_AUTH', rawCode: 23 });
      expect(String(error)).not.toMatch(/not authorized/);
    }
    expect(k.store.hasUnsealed).toBe(false);
  });

  test.each([
    'create table __quorate_x(a)',
    'create temp table __Quorate_x(a)',
    'create view "__quorate_v" as select 1',
    'create index i on __quorate_state(v)',
    'create trigger tr after insert on __quorate_state begin select 1; end',
    'drop table __quorate_state',
    'insert into __quorate_state values(2,2)',
    'replace into __quorate_state values(2,2)',
    'update __quorate_state set v=3',
    'delete from __quorate_state',
    'alter table t rename to __quorate_t',
    'alter table t rename /* x */ to -- y\n "__QUORATE_t"',
    'alter table __quorate_state add column c',
    'create virtual table __quorate_f using fts5(a)',
    'create index __quorate_i on t(b)',
    'create temp trigger tr after insert on __quorate_state begin select 1; end',
    'create table u(k references __quorate_state(k))',
    'create table u(k, foreign key(k) references "__Quorate_state"(k))',
    'create temp table u(k references/**/__quorate_state)',
    'alter table t add column c references __quorate_state(k)',
  ])('%s: RESERVED_TABLE', (sql) => {
    const code = { code: 'RESERVED_TABLE', rawCode: 23 };
    expect(() => k.writer.prepare(sql)).toThrow(expect.objectContaining(code));
    expect(k.store.hasUnsealed).toBe(false);
  });

  test('a view of reserved tables is no way to write them', () => {
    const l = new EnginePair();
    l.writer.privileged = true;
    l.write('create table __quorate_state(v)');
    l.writer.privileged = false;
    l.write('create view w as select v from __quorate_state');
    l.write(
      'create trigger tr instead of insert on w begin insert into __quorate_state values(1); end',
    );
    expect(codeOf(() => l.writer.execute('insert into w values(1)'))).toBe(23);
    expect(one(l.writer, 'select count(*) from w')).toBe(0);
    l.end();
  });

  test('VACUUM INTO is refused when it runs', () => {
    expect(() => k.writer.execute("vacuum into 'x.db'")).toThrow(
      expect.objectContaining({ code: 'SQLITE_AUTH', rawCode: 23 }),
    );
  });

  test.each([
    "select load_extension('x')",
    "select readfile('/etc/passwd')",
    "update sqlite_schema set sql='x'",
    "select fts3_tokenizer('simple')",
  ])('%s does not exist or is read-only', (sql) => {
    expect(codeOf(() => k.writer.execute(sql))).toBe(1);
  });

  test('a trigger of a user table cannot write reserved tables, not even for the engine', () => {
    const l = new EnginePair();
    l.write('create table t(a)');
    l.writer.privileged = true;
    l.write('create table __quorate_state(v)');
    l.writer.privileged = false;
    // The body is checked when a statement fires the trigger.
    l.write('create trigger tr after insert on t begin insert into __quorate_state values(1); end');
    for (const privileged of [false, true]) {
      l.writer.privileged = privileged;
      expect(codeOf(() => l.writer.execute('insert into t values(1)'))).toBe(23);
    }
    expect(one(l.writer, 'select count(*) from __quorate_state')).toBe(0);
    l.end();
  });

  test('a statement compiled with privileges is not in the cache', () => {
    const sql = 'update __quorate_state set v=v';
    k.writer.privileged = true;
    k.writer.prepare(sql).statement?.release();
    k.writer.privileged = false;
    expect(codeOf(() => k.writer.prepare(sql))).toBe(23);
  });
});

describe('allowed statements', () => {
  test.each<[string, unknown]>([
    ['pragma journal_mode', 'wal'],
    ['pragma page_size', 4096],
    ['pragma synchronous', 0],
    ['pragma foreign_keys', 1],
    ['pragma encoding', 'UTF-8'],
    ['pragma user_version', 0],
    ['pragma integrity_check', 'ok'],
    ['pragma wal_autocheckpoint', 1000],
    ['pragma trusted_schema', 0],
    ['select v from __quorate_state', 1],
  ])('%s', (sql, answer) => {
    expect(one(k.writer, sql)).toBe(answer);
  });

  test('double-quoted strings are identifiers', () => {
    expect(codeOf(() => k.writer.execute('select "hello"'))).toBe(1);
  });

  test('pragmas that write the header are replicated', () => {
    k.write('pragma user_version=7; pragma application_id=9');
    expect(one(k.open(), 'pragma user_version')).toBe(7);
    expect(k.problem()).toBe('');
  });

  test('VACUUM also rebuilds reserved tables', () => {
    k.write('vacuum');
    expect(k.problem()).toBe('');
  });

  test('temp_store is swallowed', () => {
    expect(rows(k.writer, 'pragma temp_store=1')).toEqual([]);
    k.writer.execute('create temp table big(a); insert into big values(zeroblob(1000000))');
  });
});

describe('what changes the schema', () => {
  test.each<[string, boolean]>([
    ['create table x(a)', true],
    ['create index i on t(b)', true],
    ['create trigger tr after insert on t begin select 1; end', true],
    ['create view v as select 1', true],
    ['create virtual table f using fts5(a)', true],
    ['alter table t add column c', true],
    ['drop table t', true],
    ['create temp table x(a)', false],
    ['insert into t values(9,9)', false],
    ['select * from t', false],
    ['vacuum', false],
    ['analyze', false],
  ])('%s: %s', (sql, expected) => {
    const { statement } = k.writer.prepare(sql);
    expect(statement?.definesSchema).toBe(expected);
    statement?.release();
  });
});

describe('connections for several sessions', () => {
  test.each([
    'create temp table x(a)',
    'create temp view x as select 1',
    "attach '' as m",
    'pragma foreign_keys=off',
    'pragma cache_size=5',
  ])('%s needs a connection of its own, and has no effect before', (sql) => {
    const shared = k.open({ shared: true }, 'head');
    expect(() => shared.prepare(sql)).toThrow(expect.objectContaining({ code: 'SESSION_STATE' }));
    expect(one(shared, 'pragma foreign_keys')).toBe(1);
    const own = k.open({}, 'head');
    const { statement } = own.prepare(sql);
    expect(statement?.makesSessionState).toBe(true);
    statement?.step();
    statement?.release();
    expect(own.hasSessionState).toBe(true);
    shared.close();
    own.close();
  });

  test('ordinary statements, VACUUM too, run on it', () => {
    const shared = k.open({ shared: true }, 'head');
    k.write(
      'insert into t values(50,1); vacuum; delete from t where a=50; pragma user_version=8',
      shared,
    );
    expect(shared.hasSessionState).toBe(false);
    shared.close();
  });
});

describe('connections that only read', () => {
  test('refuse to compile a write, and to take the write lock', () => {
    const reader = k.open({ readOnly: true });
    expect(codeOf(() => reader.prepare('insert into t values(2,2)'))).toBe(8);
    expect(codeOf(() => reader.prepare('create temp table x(a)'))).toBe(8);
    expect(one(reader, 'select count(*) from t')).toBe(1);
    reader.close();
  });
});

describe('statements that ask for too much', () => {
  const repeat = (text: string, count: number) => text.repeat(count);
  test.each([
    ['a value of 1 GB', 'select zeroblob(1000000000)', 18],
    ['a value that grows', 'select hex(zeroblob(40000000))', 18],
    ['a padded text', "select printf('%*d', 500000000, 1)", 18],
    ['a deep expression', `select ${repeat('1 + ', 100_000)} 1`, 1],
    ['many parentheses', `select ${repeat('(', 100_000)} 1 ${repeat(')', 100_000)}`, 1],
    ['nested calls', `select ${repeat('abs(', 2000)} 1 ${repeat(')', 2000)}`, 1],
    [
      'nested queries',
      `select * from ${repeat('(select * from ', 2000)} t ${repeat(')', 2000)}`,
      1,
    ],
    ['a compound', Array(5000).fill('select 1').join(' union all '), 1],
    ['a nested document', `select json('${repeat('[', 100_000)}')`, 1],
    ['a pattern of wildcards', `select 'x' like '${repeat('%_', 24_000)}'`, 1],
    ['a pattern of sets', `select 'x' glob '${repeat('*[x]', 24_000)}'`, 1],
  ])('%s', (_, sql, code) => {
    const pair = new EnginePair();
    expect(codeOf(() => rows(pair.writer, sql))).toBe(code);
    expect(one(pair.writer, 'select 1')).toBe(1);
    expect(pair.end()).toBe(0);
  });

  test('are refused as parameters, too', () => {
    const pair = new EnginePair();
    const large = new Uint8Array(LIMITS.valueBytes + 1);
    expect(codeOf(() => one(pair.writer, 'select length(?)', large))).toBe(18);
    expect(one(pair.writer, 'select length(?)', large.subarray(2000))).toBe(large.length - 2000);
  });

  test('a pattern at the limit has stack enough', () => {
    const pair = new EnginePair();
    const pattern = repeat('%_', LIMITS.likePatternBytes / 2 - 1);
    expect(one(pair.writer, 'select hex(zeroblob(100000)) like ?', `${pattern}1`)).toBe(0);
  });
});
