import { type Random, randomBelow } from '../base/index.ts';

/** Up to this many comparisons the plain search of the platform is used, whatever the bytes are. */
const PLAIN_STEPS = 2 ** 22;
/** A needle of so many bytes is searched in plain steps, however long the haystack is. */
const SHORT_BYTES = 16;
/** So far a short needle is searched without asking the platform: it may stand at every other byte, and each question has its price. */
const NEAR_PLACES = 32;
/** A prime: its square is below 2^53, so products of remainders are exact. */
const PRIME = 67_108_859;

/**
 * Finds a sequence of bytes in time that grows with the sum of both lengths, never with their product: rolling
 * sums (Rabin and Karp) with a multiplier that nobody outside knows, each hit compared in full.
 */
export class ByteSearch {
  readonly #needle: Buffer;
  readonly #random: Random;
  #factor = 0;
  #sum = 0;
  /** What the byte that leaves the window counts for in the sum. */
  #leaving: Float64Array | undefined;

  constructor(needle: Buffer, random: Random) {
    this.#needle = needle;
    this.#random = random;
  }

  /** Where the needle stands first at or behind `from`; -1 = nowhere. */
  find(haystack: Buffer, from: number): number {
    const needle = this.#needle;
    const places = haystack.length - from - needle.length + 1;
    if (places <= 0) return -1;
    if (needle.length <= SHORT_BYTES) return this.#findShort(haystack, from, places);
    if (places * needle.length <= PLAIN_STEPS) return haystack.indexOf(needle, from);
    this.#leaving ??= this.#prepare();
    const leaving = this.#leaving;
    const { length } = needle;
    const factor = this.#factor;
    let sum = sumOf(haystack, from, from + length, factor);
    for (let at = from; ; at++) {
      if (sum === this.#sum && haystack.compare(needle, 0, length, at, at + length) === 0)
        return at;
      if (at + length === haystack.length) return -1;
      sum -= leaving[haystack[at]];
      if (sum < 0) sum += PRIME;
      sum = remainder(sum * factor + haystack[at + length]);
    }
  }

  #findShort(haystack: Buffer, from: number, places: number): number {
    const needle = this.#needle;
    const first = needle[0];
    const far = from + Math.min(places, NEAR_PLACES);
    for (let at = from; at < far; at++) {
      if (haystack[at] === first && standsAt(haystack, at, needle)) return at;
    }
    return places > NEAR_PLACES ? haystack.indexOf(needle, far) : -1;
  }

  #prepare(): Float64Array {
    this.#factor = 1_000_000 + randomBelow(this.#random, PRIME - 2_000_000);
    this.#sum = sumOf(this.#needle, 0, this.#needle.length, this.#factor);
    let first = 1;
    for (let i = 1; i < this.#needle.length; i++) first = remainder(first * this.#factor);
    return Float64Array.from({ length: 256 }, (_, byte) => remainder(byte * first));
  }
}

/** `value` modulo PRIME: the operator takes ten times as long for numbers of this size. */
function remainder(value: number): number {
  const rest = value - Math.floor(value / PRIME) * PRIME;
  return rest < 0 ? rest + PRIME : rest >= PRIME ? rest - PRIME : rest;
}

/** Whether the needle stands there, where its first byte does. */
function standsAt(haystack: Uint8Array, at: number, needle: Uint8Array): boolean {
  for (let i = 1; i < needle.length; i++) if (haystack[at + i] !== needle[i]) return false;
  return true;
}

function sumOf(bytes: Uint8Array, from: number, to: number, factor: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum = remainder(sum * factor + bytes[at]);
  return sum;
}
