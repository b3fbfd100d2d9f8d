import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromUtf8 } from '../base/index.ts';
import { KnownTexts } from './known-texts.ts';

test('decodes as if it remembered nothing', () => {
  const texts = new KnownTexts();
  const bytes = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 40 }),
    // Much the same, so that places are shared.
    fc.tuple(fc.nat(2), fc.nat(30), fc.nat(3)).map(([letter, at, length]) => {
      const same = new Uint8Array(30 + length).fill(97);
      same[at] = 97 + letter;
      return same;
    }),
    fc.integer({ min: 500, max: 520 }).map((length) => new Uint8Array(length).fill(120)),
  );
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 20 }), (all) => {
      for (const each of [...all, ...all]) expect(texts.decode(each)).toBe(fromUtf8(each));
    }),
  );
});

test('the memory of what was decoded may be written anew', () => {
  const texts = new KnownTexts();
  const bytes = new TextEncoder().encode('select 1');
  expect(texts.decode(bytes)).toBe('select 1');
  bytes[7] = 50;
  expect(texts.decode(bytes)).toBe('select 2');
});
