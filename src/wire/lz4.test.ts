import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../base/index.ts';
import {
  compressedBytesMax,
  decodeLz4Block,
  isLz4Frame,
  Lz4BlockEncoder,
  Lz4FrameDecoder,
  Lz4FrameEncoder,
  XxHash32,
  xxhash32,
} from './index.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const concat = (parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const ascii = (text: string) => new TextEncoder().encode(text);

function compress(content: Uint8Array, chunkBytes = 10_000): Uint8Array {
  const encoder = new Lz4FrameEncoder(content.length);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += chunkBytes) {
    parts.push(...encoder.write(content.subarray(at, at + chunkBytes)));
  }
  parts.push(...encoder.finish());
  return concat(parts);
}

function decompress(frame: Uint8Array, chunkBytes = frame.length, limit?: number): Uint8Array {
  const decoder = new Lz4FrameDecoder(limit);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < frame.length; at += chunkBytes) {
    decoder.write(frame.subarray(at, at + chunkBytes), (content) => parts.push(content.slice()));
  }
  decoder.finish();
  return concat(parts);
}

function expectSame(actual: Uint8Array, wanted: Uint8Array): void {
  expect(Buffer.compare(actual, wanted)).toBe(0);
}

/** Compressible content of any length: runs, repetitions, noise. */
const contents = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, n]) => new Uint8Array(n).fill(byte)),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(100))
        .map(([unit, n]) =>
          Uint8Array.from({ length: unit.length * n }, (_, i) => unit[i % unit.length]),
        ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Uint8Array.from(Buffer.concat(parts)));

/** Content that looks like database pages, of a given size. */
function pages(bytes: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: bytes }, (_, i) => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return (i >> 7) % 3 === 0 ? state >>> 24 : (i >> 9) & 255;
  });
}

describe('xxhash32', () => {
  it.each([
    ['', 0, 0x02cc5d05],
    ['a', 0, 0x550d7456],
    ['abc', 0, 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
  ])('of %j is as published', (text, seed, wanted) => {
    expect(xxhash32(ascii(text), seed)).toBe(wanted);
  });

  it('does not depend on how the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
        const hash = new XxHash32();
        for (const chunk of chunks) hash.update(chunk);
        expect(hash.digest()).toBe(xxhash32(Uint8Array.from(Buffer.concat(chunks))));
      }),
    );
  });
});

