import { expect, test } from 'vitest';
import { RestingTexts } from './resting-texts.ts';

test('a text rests 64 times, others do not', () => {
  const texts = new RestingTexts();
  texts.add('long');
  for (let i = 0; i < 64; i++)
    expect([texts.skip('long'), texts.skip('short')]).toEqual([true, false]);
  expect(texts.skip('long')).toBe(false);
});

test('of many texts the latest are remembered', () => {
  const texts = new RestingTexts();
  for (let i = 0; i <= 256; i++) texts.add(`text ${i}`);
  expect([texts.skip('text 0'), texts.skip('text 255'), texts.skip('text 256')]).toEqual([
    false,
    false,
    true,
  ]);
});
