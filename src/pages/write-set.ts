import { assert, PAGE_SIZE_BYTES } from '../base/index.ts';
import type { SlotArena } from './slot-arena.ts';
import { ABSENT } from './slot-memory.ts';

/**
 * Pages that the running write transaction has written, before its commit: visible to nobody but the writer.
 * Every page is in at most one slot, whatever how often it is written (cache spills).
 */
export class WriteSet {
  readonly #arena: SlotArena;
  #slots = new Int32Array(1024);
  #numbers: number[] = [];
  #pages = 0;
  #floor = 0;

  constructor(arena: SlotArena) {
    this.#arena = arena;
  }

  /** Starts with a database of `pages` pages. */
  begin(pages: number): void {
    assert(this.#numbers.length === 0, 'a write set is in use');
    this.#pages = pages;
    this.#floor = pages;
  }

  /** Number of pages written. */
  get count(): number {
    return this.#numbers.length;
  }

  /** Size of the database as the writer sees it, in pages. */
  get pages(): number {
    return this.#pages;
  }

  /** The lowest size reached: pages above it that are not in the set have lost their content. */
  get floor(): number {
    return this.#floor;
  }

  get numbers(): readonly number[] {
    return this.#numbers;
  }

  /** Slot of a page, ABSENT when it was not written. */
  find(pageNumber: number): number {
    return pageNumber < this.#slots.length ? this.#slots[pageNumber] : ABSENT;
  }

  /** Copies a page image from `source` at `offset`. Throws QuorateError SQLITE_NOMEM. */
  put(pageNumber: number, source: Uint8Array, offset: number): void {
    assert(pageNumber > 0, () => `page ${pageNumber}`);
    if (pageNumber >= this.#slots.length) {
      const grown = new Int32Array(Math.max(this.#slots.length * 2, pageNumber + 1));
      grown.set(this.#slots);
      this.#slots = grown;
    }
    let slot = this.#slots[pageNumber];
    if (slot === ABSENT) {
      slot = this.#arena.allocate(0);
      this.#slots[pageNumber] = slot;
      this.#numbers.push(pageNumber);
    }
    this.#arena.page(slot).set(source.subarray(offset, offset + PAGE_SIZE_BYTES));
    if (pageNumber > this.#pages) this.#pages = pageNumber;
  }

  /** Sets the size; pages beyond it are forgotten, so that growing again never shows an old image. */
  truncate(pages: number): void {
    if (pages < this.#pages) {
      this.#numbers = this.#numbers.filter((number) => {
        if (number <= pages) return true;
        this.#arena.free(this.#slots[number]);
        this.#slots[number] = ABSENT;
        return false;
      });
    }
    this.#pages = pages;
    this.#floor = Math.min(this.#floor, pages);
  }

  /** Frees everything: a rollback. */
  discard(): void {
    for (const number of this.#numbers) this.#arena.free(this.#slots[number]);
    this.clear();
  }

  /** Forgets the slots without freeing them: they belong to a version now. */
  clear(): void {
    for (const number of this.#numbers) this.#slots[number] = ABSENT;
    this.#numbers = [];
    this.#pages = 0;
    this.#floor = 0;
  }
}
