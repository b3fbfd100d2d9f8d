import { expect, test } from 'vitest';
import { defineMigrations } from './define.ts';
import type { ForeignMigration, HistoryTool } from './foreign-history.ts';
import { matchHistory } from './match-history.ts';
import { type StepOrigin, sqlMigration } from './steps.ts';

const NAMES = ['V1__user', 'V2__note', 'V2_1__tag'];
const ORIGINS: readonly StepOrigin[] = [
  { version: '1', when: 100, fileDigest: 'user', lineEndDigests: ['user', 'user, CR LF'] },
  { version: '2', when: 200, fileDigest: 'note', flywayChecksum: -7 },
  { version: '2.1', when: 300 },
];
const migrations = defineMigrations({
  entries: NAMES.map((name, i) => sqlMigration(name, 'select 1', { origin: ORIGINS[i] })),
});

function match(tool: HistoryTool, ...applied: readonly Partial<ForeignMigration>[]) {
  const labelled = applied.map((each) => ({ label: 'it', ...each }));
  return matchHistory({ tool, table: 'its_table', applied: labelled }, migrations);
}

test('a file with other line ends is the same, one with another text is not', () => {
  const name = 'V1__user';
  expect(match('prisma', { name, digest: 'user, CR LF' }).names).toEqual([name]);
  expect(() => match('prisma', { name, digest: 'user, edited' })).toThrow(
    /the file of V1__user was edited after it was applied \(checksum user, recorded user, edited\)/,
  );
});

test("a journal of Drizzle that was made anew: the file's digest says which one it is", () => {
  const applied = [
    { when: 1, digest: 'user, CR LF' },
    { when: 200, digest: 'note' },
  ];
  expect(match('drizzle', ...applied)).toEqual({ names: NAMES.slice(0, 2), notes: [] });
  expect(match('drizzle', { when: 1, name: 'V1__user', digest: 'user' }).names).toHaveLength(1);
  expect(() => match('drizzle', { when: 1, name: 'V1__user', digest: 'lost' })).toThrow(/edited/);
  expect(() => match('drizzle', { when: 1, digest: 'lost' })).toThrow(/it is applied and not/);
  expect(() => match('drizzle', { when: 100, digest: 'lost' })).toThrow(/V1__user was edited/);
});

test('versions are numbers with parts; a checksum of Flyway counts where one was kept', () => {
  const first = { version: '01.0' };
  expect(match('flyway', first, { version: '2', crc32: -7 }, { version: '2_1' }).names).toEqual(
    NAMES,
  );
  expect(() => match('flyway', first, { version: '2', crc32: 7 })).toThrow(/V2__note was edited/);
  expect(() => match('flyway', { version: '2' })).toThrow(/V1__user is not applied, and V2__note/);
  expect(match('golang-migrate', { version: '2', andBefore: true }).names).toHaveLength(2);
});

test.each([
  ['2.0', 2],
  ['2.1', 3],
  ['10', 3],
])('a baseline of Flyway at %s takes in what is not above it', (version, count) => {
  expect(match('flyway', { version, isBaseline: true }).names).toEqual(NAMES.slice(0, count));
});

test('a baseline with what is no version takes in nothing', () => {
  expect(() => match('flyway', { version: '1; 2', isBaseline: true })).toThrow(/nothing to take/);
});

test('another order is told and is no error, as long as nothing is left out', () => {
  expect(match('kysely', { name: 'V2__note' }, { name: 'V1__user.ts' })).toEqual({
    names: NAMES.slice(0, 2),
    notes: ['V1__user was applied after V2__note; the list says before'],
  });
});
