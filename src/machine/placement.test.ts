import { describe, expect, it } from 'vitest';
import { headTokens } from './head-tokens.ts';
import { isCommit, isRollback, placementOf } from './placement.ts';

describe('headTokens', () => {
  it('skips comments and quotes', () => {
    expect(headTokens('-- a\n /* b */ ; Select "A b" /* ; */ , [c]; drop', 9)).toEqual([
      'select',
      'a b',
      ',',
      'c',
    ]);
    expect(headTokens('/* open', 3)).toEqual([]);
    expect(headTokens("'open", 3)).toEqual(['ope']);
  });
});

describe('placementOf', () => {
  it.each([
    ['select 1', 'reader'],
    [' /* begin */ SELECT 1', 'reader'],
    ['with x as (select 1) select * from x', 'reader'],
    ['select last_insert_rowid()', 'shared'],
    ['select changes ()', 'shared'],
    ['insert into t values(1)', 'shared'],
    ['replace into t values(1)', 'shared'],
    ['explain begin', 'reader'],
    ['explain query plan select 1', 'reader'],
    ['explain pragma foreign_keys = off', 'state'],
    ['begin', 'begin'],
    ['BEGIN IMMEDIATE', 'begin'],
    ['savepoint a', 'begin'],
    ['commit', 'end'],
    ['rollback to a', 'end'],
    ["attach '' as x", 'state'],
    ['create table t(a)', 'shared'],
    ['create temp table t(a)', 'state'],
    ['create table if not exists temp.t(a)', 'state'],
    ['create table "temp".t(a)', 'state'],
    ['pragma foreign_keys', 'reader'],
    ['pragma foreign_keys = off', 'state'],
    ['pragma main.foreign_keys(off)', 'state'],
    ['pragma table_info(t)', 'reader'],
    ['pragma main.table_info(t)', 'reader'],
    ['pragma user_version', 'reader'],
    ['pragma user_version = 3', 'shared'],
    ['pragma incremental_vacuum', 'shared'],
    ['pragma shrink_memory', 'state'],
    ['', 'reader'],
    ['vacuum', 'shared'],
  ])('%s', (sql, expected) => {
    expect(placementOf(sql)).toBe(expected);
  });

  it('knows the ends of a transaction', () => {
    expect(isRollback('ROLLBACK;')).toBe(true);
    expect(isRollback('rollback transaction to savepoint a')).toBe(false);
    expect(isCommit('end transaction')).toBe(true);
    expect(isCommit('release a')).toBe(false);
  });
});
