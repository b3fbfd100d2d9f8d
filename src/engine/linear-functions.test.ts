import sqliteAsItIs from '@sqlite.org/sqlite-wasm';
import { expect, test } from 'vitest';
import { codeOf, EnginePair, one } from '../../test/support/engine-pair.ts';

const k = new EnginePair();

/** Positions, replacements and trims of texts, blobs, numbers, NULL, characters of all lengths, NULs. */
const VALUES = [
  'NULL',
  "''",
  "'a'",
  "'aab'",
  "'ab'",
  "'b'",
  "'aaaaab'",
  "'é'",
  "'aéb'",
  "'xé€😀y'",
  "'€😀'",
  "x''",
  "x'61'",
  "x'616162'",
  "x'c3'",
  "x'a9'",
  "x'61c3a9'",
  "cast(x'a9' as text)",
  "cast(x'6100' as text)",
  '112',
  '12',
  '1.5',
] as const;

const EXPRESSIONS = VALUES.flatMap((x) =>
  VALUES.flatMap((y) => [
    `instr(${x},${y})`,
    `trim(${x},${y})`,
    `ltrim(${x},${y})`,
    `rtrim(${x},${y})`,
    `replace(${x},${y},'-')`,
    `replace(${x},${y},NULL)`,
    `replace(${x},${y},'aa')`,
  ]),
);

test('instr, replace and trim give what SQLite gives', async () => {
  const { oo1 } = await sqliteAsItIs();
  const original = new oo1.DB(':memory:');
  for (const each of EXPRESSIONS) {
    const sql = `select typeof(${each}) || hex(ifnull(${each}, ''))`;
    expect([each, one(k.writer, sql)]).toEqual([each, original.selectValue(sql)]);
  }
  original.close();
});

test('as SQLite’s own they may stand in indexes, generated columns, triggers and checks', () => {
  k.write(`create table l(a text check (instr(a, 'x') = 0), b as (replace(a, 'b', 'c')) stored);
    create index li on l(trim(a, 'z')); insert into l(a) values('abz')`);
  expect(one(k.writer, "select b from l where trim(a, 'z') = 'ab'")).toBe('acz');
  expect(codeOf(() => k.writer.execute("insert into l(a) values('x')"))).toBe(275);
});

test.each([
  ["instr(printf('%.*c', 2000000, 'a'), printf('%.*c', 1000000, 'a') || 'b')", 0],
  ["instr(printf('%.*c', 2000000, 'a') || 'b', printf('%.*c', 1000000, 'a') || 'b')", 1000001],
  [
    "length(replace(printf('%.*c', 2000000, 'a'), printf('%.*c', 1000000, 'a') || 'b', 'x'))",
    2000000,
  ],
  ["length(trim(printf('%.*c', 1000000, 'a'), printf('%.*c', 1000000, 'b') || 'a'))", 0],
  ["length(replace(printf('%.*c', 1000000, 'a'), 'a', 'bc'))", 2000000],
])('TESTING 6: %s ends, though nothing could interrupt it', (expression, result) => {
  expect(one(k.writer, `select ${expression}`)).toBe(result);
});

test('a replacement that would be above the limit of a value is refused before it is made', () => {
  const sql = "select length(replace(printf('%.*c', 10000, 'a'), 'a', printf('%.*c', 10000, 'b')))";
  expect(codeOf(() => one(k.writer, sql))).toBe(18);
});
