import { expect, test } from 'vitest';
import type { NamespaceReport } from '../client/index.ts';
import { defineMigrations } from './define.ts';
import { allowedNames, type Goal, goalState } from './goal.ts';
import { sqlMigration } from './steps.ts';

const migrations = defineMigrations({
  entries: [
    sqlMigration('1', 'create table a (x)', { kind: 'expand' }),
    sqlMigration('2', 'create table b (x)', { kind: 'expand' }),
    sqlMigration('3c', 'drop table a', { kind: 'contract' }),
    sqlMigration('4', 'drop table b'),
    sqlMigration('5', 'create table d (x)', { kind: 'expand' }),
  ],
});

function at(version: number, ...pending: string[]): NamespaceReport {
  const nothing = { floor: 0, generation: 1, phase: 'idle', reason: '', code: '' };
  return { namespace: 'app', version, canServe: true, pending, ...nothing };
}

function state(goal: Goal, report: NamespaceReport): string {
  const { reached, barred } = goalState(migrations, goal, report);
  return reached ? 'reached' : barred === undefined ? 'not yet' : `barred by ${barred}`;
}

test('only what is on the way is applied, and the whole list is declared', () => {
  const names = allowedNames(migrations, { to: '4', phase: 'expand' });
  expect([...names]).toEqual(['1', '2']);
  const limited = migrations.applyingOnly(names);
  expect(limited.step('2')).toEqual(migrations.step('2'));
  expect(limited.step('3c')).toBeUndefined();
  expect(limited.program.digest).toBe(migrations.program.digest);
});

test('an empty database begins with the snapshot of a squashed list, in every phase', () => {
  const base = { ...migrations.baseAt('2'), snapshot: sqlMigration('s', 'create table a (x)') };
  const squashed = defineMigrations({ base, entries: [] });
  const goal: Goal = { phase: 'expand' };
  expect([...allowedNames(squashed, goal)]).toEqual(['s']);
  expect(squashed.applyingOnly(allowedNames(squashed, goal)).step('s')).toEqual(base.snapshot);
  expect(goalState(squashed, goal, at(0, 's')).reached).toBe(false);
  expect(goalState(squashed, goal, at(2)).reached).toBe(true);
});

test.each<[string, Goal, NamespaceReport]>([
  ['not yet', { phase: 'all' }, at(0, '1')],
  ['not yet', { phase: 'all' }, at(4, '3c')],
  ['not yet', { phase: 'all' }, at(3, '5')],
  ['reached', { phase: 'all' }, at(4)],
  ['not yet', { phase: 'expand' }, at(1, '2')],
  // What is after a breaking one waits for it: this phase is over.
  ['reached', { phase: 'expand' }, at(2, '3c', '4')],
  ['not yet', { phase: 'expand' }, at(3, '3c', '5')],
  ['reached', { phase: 'expand' }, at(4, '3c')],
  ['not yet', { to: '2', phase: 'all' }, at(1, '2')],
  ['reached', { to: '2', phase: 'all' }, at(2, '3c', '4')],
  ['not yet', { to: '3c', phase: 'all' }, at(1, '2')],
  ['not yet', { to: '3c', phase: 'all' }, at(2, '3c', '4')],
  ['reached', { to: '3c', phase: 'all' }, at(2, '4')],
  // A contract before it is not waited for.
  ['reached', { to: '5', phase: 'all' }, at(4, '3c')],
  ['barred by 4', { to: '5', phase: 'expand' }, at(2, '3c', '4')],
  ['not yet', { to: '5', phase: 'expand' }, at(3, '3c', '5')],
])('%s: %j at %j', (expected, goal, report) => expect(state(goal, report)).toBe(expected));
