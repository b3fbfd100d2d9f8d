import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from './bytes.ts';

test('every field is kept when the buffer has to grow for it', () => {
  for (let capacity = 0; capacity < 64; capacity++) {
    const writer = new ByteWriter(capacity);
    writer
      .u8(1)
      .u16(2)
      .u32(3)
      .u64(4n)
      .i64(-5n)
      .f64(6.5)
      .safe(7)
      .raw(new Uint8Array([8, 9]));
    writer.zeros(3).text('ten');
    const reader = new ByteReader(writer.finish());
    expect([reader.u8(), reader.u16(), reader.u32()]).toEqual([1, 2, 3]);
    expect([reader.u64(), reader.i64(), reader.f64(), reader.safe()]).toEqual([4n, -5n, 6.5, 7]);
    expect([...reader.take(5)]).toEqual([8, 9, 0, 0, 0]);
    expect(reader.text()).toBe('ten');
    expect(reader.remaining).toBe(0);
  }
});

test('texts are UTF-8, whatever they hold and wherever they stand', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 600 }),
    fc.constantFrom('\ud800', 'a\udc00b', 'é'.repeat(256), 'x'.repeat(257), ''),
  );
  fc.assert(
    fc.property(fc.array(texts, { maxLength: 5 }), fc.nat(40), (list, capacity) => {
      const writer = new ByteWriter(capacity);
      const lengths = list.map((text) => writer.u8(255).utf8(text));
      const expected = list.map((text) => Buffer.from(text));
      expect(lengths).toEqual(expected.map(({ length }) => length));
      const all = expected.flatMap((bytes) => [Buffer.of(255), bytes]);
      expect(Buffer.compare(writer.finish(), Buffer.concat(all))).toBe(0);
    }),
  );
});
