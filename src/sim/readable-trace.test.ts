import { expect, test } from 'vitest';
import { ReadableTrace } from './readable-trace.ts';

function readable(limit: number, lines: readonly string[]): readonly string[] {
  const trace = new ReadableTrace(limit);
  for (const line of lines) trace.add(line);
  return trace.lines();
}

test('times in seconds, hosts without ports, one line for each event, no details for programmers', () => {
  const lines = readable(10, [
    '1253.390 node-1:9000 info this node is candidate',
    '1260.000 node-1:9000 debug something',
    '1739.246 world note the run fails: Error: a\n  b',
  ]);
  expect(lines).toEqual([
    '   1.253  node-1    this node is candidate',
    '   1.739  world     the run fails: Error: a b',
  ]);
});

test('calls that succeed give way to what goes wrong, but not right before the end', () => {
  const told = (count: number) =>
    Array.from({ length: count }, (_, i) => `${i} client-0 told ${i}`);
  const lines = readable(30, [
    ...told(30),
    '40.0 client-0 note TIMEOUT',
    ...told(2),
    '50.0 world note a fault',
    ...told(15),
    '60.0 world note the run fails: LIN',
  ]);
  const last = Array.from({ length: 12 }, (_, i) => String(i + 3));
  const texts = ['28', '29', 'TIMEOUT', '0', '1', 'a fault', ...last, 'the run fails: LIN'];
  const counted = lines.filter((line) => line.includes('('));
  expect(counted.map((line) => line.trim())).toEqual(['(28 calls succeed)', '(3 calls succeed)']);
  const others = lines.filter((line) => !counted.includes(line));
  expect(others.map((line) => line.slice(20))).toEqual(texts);
});

test('only the last lines', () => {
  const lines = readable(2, ['1.0 a note x', '2.0 a note y', '3.0 a note z']);
  expect(lines.map((line) => line.trim())).toEqual([
    '(1 lines before)',
    '0.002  a         y',
    '0.003  a         z',
  ]);
});
