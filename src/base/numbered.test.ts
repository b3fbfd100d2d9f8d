import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Numbered } from './numbered.ts';

test('does what a Map does, whichever numbers share a place', () => {
  const step = fc.record({
    kind: fc.constantFrom('set', 'set', 'delete', 'get', 'clear'),
    number: fc.oneof(
      fc.integer({ min: 1, max: 6 }).map((n) => n * 256),
      fc.integer({ min: 1, max: 600 }),
      fc.maxSafeNat(),
    ),
    value: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new Numbered<number>();
      const model = new Map<number, number>();
      for (const { kind, number, value } of steps) {
        if (kind === 'set') {
          table.set(number, value);
          model.set(number, value);
        } else if (kind === 'delete') {
          expect(table.delete(number)).toBe(model.delete(number));
        } else if (kind === 'clear') {
          table.clear();
          model.clear();
        }
        expect(table.get(number)).toBe(model.get(number));
        expect(table.size).toBe(model.size);
        const inOrder = [...model].sort(([a], [b]) => a - b).map(([, each]) => each);
        expect(table.values()).toEqual(inOrder);
      }
    }),
  );
});

test('numbers by itself, and keeps what stays long', () => {
  const table = new Numbered<string>();
  const first = table.add('first');
  for (let i = 0; i < 10_000; i++) table.delete(table.add('passing'));
  const last = table.add('last');
  expect(table.get(first)).toBe('first');
  expect(table.values()).toEqual(['first', 'last']);
  expect(table.delete(last)).toBe(true);
  expect(table.delete(last)).toBe(false);
  expect(table.size).toBe(1);
});
