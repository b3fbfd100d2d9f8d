import { expect, test } from 'vitest';
import { Overlapping } from './overlapping.ts';

test('the end of one fault does not end another', () => {
  const capacity = new Overlapping((bytes) => Math.min(...bytes));
  expect(capacity.value).toBe(Number.POSITIVE_INFINITY);
  const endFirst = capacity.begin(100);
  const endSecond = capacity.begin(200);
  expect(capacity.value).toBe(100);
  endFirst();
  expect(capacity.value).toBe(200);
  endFirst();
  expect(capacity.value).toBe(200);
  endSecond();
  expect(capacity.value).toBe(Number.POSITIVE_INFINITY);
});

test('what was cleared ends no later fault', () => {
  const slowness = new Overlapping((factors) => Math.max(1, ...factors));
  const end = slowness.begin(30);
  slowness.clear();
  expect(slowness.value).toBe(1);
  slowness.begin(20);
  end();
  expect(slowness.value).toBe(20);
});
