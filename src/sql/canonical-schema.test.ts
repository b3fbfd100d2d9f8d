import { expect, test } from 'vitest';
import { canonicalSchema, type SchemaRow } from './canonical-schema.ts';

function table(sql: string, name = 'a'): SchemaRow {
  return ['table', name, name, sql];
}

test('the same schema written in other ways, in any order', () => {
  const one = [table('create table a (x, y)'), table('create table b (z)', 'b')];
  const two = [
    table('CREATE TABLE "b"(\n  z -- the last\n)', 'B'),
    table('create  table [A] ( `x`,/* */"y" )', 'A'),
  ];
  expect(canonicalSchema(two)).toBe(canonicalSchema(one));
});

test.each([
  ['create table a (x)', 'create table a (y)'],
  ["create table a (x default 'b')", "create table a (x default 'B')"],
  ['create table a (x integer)', 'create table a (x)'],
  ['create table a ("b c")', 'create table a (b c)'],
  ['create table a (x "primary" key)', 'create table a (x primary key)'],
  ['create table a ("x, y")', 'create table a (x, y)'],
  ['create table a ("x"" y")', 'create table a ("x", y)'],
  ['create table a (Ä)', 'create table a (ä)'],
])('%s is not %s', (one, two) => {
  expect(canonicalSchema([table(one)])).not.toBe(canonicalSchema([table(two)]));
});

test('names with blanks do not run into one another', () => {
  const one: SchemaRow = ['table', 'a b', 'c', 'create table x (y)'];
  const two: SchemaRow = ['table', 'a', 'b c', 'create table x (y)'];
  expect(canonicalSchema([one])).not.toBe(canonicalSchema([two]));
});
