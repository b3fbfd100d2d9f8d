import { PAGE_SIZE_BYTES } from '../base/index.ts';
import type { PageUpdate } from './contract.ts';

/** The page at offset 2^30, which SQLite never uses; it is never sent and reads as zeroes (M10). */
export const LOCK_BYTE_PAGE = 2 ** 30 / PAGE_SIZE_BYTES + 1;

const MAGIC = 'SQLite format 3\0';

/** Big-endian u32 of a database header. */
function header(image: Uint8Array, offset: number): number {
  return (
    ((image[offset] << 24) |
      (image[offset + 1] << 16) |
      (image[offset + 2] << 8) |
      image[offset + 3]) >>>
    0
  );
}

/** Size of the database in pages as page 1 says it (offset 28); 0 = deleted (fsm.md §9). */
export function headerPages(pageOne: Uint8Array): number {
  return header(pageOne, 28);
}

/** Text encoding as page 1 says it (offset 56): 1 = UTF-8; 2 and 3 = UTF-16, which this build of SQLite cannot open (S12). */
export function headerTextEncoding(pageOne: Uint8Array): number {
  return header(pageOne, 56);
}

/** What is wrong with a page 1 that should belong to a database of `pages` pages (M10), or undefined. */
export function pageOneProblem(image: Uint8Array, pages: number): string | undefined {
  for (let i = 0; i < MAGIC.length; i++) {
    if (image[i] !== MAGIC.charCodeAt(i)) return 'no SQLite header';
  }
  if (image[16] !== PAGE_SIZE_BYTES >> 8 || image[17] !== 0) {
    return `page size ${(image[16] << 8) | image[17]}`;
  }
  if (image[18] !== 2 || image[19] !== 2) return `file format ${image[18]}/${image[19]}, not 2/2`;
  if (headerPages(image) !== pages) {
    return `header says ${headerPages(image)} pages, the database has ${pages}`;
  }
  if (header(image, 24) !== header(image, 92)) return 'bytes 24–27 differ from bytes 92–95';
  return undefined;
}

/**
 * Size of a database of `before` pages after a replicated command (fsm.md §4.1): what the last page 1 among
 * the pages says, 0 there meaning one page marked deleted; unchanged when page 1 is not among them.
 */
export function sizeAfterUpdate(
  update: PageUpdate,
  before: number,
): { readonly pages: number; readonly deleted: boolean } {
  for (let i = update.pageNumbers.length - 1; i >= 0; i--) {
    if (update.pageNumbers[i] !== 1) continue;
    const pages = headerPages(
      update.images.subarray(i * PAGE_SIZE_BYTES, (i + 1) * PAGE_SIZE_BYTES),
    );
    return { pages: Math.max(1, pages), deleted: pages === 0 };
  }
  return { pages: before, deleted: false };
}
