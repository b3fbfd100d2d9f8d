import { PAGE_SIZE_BYTES } from '../base/index.ts';
import type { PageStore } from '../pages/index.ts';

/** What pins may retain in any case; above it, half of the database. */
const RETAINED_BYTES_MIN = 256 * 1024 * 1024;
/** The memory kept for pinned versions is looked at after so many changed pages: it grows by no more between two looks. */
const INTERVAL_PAGES = 4096;

/** Bounds what pinned versions of one database retain (S5), whoever wrote the pages that took the place of theirs. */
export class PinBudget {
  #pages = 0;

  /** So many pages were published, by this node or by another leader. */
  published(store: Pick<PageStore, 'enforceBudget' | 'published'>, pages: number): void {
    this.#pages += pages;
    if (this.#pages < INTERVAL_PAGES) return;
    this.#pages = 0;
    const half = Math.floor((store.published.pages * PAGE_SIZE_BYTES) / 2);
    store.enforceBudget(Math.max(RETAINED_BYTES_MIN, half));
  }
}
