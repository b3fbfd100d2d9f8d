import process from 'node:process';

const COMMIT = 0;
const APPLIED = 1;
const FRESH_AT = 2;
const WORDS = 3;
const NS_PER_MS = 1_000_000;

/** What the consensus thread knows of this replica's age. */
export interface Freshness {
  readonly applied: number;
  /** Newest index known committed. */
  readonly commit: number;
  /** Everything committed at this time is applied, on `nowMs`; −Infinity = no leader was heard yet. */
  readonly freshAtMs: number;
}

/**
 * Milliseconds that all threads of the process agree on: `performance.now()` has an origin of its own on each of them.
 */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / NS_PER_MS;
}

/**
 * Three shared words, written by the consensus thread and read by the host. Each is atomic by itself; the order of writing and
 * reading makes a mixture look older than it is, never fresher.
 */
export class FreshnessWord {
  readonly buffer: SharedArrayBuffer;
  readonly #words: BigInt64Array;

  constructor(buffer = new SharedArrayBuffer(WORDS * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new BigInt64Array(buffer);
  }

  write({ applied, commit, freshAtMs }: Freshness): void {
    const words = this.#words;
    Atomics.store(words, COMMIT, BigInt(commit));
    Atomics.store(words, APPLIED, BigInt(applied));
    const known = Number.isFinite(freshAtMs);
    Atomics.store(words, FRESH_AT, known ? BigInt(Math.floor(freshAtMs * NS_PER_MS)) : 0n);
  }

  read(): Freshness {
    const words = this.#words;
    const freshAt = Atomics.load(words, FRESH_AT);
    const applied = Number(Atomics.load(words, APPLIED));
    return {
      applied,
      commit: Number(Atomics.load(words, COMMIT)),
      freshAtMs: freshAt === 0n ? Number.NEGATIVE_INFINITY : Number(freshAt) / NS_PER_MS,
    };
  }
}
