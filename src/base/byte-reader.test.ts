import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter, DecodeError, fromUtf8, utf8 } from './bytes.ts';

const FIELDS: readonly [string, number, (reader: ByteReader) => unknown][] = [
  ['u8', 1, (reader) => reader.u8()],
  ['u16', 2, (reader) => reader.u16()],
  ['u32', 4, (reader) => reader.u32()],
  ['u64', 8, (reader) => reader.u64()],
  ['i64', 8, (reader) => reader.i64()],
  ['f64', 8, (reader) => reader.f64()],
  ['safe', 8, (reader) => reader.safe()],
  ['take', 5, (reader) => reader.take(5)],
  ['skip', 5, (reader) => reader.skip(5)],
];

test.each(FIELDS)('%s at the end of the bytes, and past it', (_name, bytes, read) => {
  const reader = new ByteReader(new Uint8Array(16), 16 - bytes);
  read(reader);
  expect(reader.remaining).toBe(0);
  const short = new ByteReader(new Uint8Array(16), 17 - bytes);
  expect(() => read(short)).toThrow(DecodeError);
  expect(short.offset).toBe(17 - bytes);
});

test('a negative count moves nothing', () => {
  const reader = new ByteReader(new Uint8Array(16), 8);
  expect(() => reader.take(-1)).toThrow(DecodeError);
  expect(() => reader.skip(-1)).toThrow(DecodeError);
  expect(reader.offset).toBe(8);
});

test('a number above 2^53 - 1 is refused where a safe one is wanted', () => {
  const encoded = (value: bigint): ByteReader =>
    new ByteReader(new ByteWriter().u64(value).finish());
  expect(encoded(2n ** 53n - 1n).safe()).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => encoded(2n ** 53n).safe()).toThrow(DecodeError);
  expect(() => encoded(2n ** 64n - 1n).safe()).toThrow(DecodeError);
});

test('a text without its end is refused; a padded one ends with the bytes at the latest', () => {
  expect(() => new ByteReader(utf8('abc')).cstring()).toThrow(DecodeError);
  const reader = new ByteReader(new Uint8Array([97, 0, 0]));
  expect(reader.text()).toBe('a');
  expect(reader.remaining).toBe(0);
});

test('a text with an initial U+FEFF keeps it', () => {
  expect(fromUtf8(utf8('\ufeffa'))).toBe('\ufeffa');
  expect(new ByteReader(new ByteWriter().text('\ufeffa').finish()).text()).toBe('\ufeffa');
});

test('whatever the bytes: a value or a DecodeError, and never a step past the end', () => {
  const names = FIELDS.map(([name]) => name);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(fc.constantFrom(...names, 'cstring', 'text')),
      (bytes, steps) => {
        const reader = new ByteReader(bytes);
        for (const step of steps) {
          try {
            const field = FIELDS.find(([name]) => name === step);
            if (field !== undefined) field[2](reader);
            else if (step === 'text') reader.text();
            else reader.cstring();
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
          expect(reader.remaining).toBeGreaterThanOrEqual(0);
        }
      },
    ),
  );
});
