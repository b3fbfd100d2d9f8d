import { assert, PAGE_SIZE_BYTES, QuorateError } from '../base/index.ts';
import { headerPages, pageOneProblem } from './page-one.ts';
import { PageStore } from './page-store.ts';
import type { SlotArena } from './slot-arena.ts';

/**
 * Builds a store from the pages of a snapshot, beside the one it will replace (S14). `finish` or
 * `abandon` ends it.
 */
export class PageStoreBuilder {
  readonly #store: PageStore;
  #pages = 0;
  #size = 0;
  #ended = false;

  /** `change`: `PageStore.change` of the store that is replaced, else 0. */
  constructor(arena: SlotArena, change: number) {
    this.#store = new PageStore(arena, { change });
  }

  /** Pages taken so far. */
  get pages(): number {
    return this.#pages;
  }

  /**
   * Appends whole pages, page 1 first; those beyond the size that page 1 states are ignored. Throws QuorateError
   * MALFORMED, DATABASE_TOO_LARGE, SQLITE_NOMEM; then call `abandon`.
   */
  append(images: Uint8Array): void {
    assert(!this.#ended, 'the builder has ended');
    if (images.length % PAGE_SIZE_BYTES !== 0) {
      throw new QuorateError('MALFORMED', `${images.length} bytes are not whole pages`);
    }
    for (let offset = 0; offset < images.length; offset += PAGE_SIZE_BYTES) {
      this.#pages++;
      if (this.#pages === 1) this.#readSize(images);
      if (this.#pages <= this.#size) this.#store.loadPage(this.#pages, images, offset);
    }
  }

  #readSize(images: Uint8Array): void {
    // A database that was deleted and not yet removed says 0 and has one page (fsm.md §9).
    this.#size = Math.max(1, headerPages(images));
    if (headerPages(images) === 0) return;
    const problem = pageOneProblem(images, this.#size);
    if (problem !== undefined) throw new QuorateError('MALFORMED', `page 1: ${problem}`);
  }

  /** The store with the content as its published version. Throws QuorateError MALFORMED when pages are missing. */
  finish(index: number): PageStore {
    assert(!this.#ended, 'the builder has ended');
    if (this.#pages < this.#size || this.#pages === 0) {
      throw new QuorateError('MALFORMED', `${this.#pages} of ${this.#size} pages`);
    }
    this.#ended = true;
    this.#store.finishLoad(this.#size, index);
    return this.#store;
  }

  abandon(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#store.close();
  }
}
