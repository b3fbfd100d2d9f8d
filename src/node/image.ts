import type { LogIndex } from '../base/index.ts';
import type { DatabaseImage } from './contract.ts';
import type { Cut, MachineCalls } from './machine-calls.ts';

const CHUNK_BYTES = 256 * 1024;

/** One database as it was published when the cut was made, read in pieces. */
export class Image implements DatabaseImage {
  readonly index: LogIndex;
  readonly pages: number;
  readonly #calls: MachineCalls;
  readonly #cut: number;

  constructor(calls: MachineCalls, cut: Cut) {
    this.#calls = calls;
    this.#cut = cut.id;
    this.index = cut.index;
    this.pages = cut.pages;
  }

  chunks(): AsyncIterableIterator<Uint8Array> {
    return new Chunks(this.#calls, this.#cut);
  }
}

/** Not a generator: leaving it before the first chunk must release the pages too. */
class Chunks implements AsyncIterableIterator<Uint8Array> {
  readonly #calls: MachineCalls;
  readonly #cut: number;
  #done = false;

  constructor(calls: MachineCalls, cut: number) {
    this.#calls = calls;
    this.#cut = cut;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    while (!this.#done) {
      const { bytes, last } = await this.#calls.readCut(this.#cut, CHUNK_BYTES);
      if (last) this.#release();
      if (bytes.length > 0) return { done: false, value: bytes };
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#release();
    return { done: true, value: undefined };
  }

  #release(): void {
    if (this.#done) return;
    this.#done = true;
    this.#calls.releaseCut(this.#cut);
  }
}
