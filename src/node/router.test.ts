import { describe, expect, test } from 'vitest';
import { packed } from '../../test/support/batches.ts';
import type { SessionState, Work } from '../machine/index.ts';
import type { Consistency } from './contract.ts';
import { FRESH, type Place, type RouteQuestion, route, startsAs } from './router.ts';

const statement = (sql: string): Work => ({
  action: 'statement',
  statement: { sql, parameters: { kind: 'positional', values: [] } },
  rows: 'send',
  tail: 'refuse',
  surplus: 'refuse',
});

function ask(sql: string | Work, options: Partial<RouteQuestion> = {}) {
  return route({
    leader: true,
    work: typeof sql === 'string' ? statement(sql) : sql,
    consistency: 'linearizable',
    readOnly: false,
    state: FRESH,
    redirectedBy: [],
    ...options,
  });
}

describe('first words', () => {
  test.each([
    ['select 1', 'read'],
    ['  -- note\n /* more */ SELECT 1', 'read'],
    [';;with x as (select 1) select * from x', 'read'],
    ['explain query plan select 1', 'read'],
    ['insert into t values(1)', 'write'],
    ['begin', 'write'],
    ['pragma table_info(t)', 'unknown'],
    ['', 'unknown'],
    ['/* open', 'unknown'],
    ["'text'", 'unknown'],
  ])('%j', (sql, kind) => {
    expect(startsAs(sql)).toBe(kind);
  });

  test('a long run of comments is looked at in linear time', () => {
    expect(startsAs(`${'/* */'.repeat(20_000)} select`)).toBe('read');
    expect(startsAs('-'.repeat(100_000))).toBe('unknown');
    expect(startsAs(`${' ;'.repeat(10_000_000)}select 1`)).toBe('read');
  });
});

describe('on the leader', () => {
  test('reads go to a reader under a read round, writes to the machine', () => {
    expect(ask('select 1')).toEqual({ place: 'reader', condition: 'read-round' });
    expect(ask('select 1', { consistency: 'lease' })).toMatchObject({ condition: 'lease' });
    expect(ask('insert into t values(1)')).toEqual({ place: 'machine', confirmed: false });
    expect(ask('pragma foreign_keys=on')).toMatchObject({ place: 'machine' });
  });

  test('weak reads need no proof', () => {
    expect(ask('select 1', { consistency: 'session' })).toMatchObject({
      condition: 'minimum-index',
    });
    expect(ask('select 1', { consistency: 'local' })).toMatchObject({ condition: 'staleness' });
    expect(ask('pragma x', { consistency: 'local' })).toMatchObject({ confirmed: true });
  });

  test('counters of the session are asked where they live', () => {
    expect(ask('select last_insert_rowid()')).toMatchObject({ place: 'machine' });
    expect(ask('select changes ()')).toMatchObject({ place: 'machine' });
  });

  test('a transaction or a home stays on the machine; only a write transaction needs no proof', () => {
    const state = (transaction: SessionState['transaction'], home = false): SessionState => ({
      transaction,
      aborted: false,
      home,
    });
    expect(ask('select 1', { state: state('read') })).toEqual({
      place: 'machine',
      confirmed: false,
    });
    expect(ask('select 1', { state: state('write') })).toEqual({
      place: 'machine',
      confirmed: true,
    });
    expect(ask('select 1', { state: state('none', true) })).toMatchObject({ place: 'machine' });
  });

  test('batches by their mode', () => {
    const batch = (mode: 'write' | 'read' | 'deferred'): Work => ({
      action: 'batch',
      statements: packed([]),
      mode,
    });
    expect(ask(batch('read'))).toMatchObject({ place: 'reader' });
    expect(ask(batch('write'))).toMatchObject({ place: 'machine' });
    expect(ask(batch('deferred'))).toMatchObject({ place: 'machine' });
    expect(ask(batch('deferred'), { leader: false })).toMatchObject({ place: 'reader' });
  });
});

describe('elsewhere', () => {
  const follower = { leader: false } as const;

  test('reads use the index of the leader; writes are refused', () => {
    expect(ask('select 1', follower)).toEqual({ place: 'reader', condition: 'leader-index' });
    expect(ask('pragma user_version', follower)).toMatchObject({ place: 'reader' });
    expect(ask('insert into t values(1)', follower)).toMatchObject({ code: 'NOT_LEADER' });
    expect(ask('begin', follower)).toMatchObject({ code: 'NOT_LEADER' });
    const script: Work = { action: 'script', sql: 'insert', parameters: [], rows: 'drop' };
    expect(ask(script, follower)).toMatchObject({ code: 'NOT_LEADER' });
  });

  test('an aborted session may end its transaction here; an open one is gone', () => {
    const aborted: SessionState = { transaction: 'none', aborted: true, home: false };
    expect(ask('rollback', { ...follower, state: aborted })).toEqual({
      place: 'machine',
      confirmed: true,
    });
    const open: SessionState = { transaction: 'write', aborted: false, home: false };
    expect(ask('commit', { ...follower, state: open })).toMatchObject({ code: 'NOT_LEADER' });
  });

  test('a read-only transaction takes its version once', () => {
    const first = ask('select 1', { ...follower, readOnly: true });
    expect(first).toEqual({ place: 'reader', condition: 'leader-index' });
    const state: SessionState = { transaction: 'read', aborted: false, home: false };
    const next = ask('select 1', { ...follower, readOnly: true, state });
    expect(next).toEqual({ place: 'reader', condition: 'none' });
  });
});

test('redirects end: every combination is decided after two of them', () => {
  const sqls = ['select 1', 'insert', 'pragma x', 'begin'];
  const levels: Consistency[] = ['linearizable', 'lease', 'session', 'local'];
  for (const sql of sqls) {
    for (const consistency of levels) {
      for (const leader of [true, false]) {
        const redirectedBy: Place[] = [];
        for (let step = 0; step < 4; step++) {
          const chosen = ask(sql, { consistency, leader, redirectedBy });
          if (chosen.place === 'refused') break;
          expect(redirectedBy).not.toContain(chosen.place);
          redirectedBy.push(chosen.place);
        }
        expect(redirectedBy.length).toBeLessThanOrEqual(2);
      }
    }
  }
});
