import { expect, test } from 'vitest';
import { StreamTable } from './stream-table.ts';

const isMember = (id: bigint): boolean => id <= 3n;

test('a peer that opens one stream after another keeps the newest four', () => {
  const table = new StreamTable<number>(isMember);
  const ended = Array.from({ length: 10 }, (_, i) => table.add(i, 2n));
  expect(ended).toEqual([undefined, undefined, undefined, undefined, 0, 1, 2, 3, 4, 5]);
  expect(table.of(2n)).toEqual([6, 7, 8, 9]);
});

test('however many ids are claimed, strangers have a bounded number of streams and members keep theirs', () => {
  const table = new StreamTable<string>(isMember);
  table.add('member', 2n);
  for (let i = 0; i < 5_000; i++) table.add(`stranger ${i}`, BigInt(10 + i));
  expect(table.size).toBe(33);
  expect(table.of(2n)).toEqual(['member']);
  expect(table.add('member again', 3n)).toBeUndefined();
});

test('what has ended counts no more', () => {
  const table = new StreamTable<number>(isMember);
  for (let i = 0; i < 100; i++) {
    expect(table.add(i, 2n)).toBeUndefined();
    table.delete(i);
  }
  expect(table.all()).toEqual([]);
});