describe('lz4 block', () => {
  it('decodes what it encodes', () => {
    const encoder = new Lz4BlockEncoder();
    fc.assert(
      fc.property(contents, (content) => {
        const target = new Uint8Array(compressedBytesMax(content.length));
        const end = encoder.encode(content, target, 0);
        const decoded = new Uint8Array(content.length);
        const decodedEnd = decodeLz4Block(target.subarray(0, end), decoded, 0, 0, content.length);
        expect(decodedEnd).toBe(content.length);
        expectSame(decoded, content);
      }),
    );
  });

  it('writes nothing outside its limits, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const target = new Uint8Array(100).fill(0xaa);
        try {
          const end = decodeLz4Block(bytes, target, 20, 10, 80);
          expect(end).toBeLessThanOrEqual(80);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
        expect(target.subarray(0, 20).every((byte) => byte === 0xaa)).toBe(true);
        expect(target.subarray(80).every((byte) => byte === 0xaa)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('lz4 frame', () => {
  const empty = hex(`04224d18 6c40 10000000 00000000 83 10000080
    01000000 00000000 00000000 00000000 00000000 c5d375b6`);

  it('decodes the example of disk-format.md §13', () => {
    expect(isLz4Frame(empty)).toBe(true);
    expect(decompress(empty)).toEqual(hex('01000000000000000000000000000000'));
  });

  it('decodes what it encodes, cut anywhere', () => {
    fc.assert(
      fc.property(contents, fc.integer({ min: 1, max: 700 }), (content, chunkBytes) => {
        expectSame(decompress(compress(content, chunkBytes), chunkBytes), content);
      }),
    );
  });

  it('decodes several blocks', () => {
    const content = pages(9 * 1024 * 1024 + 5);
    const frame = compress(content, 64 * 1024);
    expect(frame.length).toBeLessThan(content.length);
    expectSame(decompress(frame, 64 * 1024), content);
  });

  it('has blocks of 256 KiB at most, so that no step takes long', () => {
    const content = pages(1024 * 1024);
    const encoder = new Lz4FrameEncoder(content.length);
    const parts = [...encoder.write(content), ...encoder.finish()];
    expect(parts[0][5]).toBe(0x50);
    expect(parts.length).toBe(1 + 4 + 1);
    const lengths: number[] = [];
    new Lz4FrameDecoder().write(Buffer.concat(parts), (block) => lengths.push(block.length));
    expect(lengths).toEqual(Array(4).fill(256 * 1024));
  });

  it('announces the content size', () => {
    const decoder = new Lz4FrameDecoder();
    decoder.write(compress(pages(5000)).subarray(0, 15), () => undefined);
    expect(decoder.contentBytes).toBe(5000);
    expect(() => decoder.finish()).toThrow('cut off');
  });

  it('gives an error or the right content for every flipped bit', () => {
    // A match offset into repeated content may be changed without changing what comes out.
    const frame = compress(pages(600));
    let noticed = 0;
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const damaged = frame.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      try {
        expectSame(decompress(damaged), pages(600));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        noticed++;
      }
    }
    expect(noticed).toBeGreaterThan(frame.length * 8 * 0.95);
  });

  it('notices a frame that is cut off, and bytes after its end', () => {
    const frame = compress(pages(600));
    for (let length = 0; length < frame.length; length++) {
      expect(() => decompress(frame.subarray(0, length), 100), `${length}`).toThrow(DecodeError);
    }
    expect(() => decompress(Uint8Array.from([...frame, 0]))).toThrow('after the end');
  });

  it('refuses a content size above the limit before it takes any memory', () => {
    const descriptor = hex('7c70 ffffffffff0f0000');
    const checksum = (xxhash32(descriptor) >>> 8) & 255;
    const bomb = Uint8Array.from([...hex('04224d18'), ...descriptor, checksum]);
    expect(() => decompress(bomb, 1, 1 << 30)).toThrow('larger than allowed');
  });

  it('stops a bomb without content size at the limit', () => {
    const content = new Uint8Array(3 * 1024 * 1024);
    const target = new Uint8Array(compressedBytesMax(content.length));
    const end = new Lz4BlockEncoder().encode(content, target, 0);
    const descriptor = hex('6070');
    const head = [...hex('04224d18'), ...descriptor, (xxhash32(descriptor) >>> 8) & 255];
    const size = new Uint8Array(new Uint32Array([end]).buffer);
    const block = [...size, ...target.subarray(0, end)];
    const bomb = Uint8Array.from([...head, ...block, ...block, ...block, 0, 0, 0, 0]);
    expect(decompress(bomb).length).toBe(3 * content.length);
    expect(() => decompress(bomb, bomb.length, 2 * content.length)).toThrow('larger');
  });

  it('throws nothing but DecodeError', () => {
    const frame = compress(pages(2000));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 500 }),
        (changes, chunkBytes) => {
          const damaged = frame.slice();
          for (const [at, value] of changes) damaged[at] = value;
          try {
            expectSame(decompress(damaged, chunkBytes), pages(2000));
          } catch (error) {
            if (!(error instanceof DecodeError)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

const hasLz4 = spawnSync('lz4', ['--version']).status === 0;
function exchange(args: string[], input: Uint8Array) {
  const { status, stdout } = spawnSync('lz4', args, { input, maxBuffer: 1 << 26 });
  return { status, stdout: Uint8Array.from(stdout) };
}

describe.skipIf(!hasLz4)(
  'exchange with the lz4 program (skipped where it is not installed)',
  () => {
    it('reads our frames', () => {
      for (const bytes of [0, 1, 16, 5000, 300_000, 5_000_000]) {
        const content = pages(bytes);
        const { status, stdout } = exchange(['-d', '-c'], compress(content));
        expect(status).toBe(0);
        expectSame(stdout, content);
      }
    });

    it.each([
      [['-B4', '-BD']],
      [['-B4', '-BI']],
      [['-B5', '-BD', '-9']],
      [['-B6', '-BX']],
      [['-B7', '-BD', '--content-size']],
      [['-B4', '-BD', '-BX', '--no-frame-crc']],
    ])('writes frames that we read: %j', (options) => {
      for (const content of [pages(700_000), new Uint8Array(200_000), pages(70)]) {
        const { status, stdout } = exchange([...options, '-c'], content);
        expect(status).toBe(0);
        expectSame(decompress(stdout, 30_011), content);
        expectSame(decompress(stdout), content);
      }
    });
  },
);
