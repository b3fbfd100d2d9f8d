const PRIME1 = 0x9e3779b1 | 0;
const PRIME2 = 0x85ebca77 | 0;
const PRIME3 = 0xc2b2ae3d | 0;
const PRIME4 = 0x27d4eb2f | 0;
const PRIME5 = 0x165667b1 | 0;
const STRIPE_BYTES = 16;

/** Words are read far faster than bytes, but only where they are aligned: other input is copied here first. */
const ALIGNED = new Uint8Array(16 * 1024);
const ALIGNED_WORDS = new Int32Array(ALIGNED.buffer);

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function round(accumulator: number, input: number): number {
  return Math.imul(rotate((accumulator + Math.imul(input, PRIME2)) | 0, 13), PRIME1);
}

/** xxHash, 32 bits, over a stream of chunks: the checksum of LZ4 frames. */
export class XxHash32 {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  readonly #seed: number;
  readonly #rest = new Uint8Array(STRIPE_BYTES);
  #restBytes = 0;
  #totalBytes = 0;

  constructor(seed = 0) {
    this.#seed = seed | 0;
    this.#a = (seed + PRIME1 + PRIME2) | 0;
    this.#b = (seed + PRIME2) | 0;
    this.#c = seed | 0;
    this.#d = (seed - PRIME1) | 0;
  }

  update(bytes: Uint8Array): this {
    this.#totalBytes += bytes.length;
    let at = 0;
    if (this.#restBytes > 0) {
      at = Math.min(STRIPE_BYTES - this.#restBytes, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#restBytes);
      this.#restBytes += at;
      if (this.#restBytes < STRIPE_BYTES) return this;
      this.#stripes(this.#rest, 0, STRIPE_BYTES);
      this.#restBytes = 0;
    }
    const end = at + Math.floor((bytes.length - at) / STRIPE_BYTES) * STRIPE_BYTES;
    this.#stripes(bytes, at, end);
    this.#rest.set(bytes.subarray(end));
    this.#restBytes = bytes.length - end;
    return this;
  }

  #stripes(bytes: Uint8Array, start: number, end: number): void {
    if ((bytes.byteOffset + start) % 4 === 0) {
      this.#rounds(new Int32Array(bytes.buffer, bytes.byteOffset + start, (end - start) / 4));
      return;
    }
    for (let at = start; at < end; at += ALIGNED.length) {
      const part = bytes.subarray(at, Math.min(end, at + ALIGNED.length));
      ALIGNED.set(part);
      this.#rounds(ALIGNED_WORDS.subarray(0, part.length / 4));
    }
  }

  #rounds(words: Int32Array): void {
    let a = this.#a;
    let b = this.#b;
    let c = this.#c;
    let d = this.#d;
    for (let at = 0; at + 4 <= words.length; at += 4) {
      a = round(a, words[at]);
      b = round(b, words[at + 1]);
      c = round(c, words[at + 2]);
      d = round(d, words[at + 3]);
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  /** The hash of everything so far; more may be added afterwards. */
  digest(): number {
    let hash =
      this.#totalBytes >= STRIPE_BYTES
        ? rotate(this.#a, 1) + rotate(this.#b, 7) + rotate(this.#c, 12) + rotate(this.#d, 18)
        : this.#seed + PRIME5;
    // The length counts modulo 2^32.
    hash = (hash + (this.#totalBytes % 2 ** 32)) | 0;
    let at = 0;
    for (; at + 4 <= this.#restBytes; at += 4) {
      const mixed = (hash + Math.imul(word(this.#rest, at), PRIME3)) | 0;
      hash = Math.imul(rotate(mixed, 17), PRIME4);
    }
    for (; at < this.#restBytes; at++) {
      hash = Math.imul(rotate((hash + Math.imul(this.#rest[at], PRIME5)) | 0, 11), PRIME1);
    }
    hash = Math.imul(hash ^ (hash >>> 15), PRIME2);
    hash = Math.imul(hash ^ (hash >>> 13), PRIME3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}

/** xxHash, 32 bits, of one buffer. */
export function xxhash32(bytes: Uint8Array, seed = 0): number {
  return new XxHash32(seed).update(bytes).digest();
}
