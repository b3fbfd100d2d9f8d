import { expect, test } from 'vitest';
import { EnginePair, one, rows } from '../../test/support/engine-pair.ts';

test('smoke', () => {
  const k = new EnginePair();
  k.write('create table t(a integer primary key, b)');
  k.write("insert into t(b) values('x'),('y')");
  expect(rows(k.writer, 'select * from t')).toEqual([
    [1, 'x'],
    [2, 'y'],
  ]);
  expect(one(k.open(), 'select count(*) from t')).toBe(2);
  expect(k.problem()).toBe('');
  expect(k.end()).toBe(0);
});
