import { describe, expect, it } from 'vitest';
import { defineMigrations } from './define.ts';
import { lintMigrations } from './lint.ts';
import { rebuildTable } from './rebuild.ts';
import { batchMigration, codeMigration, type StepOptions, sqlMigration } from './steps.ts';

/** Codes and levels that one text gives. */
function codes(sql: string, kind: StepOptions['kind'] = 'expand'): string[] {
  const migrations = defineMigrations({ entries: [sqlMigration('0001_x', sql, { kind })] });
  return lintMigrations(migrations).map(({ code, level }) => `${code} ${level}`);
}

describe('what a text destroys', () => {
  it.each([
    ['D1', 'drop table if exists main."T"'],
    ['D2', 'alter table t drop column a'],
    ['D2', 'alter table t drop a'],
    ['D3', 'delete from t'],
    ['D3', 'update or ignore t set a = 1'],
    ['D3', 'update t set a = (select 1 where 2)'],
    ['D3', 'with c as (select 1 where 1) delete from t'],
  ])('%s: %s', (code, sql) => {
    expect(codes(sql)).toEqual([`${code} error`]);
    expect(codes(sql, 'contract')).toEqual([`${code} warn`]);
    expect(codes(sql, 'breaking')).toEqual([`${code} warn`]);
  });

  it('D4: what a dropped table takes with it', () => {
    const parent = 'create table p(id integer primary key);';
    const child = 'create table c(p integer references p(id) on delete cascade, q references r);';
    const of = (drop: string) => {
      const entries = [
        sqlMigration('0001_make', parent + child, { kind: 'expand' }),
        sqlMigration('0002_drop', drop, { kind: 'contract' }),
      ];
      return lintMigrations(defineMigrations({ entries })).map(({ code, level }) => code + level);
    };
    expect(of('drop table p')).toEqual(['D1warn', 'D4error']);
    expect(of('drop table c; drop table p')).toEqual(['D1warn', 'D1warn']);
    expect(of('create table n(id); drop table p; alter table n rename to p')).toEqual(['D4warn']);
    expect(of('drop table r')).toEqual(['D1warn']);
  });
});

describe('what breaks older code', () => {
  it.each([
    ['C1', 'error', 'alter table t rename to u'],
    ['C1', 'error', 'alter table t rename column a to b'],
    ['C1', 'error', 'alter table t rename a to b'],
    ['C3', 'warn', 'create unique index i on t(a)'],
  ])('%s in expand only: %s', (code, level, sql) => {
    expect(codes(sql)).toEqual([`${code} ${level}`]);
    expect(codes(sql, 'breaking')).toEqual([]);
  });

  it('C2: a column that can be filled with nothing, in every kind', () => {
    expect(codes('alter table t add column a int not null')).toEqual(['C2 error']);
    expect(codes('alter table t add a not null default null', 'breaking')).toEqual(['C2 error']);
    expect(codes('alter table t add column a int not null default 0')).toEqual([]);
    expect(codes('alter table t add column a int as (b) not null')).toEqual([]);
  });
});

describe('what cannot run, or is another thing than it seems', () => {
  it.each([
    ['S5 error', 'vacuum'],
    ['T1 info', 'begin immediate'],
    ['T1 info', 'pragma main.foreign_keys = off'],
    ['T2 error', 'savepoint s'],
    ['T2 error', "attach '' as x"],
    ['T2 error', 'pragma journal_mode = wal'],
    ['N1 warn', 'insert into t values (random())'],
    ['N1 warn', "update t set a = datetime('now', '+1 day') where a is null"],
    ['N1 warn', 'update t set a = current_timestamp where a is null'],
    ['N1 warn', 'insert into u select * from t limit 5'],
    ['N1 warn', 'create table u as select random() as r'],
    ['N2 warn', 'insert into t select name from sqlite_master'],
    ['V2 error', 'insert into t values (1, "one")'],
    ['V2 error', 'alter table t add column a text default "x"'],
    ['V3 error', 'create table __quorate_mine(a)'],
  ])('%s: %s', (expected, sql) => expect(codes(sql)).toEqual([expected]));

  it('O1, O3: numbers that do not rise, and no kind', () => {
    const entries = [
      sqlMigration('0002_b', 'create table b(x)', { kind: 'expand' }),
      sqlMigration('0001_a', 'create table a(x)'),
      sqlMigration('plain', 'create table c(x)', { kind: 'expand' }),
    ];
    const found = lintMigrations(defineMigrations({ entries }));
    expect(found.map(({ code, level, migration }) => [code, level, migration])).toEqual([
      ['O1', 'error', '0001_a'],
      ['O3', 'warn', '0001_a'],
    ]);
  });

  it('O1: names of modules of a folder are in its order, whatever number they begin with', () => {
    const days = ['2026_01_01_user', '2026_02_01_email'];
    const found = (source?: string) =>
      lintMigrations(
        defineMigrations({
          entries: days.map((name) =>
            codeMigration(name, { kind: 'expand', revision: 1, source, run: async () => {} }),
          ),
        }),
      ).map(({ code, migration }) => [code, migration]);
    expect(found('0'.repeat(64))).toEqual([]);
    expect(found()).toEqual([['O1', '2026_02_01_email']]);
  });
});

it('names migration and statement', () => {
  const entries = [
    sqlMigration('0001_a', '-- first\ncreate table a(x);\n;drop table b;', { kind: 'expand' }),
  ];
  expect(lintMigrations(defineMigrations({ entries }))).toMatchObject([
    { code: 'D1', migration: '0001_a', statement: 2, text: 'table b is dropped' },
  ]);
});

describe('harmless texts give nothing', () => {
  it.each([
    'create table t(id integer primary key, at text default current_timestamp, r default (random()))',
    "create trigger g after insert on t begin update t set at = datetime('now'); delete from u; end",
    'create table x as select 1 as a; update x set a = 2; delete from x; drop table x',
    'create table n(a unique, b references p on delete cascade); create unique index i on n(a)',
    'create index i on t("order")',
    'update t set a = "b" where "c" = 1',
    'insert into t("a", "b") select "x", "y" from u',
    "insert into t values ('drop table t; vacuum', x'00', 1) -- delete from t",
    "update t set d = date(created) where d is null; update t set e = strftime('%Y', created) where e is null",
    'insert into u select a from t order by a limit 5',
    'delete from t where a = 1; update t set a = 1 where b; replace into t values (1)',
    'pragma user_version = 5',
    'create view v as select random() as r, name from t',
    'alter table t add column "not" text; alter table t add column n int not null default (1)',
  ])('%s', (sql) => expect(codes(sql)).toEqual([]));

  it('nor do rebuilds, backfills and code', () => {
    const entries = [
      rebuildTable('0001_r', {
        table: 't',
        kind: 'breaking',
        create: 'create table t(a not null)',
      }),
      batchMigration('0002_f', {
        ...{ table: 't', key: 'id', rows: 10 },
        run: 'update t set a = 1 where id > :after and id <= :upto',
      }),
      codeMigration('0003_c', { revision: 1, kind: 'breaking', run: () => Promise.resolve() }),
    ];
    expect(lintMigrations(defineMigrations({ entries }))).toEqual([]);
  });
});
