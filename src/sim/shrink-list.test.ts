import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shrinkList } from './shrink-list.ts';

const lists = fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 30 });

test('exactly what is needed is left, in its order', async () => {
  await fc.assert(
    fc.asyncProperty(lists, fc.nat(2 ** 30), async (items, mask) => {
      const needed = items.filter((_, i) => (mask & (2 ** i)) !== 0);
      const kept = await shrinkList(items, async (some) => {
        return needed.every((item) => some.includes(item));
      });
      expect(kept).toEqual(needed);
    }),
  );
});

test('whatever the test says, it said yes to what is left, and it needs every item of that', async () => {
  await fc.assert(
    fc.asyncProperty(lists, fc.integer(), async (items, salt) => {
      const says = (some: readonly number[]): boolean => {
        return some.reduce((sum, item) => Math.imul(sum ^ item, 0x01000193), salt) % 3 === 0;
      };
      const kept = await shrinkList(items, async (some) => says(some));
      if (kept.length < items.length) expect(says(kept)).toBe(true);
      if (kept.length < 2) return;
      for (const item of kept) expect(says(kept.filter((each) => each !== item))).toBe(false);
    }),
  );
});

test('one of a hundred items is found in few questions', async () => {
  const items = Array.from({ length: 100 }, (_, i) => i);
  let questions = 0;
  const kept = await shrinkList(items, async (some) => {
    questions++;
    return some.includes(71);
  });
  expect(kept).toEqual([71]);
  expect(questions).toBeLessThan(20);
});
