import type { LogIndex } from '../base/index.ts';
import { sizeAfterUpdate } from '../pages/index.ts';
import { decodeCommand } from '../wire/index.ts';
import { Violation } from './violation.ts';

/** The page that SQLite never uses: the one with the lock bytes. */
const LOCK_BYTE_PAGE = 2 ** 18 + 1;

/** M10: every entry has all pages by which its database grew, page 1 when the size changes, and nothing beyond the end. */
export class EntryPages {
  readonly #sizes = new Map<string, number>();
  #highest = 0 as LogIndex;

  /** For each index once, in order; what was seen before is not looked at again. */
  check(index: LogIndex, bytes: Uint8Array): void {
    if (index <= this.#highest) return;
    this.#highest = index;
    const command = decodeCommand(bytes);
    if (command.kind !== 'frames') return;
    const { database, pageNumbers } = command;
    const before = this.#sizes.get(database) ?? 0;
    const { pages, deleted } = sizeAfterUpdate(command, before);
    this.#sizes.set(database, deleted ? 0 : pages);
    if (deleted) return;
    if (pages > before) {
      const present = new Set(pageNumbers);
      for (let page = before + 1; page <= pages; page++) {
        if (present.has(page) || page === LOCK_BYTE_PAGE) continue;
        throw new Violation('M10', `entry ${index} makes ${database} grow without page ${page}`);
      }
    }
    for (const page of pageNumbers) {
      if (page <= pages && page !== LOCK_BYTE_PAGE) continue;
      throw new Violation('M10', `entry ${index} has page ${page} of ${pages} pages`);
    }
  }
}
