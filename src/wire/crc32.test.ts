import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32All } from './index.ts';

/** The definition of disk-format.md §2, bit by bit. */
function slow(bytes: Uint8Array, start = 0): number {
  let crc = start;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

describe('crc32', () => {
  it('has the check value of the format', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0x89a1897f);
    expect(crc32(new Uint8Array(8))).toBe(0);
  });

  it('equals the bitwise definition for every length and start', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(0xffffffff), (bytes, start) => {
        expect(crc32(bytes, start)).toBe(slow(bytes, start | 0));
      }),
    );
  });

  it('chains over buffers', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        expect(crc32All(chunks)).toBe(crc32(Uint8Array.from(chunks.flatMap((c) => [...c]))));
      }),
    );
  });
});
