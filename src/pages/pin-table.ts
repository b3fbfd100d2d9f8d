import { assert } from '../base/index.ts';

/** Pins of other threads per store. */
const SHARED_PINS = 512;
const ENTRY_WORDS = 3;
const PIN = 0;
const OWNER = 1;
const KILLED = 2;
/** Before the entries: how many of them were ever in use, so that the writer need not look at the others. */
const HIGHEST = 0;
const HEADER_WORDS = 1;
const TABLE_WORDS = HEADER_WORDS + SHARED_PINS * ENTRY_WORDS;

function position(entry: number): number {
  return HEADER_WORDS + entry * ENTRY_WORDS;
}

export function createPinTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(TABLE_WORDS * 4);
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
    assert(this.#words.length === TABLE_WORDS, 'a pin table of another size');
  }

  /** Takes a free entry for `owner`; -1 when there is none. */
  claim(owner: number, generation: number): number {
    const word = pinWord(generation);
    for (let entry = 0; entry < SHARED_PINS; entry++) {
      const at = position(entry);
      if (Atomics.load(this.#words, at) !== 0) continue;
      if (Atomics.compareExchange(this.#words, at, 0, word) !== 0) continue;
      Atomics.store(this.#words, at + KILLED, 0);
      Atomics.store(this.#words, at + OWNER, owner);
      this.#raise(entry + 1);
      return entry;
    }
    return -1;
  }

  #raise(count: number): void {
    for (;;) {
      const known = Atomics.load(this.#words, HIGHEST);
      if (known >= count) return;
      if (Atomics.compareExchange(this.#words, HIGHEST, known, count) === known) return;
    }
  }

  /** Position after the last entry that was ever in use. */
  get #end(): number {
    return position(Atomics.load(this.#words, HIGHEST));
  }

  /** Moves a claimed entry to another generation. */
  set(entry: number, generation: number): void {
    Atomics.store(this.#words, position(entry) + PIN, pinWord(generation));
  }

  release(entry: number): void {
    Atomics.store(this.#words, position(entry) + OWNER, 0);
    Atomics.store(this.#words, position(entry) + PIN, 0);
  }

  isKilled(entry: number): boolean {
    return Atomics.load(this.#words, position(entry) + KILLED) !== 0;
  }

  /** True when another thread pins this generation. For the writer. */
  has(generation: number): boolean {
    const word = pinWord(generation);
    const end = this.#end;
    for (let at = HEADER_WORDS; at < end; at += ENTRY_WORDS) {
      if (Atomics.load(this.#words, at) === word) return true;
    }
    return false;
  }

  /** Asks the holders of this generation to give it up (S5). */
  kill(generation: number): void {
    const word = pinWord(generation);
    const end = this.#end;
    for (let at = HEADER_WORDS; at < end; at += ENTRY_WORDS) {
      if (Atomics.load(this.#words, at) === word) Atomics.store(this.#words, at + KILLED, 1);
    }
  }

  /** Releases the pins of a thread that ended without releasing them. */
  releaseOwner(owner: number): void {
    for (let entry = 0; entry < SHARED_PINS; entry++) {
      if (Atomics.load(this.#words, position(entry) + OWNER) === owner) this.release(entry);
    }
  }
}
