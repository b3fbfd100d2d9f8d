import { assert } from '../base/index.ts';

/** Pins of other threads per store. */
export const SHARED_PINS = 512;
const ENTRY_WORDS = 3;
const PIN = 0;
const OWNER = 1;
const KILLED = 2;

export function createPinTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARED_PINS * ENTRY_WORDS * 4);
}

/**
 * A generation as a word; 0 is "no pin". Two live generations with equal words (2^32 apart) would only keep
 * a slot longer than needed, never free it early.
 */
function pinWord(generation: number): number {
  return generation | 0 || 1;
}

/**
 * Hazard-style pins in shared memory: a reader stores its pin, then looks again whether the version is still
 * the published one; the writer publishes first, then reads the pins, then frees. Whichever comes first, the
 * other sees it.
 */
export class PinTable {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    assert(this.#words.length === SHARED_PINS * ENTRY_WORDS, 'a pin table of another size');
  }

  /** Takes a free entry for `owner`; -1 when there is none. */
  claim(owner: number, generation: number): number {
    const word = pinWord(generation);
    for (let entry = 0; entry < SHARED_PINS; entry++) {
      const at = entry * ENTRY_WORDS;
      if (Atomics.load(this.#words, at) !== 0) continue;
      if (Atomics.compareExchange(this.#words, at, 0, word) !== 0) continue;
      Atomics.store(this.#words, at + KILLED, 0);
      Atomics.store(this.#words, at + OWNER, owner);
      return entry;
    }
    return -1;
  }

  /** Moves a claimed entry to another generation. */
  set(entry: number, generation: number): void {
    Atomics.store(this.#words, entry * ENTRY_WORDS + PIN, pinWord(generation));
  }

  release(entry: number): void {
    Atomics.store(this.#words, entry * ENTRY_WORDS + OWNER, 0);
    Atomics.store(this.#words, entry * ENTRY_WORDS + PIN, 0);
  }

  isKilled(entry: number): boolean {
    return Atomics.load(this.#words, entry * ENTRY_WORDS + KILLED) !== 0;
  }

  /** True when another thread pins this generation. For the writer. */
  has(generation: number): boolean {
    const word = pinWord(generation);
    for (let at = 0; at < this.#words.length; at += ENTRY_WORDS) {
      if (Atomics.load(this.#words, at) === word) return true;
    }
    return false;
  }

  /** Asks the holders of this generation to give it up (RULES S5). */
  kill(generation: number): void {
    const word = pinWord(generation);
    for (let at = 0; at < this.#words.length; at += ENTRY_WORDS) {
      if (Atomics.load(this.#words, at) === word) Atomics.store(this.#words, at + KILLED, 1);
    }
  }

  /** Releases the pins of a thread that ended without releasing them. */
  releaseOwner(owner: number): void {
    for (let entry = 0; entry < SHARED_PINS; entry++) {
      if (Atomics.load(this.#words, entry * ENTRY_WORDS + OWNER) === owner) this.release(entry);
    }
  }
}
