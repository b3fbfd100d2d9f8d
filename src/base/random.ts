/** A source of random numbers. Not for secrets. */
export interface Random {
  /** Uniform integer in [0, 2^32). */
  uint32(): number;
  /** Uniform number in [0, 1). */
  float(): number;
}

/** Uniform integer in [0, limit). */
export function randomBelow(random: Random, limit: number): number {
  return Math.floor(random.float() * limit);
}

/** Fills a buffer with random bytes. */
export function fillRandom(random: Random, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.uint32() & 255;
}

/** Uniform unsigned 64-bit integer, never 0: fit for a node id. */
export function randomId(random: Random): bigint {
  const id = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
  return id === 0n ? 1n : id;
}

/** The generator sfc32: small, fast, the same numbers on every platform for the same seed. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 15; i++) this.uint32();
  }

  uint32(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  float(): number {
    return this.uint32() / 2 ** 32;
  }
}
