import type { Version } from './contract.ts';
import { LOCK_BYTE_PAGE } from './page-one.ts';
import { ABSENT, NODE_WORDS, type SlotMemory } from './slot-memory.ts';

type Extent = Pick<Version, 'root' | 'pages'>;

function leafOf(memory: SlotMemory, version: Extent, leaf: number): number {
  return version.root === ABSENT ? ABSENT : memory.word(version.root, leaf);
}

/**
 * Numbers of the pages that turn `base` into `next`, ascending: every page up to the new size whose slot
 * differs, and every page by which the database grew, absent or not, so that an entry has no holes; never
 * the lock-byte page, never a page beyond the new size (M10).
 */
export function difference(memory: SlotMemory, base: Extent, next: Extent): Int32Array {
  const numbers: number[] = [];
  for (let leaf = 0; leaf * NODE_WORDS < next.pages; leaf++) {
    const before = leafOf(memory, base, leaf);
    const after = leafOf(memory, next, leaf);
    const first = leaf * NODE_WORDS + 1;
    const last = Math.min(next.pages, first + NODE_WORDS - 1);
    if (before === after && last <= base.pages) continue;
    const was = before === ABSENT ? undefined : memory.node(before);
    const is = after === ABSENT ? undefined : memory.node(after);
    for (let page = first; page <= last; page++) {
      const i = page - first;
      const differs = (was?.[i] ?? ABSENT) !== (is?.[i] ?? ABSENT);
      if ((differs || page > base.pages) && page !== LOCK_BYTE_PAGE) numbers.push(page);
    }
  }
  return Int32Array.from(numbers);
}

/** Calls `visit` for every slot of the tree `of`, table nodes included, that the tree `unlike` has not. */
export function forEachOwnSlot(
  memory: SlotMemory,
  of: number,
  unlike: number,
  visit: (slot: number) => void,
): void {
  if (of === unlike || of === ABSENT) return;
  for (let leaf = 0; leaf < NODE_WORDS; leaf++) {
    const mine = memory.word(of, leaf);
    const other = unlike === ABSENT ? ABSENT : memory.word(unlike, leaf);
    if (mine === other || mine === ABSENT) continue;
    for (let i = 0; i < NODE_WORDS; i++) {
      const slot = memory.word(mine, i);
      if (slot === ABSENT) continue;
      if (other === ABSENT || memory.word(other, i) !== slot) visit(slot);
    }
    visit(mine);
  }
  visit(of);
}
