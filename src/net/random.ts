import { randomFillSync } from 'node:crypto';
import type { Random } from '../base/index.ts';

const POOL_WORDS = 1024;

/** Random numbers of the operating system, fetched a page at a time. */
export class SystemRandom implements Random {
  readonly #pool = new Uint32Array(POOL_WORDS);
  #next = POOL_WORDS;

  uint32(): number {
    if (this.#next === POOL_WORDS) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    return this.#pool[this.#next++];
  }

  float(): number {
    return this.uint32() / 2 ** 32;
  }
}
