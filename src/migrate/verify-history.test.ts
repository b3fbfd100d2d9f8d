import { expect, test } from 'vitest';
import { chainOf, EMPTY_CHAIN } from '../schema/index.ts';
import { defineMigrations } from './define.ts';
import { sqlMigration } from './steps.ts';
import { brokenHistory, differences, type HistoryRow } from './verify-history.ts';

const declared = [
  sqlMigration('1', 'create table a (x)', { kind: 'expand' }),
  sqlMigration('2', 'create table b (x)', { kind: 'expand' }),
  sqlMigration('c', 'drop table a', { kind: 'contract' }),
];
const migrations = defineMigrations({ entries: declared });

/** The history of these migrations, applied in this order. */
function history(steps = declared): {
  rows: HistoryRow[];
  state: { version: number; chain: string };
} {
  const { program } = defineMigrations({ entries: steps });
  let [version, chain] = [0, EMPTY_CHAIN];
  const rows = program.manifest.entries.map((entry) => {
    if (entry.kind === 'contract') return { ...entry, version: 0, chain };
    chain = chainOf(chain, entry);
    version++;
    return { ...entry, version, chain };
  });
  return { rows, state: { version, chain } };
}

test('a history as it was written is sound, also when it begins in the middle', () => {
  const { rows, state } = history();
  expect(brokenHistory(rows, state)).toEqual([]);
  expect(brokenHistory(rows.slice(1), state)).toEqual([]);
  expect(brokenHistory([], { version: 0, chain: EMPTY_CHAIN })).toEqual([]);
  expect(differences(migrations, rows)).toEqual([]);
});

test.each<[string, (rows: HistoryRow[]) => HistoryRow[]]>([
  ['does not follow', ([one, ...rest]) => [{ ...one, name: 'other' } as HistoryRow, ...rest]],
  ['does not follow', ([one, ...rest]) => [{ ...one, checksum: '0' } as HistoryRow, ...rest]],
  ['has number 1 after 2', ([one, two, ...rest]) => [two, one, ...rest] as HistoryRow[]],
  ['ends at 1, and the database says 2', ([one]) => [one] as HistoryRow[]],
])('broken: %s', (text, change) => {
  const { rows, state } = history();
  expect(brokenHistory(change(rows), state).join()).toContain(text);
});

test('a list that begins with a snapshot fits a history that does, and the whole one', () => {
  const { rows } = history();
  const snapshot = sqlMigration('s', 'create table a (x); create table b (x)');
  const base = migrations.baseAt('2');
  const squashed = (sql: string) =>
    defineMigrations({ base: { ...base, snapshot: { ...snapshot, sql } }, entries: [] });
  const own = squashed(snapshot.sql);
  const begun = { version: 2, name: 's', chain: base.chain };
  const checksum = own.program.snapshot?.checksum ?? '';
  expect(differences(own, rows)).toEqual([]);
  expect(differences(own, [{ ...begun, checksum }])).toEqual([]);
  expect(differences(squashed('other'), [{ ...begun, checksum }])).toHaveLength(1);
  expect(brokenHistory([{ ...begun, checksum }], base)).toEqual([]);
});

test('edited, renamed, inserted and moved migrations; what only the database knows is no difference', () => {
  const other = (...names: string[]) =>
    names.map((name) => {
      const edited = sqlMigration(name, `create table t${name} (y)`, { kind: 'expand' });
      return declared.find((step) => step.name === name) ?? edited;
    });
  const { rows } = history();
  const found = (entries: ReturnType<typeof other>) =>
    differences(defineMigrations({ entries }), rows).map(({ text }) => text);
  expect(found(other('1', '3', 'c'))).toEqual(['number 2 was applied as 2 and is declared as 3']);
  expect(found(other('0', '1', '2'))).toHaveLength(2);
  expect(found(other('2'))).toEqual([
    'number 1 was applied as 1 and is declared as 2',
    '2 was applied as number 2 and has moved since',
  ]);
  expect(found(other('1'))).toEqual([]);
  const edited = [sqlMigration('1', 'create table a (y)', { kind: 'expand' })];
  expect(found(edited)).toEqual([expect.stringMatching(/^1 was edited .* [0-9a-f]{12}…, applied/)]);
  const [difference] = differences(defineMigrations({ entries: edited }), rows);
  expect(difference?.command).toEqual(['rerecord', expect.stringMatching(/^1=[0-9a-f]{64}$/)]);
});
