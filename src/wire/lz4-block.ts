import { assert, DecodeError } from '../base/index.ts';

/** Matches reach back at most this far. */
export const LZ4_WINDOW_BYTES = 65_536;
const HASH_BITS = 16;
const MATCH_BYTES_MIN = 4;
/** The format demands that the last 5 bytes are literals and no match starts in the last 12. */
const LAST_LITERALS = 5;
const MATCH_START_LIMIT = 12;
/** After so many failed searches the step grows by one: incompressible data is skipped over fast. */
const SEARCHES_PER_STEP = 64;
/** Below this, copying byte by byte is faster than a call. */
const SHORT_COPY_BYTES = 32;

/** Greatest size of a compressed block of `length` bytes. */
export function compressedBytesMax(length: number): number {
  return length + Math.floor(length / 255) + 16;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Compresses single blocks; keeps its hash table between calls. */
export class Lz4BlockEncoder {
  readonly #table = new Int32Array(1 << HASH_BITS);

  /**
   * Compresses all of `source` into `target` from `at`, which must have compressedBytesMax(source.length) bytes left.
   * Returns the end of the block in `target`. Greedy, as LZ4's fast mode.
   */
  encode(source: Uint8Array, target: Uint8Array, at: number): number {
    assert(target.length - at >= compressedBytesMax(source.length), 'lz4: target is too small');
    const table = this.#table.fill(-1);
    const startLimit = source.length - MATCH_START_LIMIT;
    const endLimit = source.length - LAST_LITERALS;
    let out = at;
    let anchor = 0;
    let position = 0;
    let searches = SEARCHES_PER_STEP;
    while (position <= startLimit) {
      const value = word(source, position);
      const hash = Math.imul(value, 0x9e3779b1) >>> (32 - HASH_BITS);
      let candidate = table[hash];
      table[hash] = position;
      const found =
        candidate >= 0 &&
        position - candidate < LZ4_WINDOW_BYTES &&
        word(source, candidate) === value;
      if (!found) {
        position += searches++ >> 6;
        continue;
      }
      let start = position;
      let end = position + MATCH_BYTES_MIN;
      let matched = candidate + MATCH_BYTES_MIN;
      while (start > anchor && candidate > 0 && source[start - 1] === source[candidate - 1]) {
        start--;
        candidate--;
      }
      while (end < endLimit && source[end] === source[matched]) {
        end++;
        matched++;
      }
      out = putLiterals(source, anchor, start, end - start - MATCH_BYTES_MIN, target, out);
      const distance = start - candidate;
      target[out++] = distance & 255;
      target[out++] = distance >> 8;
      out = putLength(end - start - MATCH_BYTES_MIN, target, out);
      position = end;
      anchor = end;
      searches = SEARCHES_PER_STEP;
    }
    return putLiterals(source, anchor, source.length, 0, target, out);
  }
}

/** The rest of a length that did not fit the token's 4 bits. */
function putLength(length: number, target: Uint8Array, at: number): number {
  let out = at;
  if (length < 15) return out;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) target[out++] = 255;
  target[out++] = rest;
  return out;
}

/** A token, the literals source[from, to) and nothing of the match that follows but its length in the token. */
function putLiterals(
  source: Uint8Array,
  from: number,
  to: number,
  matchLength: number,
  target: Uint8Array,
  at: number,
): number {
  const length = to - from;
  let out = at;
  target[out++] = (Math.min(length, 15) << 4) | Math.min(matchLength, 15);
  out = putLength(length, target, out);
  if (length < SHORT_COPY_BYTES) {
    for (let i = 0; i < length; i++) target[out + i] = source[from + i];
  } else {
    target.set(source.subarray(from, to), out);
  }
  return out + length;
}

/**
 * Decompresses one block into `target` from `at` and returns the end. Matches may reach back to `base` in `target`,
 * and not further: what stands before belongs to nobody. Nothing is written at or past `limit`.
 * Throws DecodeError on anything the format does not allow.
 */
export function decodeLz4Block(
  source: Uint8Array,
  target: Uint8Array,
  at: number,
  base: number,
  limit: number,
): number {
  const sourceEnd = source.length;
  let position = 0;
  let out = at;
  for (;;) {
    if (position >= sourceEnd) throw new DecodeError('lz4: a block ends without literals');
    const token = source[position++];
    let length = token >> 4;
    if (length === 15) {
      let byte: number;
      do {
        if (position >= sourceEnd) throw new DecodeError('lz4: a literal length is cut off');
        byte = source[position++];
        length += byte;
      } while (byte === 255);
    }
    if (length > sourceEnd - position) throw new DecodeError('lz4: literals are cut off');
    if (length > limit - out) throw new DecodeError('lz4: a block is larger than allowed');
    if (length < SHORT_COPY_BYTES) {
      for (let i = 0; i < length; i++) target[out + i] = source[position + i];
    } else {
      target.set(source.subarray(position, position + length), out);
    }
    position += length;
    out += length;
    if (position === sourceEnd) return out;

    if (sourceEnd - position < 2) throw new DecodeError('lz4: an offset is cut off');
    const distance = source[position] | (source[position + 1] << 8);
    position += 2;
    let match = (token & 15) + MATCH_BYTES_MIN;
    if (match === 15 + MATCH_BYTES_MIN) {
      let byte: number;
      do {
        if (position >= sourceEnd) throw new DecodeError('lz4: a match length is cut off');
        byte = source[position++];
        match += byte;
      } while (byte === 255);
    }
    if (distance === 0 || distance > out - base) throw new DecodeError('lz4: a bad offset');
    if (match > limit - out) throw new DecodeError('lz4: a block is larger than allowed');
    const from = out - distance;
    if (distance >= match && match >= SHORT_COPY_BYTES) {
      target.copyWithin(out, from, from + match);
    } else {
      for (let i = 0; i < match; i++) target[out + i] = target[from + i];
    }
    out += match;
  }
}
