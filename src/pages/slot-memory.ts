import { assert, PAGE_SIZE_BYTES } from '../base/index.ts';

/** Slots of one slab: 256 × 4 KiB = 1 MiB. */
export const SLOTS_PER_SLAB = 256;
const SLAB_SHIFT = 8;
const SLOT_MASK = SLOTS_PER_SLAB - 1;
const SLAB_BYTES = SLOTS_PER_SLAB * PAGE_SIZE_BYTES;
/** Words of a table node; a node fills exactly one slot. */
export const NODE_WORDS = PAGE_SIZE_BYTES / 4;
const NODE_SHIFT = 10;
const NODE_MASK = NODE_WORDS - 1;

/** Slot 0 is never given out: as an entry of a table it means "absent", as a page it reads as zeroes. */
export const ABSENT = 0;

interface Slab {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly words: Int32Array<SharedArrayBuffer>;
}

/**
 * Slots as numbers, their bytes in slabs that several threads share. This is the reading half, which every
 * thread can build; `SlotArena` adds allocation for the one that writes. Slabs are of fixed size, because
 * growable shared buffers read 3–4 times slower (S7).
 */
export class SlotMemory {
  readonly #slabs: Slab[] = [];
  readonly #pages: Uint8Array<SharedArrayBuffer>[] = [];
  /**
   * Called when a slot lies in a slab that this thread has not got yet; it must add the slab with `addSlab`
   * (by draining the port on which slabs arrive) before it returns.
   */
  onMissingSlab: ((slab: number) => void) | undefined;

  get slabCount(): number {
    return this.#slabs.length;
  }

  /** Adds the slab with number `slabCount`; one that is known already is ignored. */
  addSlab(index: number, buffer: SharedArrayBuffer): void {
    assert(index <= this.#slabs.length, () => `slab ${index} before slab ${this.#slabs.length}`);
    assert(buffer.byteLength === SLAB_BYTES, () => `a slab of ${buffer.byteLength} bytes`);
    if (index < this.#slabs.length) return;
    this.#slabs.push({ bytes: new Uint8Array(buffer), words: new Int32Array(buffer) });
    for (let at = 0; at < SLAB_BYTES; at += PAGE_SIZE_BYTES) {
      this.#pages.push(new Uint8Array(buffer, at, PAGE_SIZE_BYTES));
    }
  }

  /** The buffers of all slabs in order, for another thread. */
  slabs(): readonly SharedArrayBuffer[] {
    return this.#slabs.map((slab) => slab.bytes.buffer);
  }

  /** The 4,096 bytes of a slot, always the same view. */
  page(slot: number): Uint8Array<SharedArrayBuffer> {
    const page = this.#pages[slot];
    return page === undefined ? this.#fetch(slot) : page;
  }

  #fetch(slot: number): Uint8Array<SharedArrayBuffer> {
    this.onMissingSlab?.(slot >>> SLAB_SHIFT);
    const page = this.#pages[slot];
    assert(page !== undefined, () => `slot ${slot} is in no slab (${this.#slabs.length})`);
    return page;
  }

  /** Word `index` of a table node. */
  word(slot: number, index: number): number {
    const slab = this.#slabs[slot >>> SLAB_SHIFT];
    if (slab === undefined) {
      this.#fetch(slot);
      return this.word(slot, index);
    }
    return slab.words[((slot & SLOT_MASK) << NODE_SHIFT) | index];
  }

  /** Sets word `index` of a table node: for the thread that writes, in a node no reader has seen. */
  setWord(slot: number, index: number, value: number): void {
    this.#slabs[slot >>> SLAB_SHIFT].words[((slot & SLOT_MASK) << NODE_SHIFT) | index] = value;
  }

  /** The words of a table node; a new view, for loops over a whole node. */
  node(slot: number): Int32Array<SharedArrayBuffer> {
    const page = this.page(slot);
    return new Int32Array(page.buffer, page.byteOffset, NODE_WORDS);
  }

  /** The image of a page in the tree with this root; undefined when it has none. */
  pageIn(root: number, pageNumber: number): Uint8Array<SharedArrayBuffer> | undefined {
    const slot = this.find(root, pageNumber);
    return slot === ABSENT ? undefined : this.page(slot);
  }

  /** The slot of a page in the tree with this root, ABSENT when it has none. */
  find(root: number, pageNumber: number): number {
    const position = pageNumber - 1;
    if (root === ABSENT || position >= NODE_WORDS * NODE_WORDS) return ABSENT;
    const leaf = this.word(root, position >>> NODE_SHIFT);
    return leaf === ABSENT ? ABSENT : this.word(leaf, position & NODE_MASK);
  }
}
