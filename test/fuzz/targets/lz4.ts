import { fillRandom, type Random, randomBelow } from '../../../src/base/index.ts';
import {
  compressedBytesMax,
  decodeLz4Block,
  Lz4BlockEncoder,
  Lz4FrameDecoder,
  Lz4FrameEncoder,
  xxhash32,
} from '../../../src/wire/index.ts';
import { directories } from '../captures.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { decoded, demand, inPieces, randomOf, same } from './check.ts';

/** The largest expansion of the format: one byte of a length stands for 255 bytes of content. */
const EXPANSION = 255;
const BLOCK_MAX = 4 * 1024 * 1024;

export const lz4FrameTarget: Target = {
  name: 'lz4-frame',
  corpus(random) {
    const captured = directories().flatMap((files) =>
      [...files].flatMap(([name, bytes]) => (/^snapshot-[^.]*$/.test(name) ? [bytes] : [])),
    );
    return [...captured, ...contents(random).map(frameOf), linkedFrame()];
  },
  /** The checksum of the frame header. */
  repair(bytes) {
    const length = bytes.length > 4 && bytes[4] & 8 ? 10 : 2;
    if (bytes.length < 5 + length) return;
    bytes[4 + length] = (xxhash32(bytes.subarray(4, 4 + length)) >>> 8) & 255;
  },
  memory: (length) => ({
    atOnce: BLOCK_MAX + 256 * 1024 + 4 * length,
    total: 2 * BLOCK_MAX + 512 * 1024 + 64 * length,
  }),
  run(bytes) {
    const random = randomOf(bytes);
    const whole = decompress((take) => take(bytes));
    same(
      decompress((take) => inPieces(bytes, random, take)),
      whole,
      'the same frame cut elsewhere',
    );
    demand(whole.bytes <= EXPANSION * bytes.length, 'more content than the format allows');
  },
};

export const lz4BlockTarget: Target = {
  name: 'lz4-block',
  corpus: (random) =>
    contents(random).map((content) => {
      const target = new Uint8Array(compressedBytesMax(content.length));
      return target.slice(0, new Lz4BlockEncoder().encode(content, target, 0));
    }),
  memory: (length) => ({ atOnce: 1024 * 1024 + 4 * length, total: 4 * 1024 * 1024 + 64 * length }),
  run(bytes) {
    const random = randomOf(bytes);
    const base = 16;
    const at = base + randomBelow(random, 64);
    const limit = at + randomBelow(random, 70_000);
    const target = new Uint8Array(limit + 16).fill(7);
    const end = decoded(() => decodeLz4Block(bytes, target, at, base, limit));
    demand(
      target.subarray(0, at).every((byte) => byte === 7),
      'written before its start',
    );
    demand(
      target.subarray(limit).every((byte) => byte === 7),
      'written behind its limit',
    );
    if (end === undefined) return;
    const content = target.slice(at, end);
    const packed = new Uint8Array(compressedBytesMax(content.length));
    const packedBytes = new Lz4BlockEncoder().encode(content, packed, 0);
    const again = new Uint8Array(content.length);
    decodeLz4Block(packed.subarray(0, packedBytes), again, 0, 0, again.length);
    same(again, content, 'compressed and decompressed');
  },
};

function decompress(feed: (take: (piece: Uint8Array) => void) => void) {
  const decoder = new Lz4FrameDecoder(64 * 1024 * 1024);
  const found = { bytes: 0, sum: 0, done: false };
  decoded(() => {
    feed((piece) =>
      decoder.write(piece, (content) => {
        found.bytes += content.length;
        found.sum = (Math.imul(found.sum, 31) + content[0] + content[content.length - 1]) | 0;
      }),
    );
    decoder.finish();
    found.done = true;
  });
  return found;
}

function contents(random: Random): Uint8Array[] {
  return [0, 1, 12, 13, 100, 5_000, 70_000].flatMap((length) => {
    const noise = new Uint8Array(length);
    fillRandom(random, noise);
    const text = Uint8Array.from(noise, (byte) => 97 + (byte % 3));
    return [new Uint8Array(length), noise, text];
  });
}

export function frameOf(content: Uint8Array): Uint8Array {
  const encoder = new Lz4FrameEncoder(content.length);
  return concat([...encoder.write(content), ...encoder.finish()]);
}

/** Linked blocks without content size, which our encoder never writes: the second refers to the first. */
function linkedFrame(): Uint8Array {
  const descriptor = Uint8Array.of(0x40, 0x40);
  const check = (xxhash32(descriptor) >>> 8) & 255;
  const first = [0x50, 97, 98, 99, 100, 101];
  const second = [0x11, 102, 5, 0, 0x50, 1, 2, 3, 4, 5];
  return Uint8Array.of(
    ...[4, 0x22, 0x4d, 0x18, ...descriptor, check],
    ...[first.length, 0, 0, 0, ...first],
    ...[second.length, 0, 0, 0, ...second],
    ...[0, 0, 0, 0],
  );
}
