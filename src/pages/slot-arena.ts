import { assert, PAGE_SIZE_BYTES, QuorateError } from '../base/index.ts';
import { SLOTS_PER_SLAB, SlotMemory } from './slot-memory.ts';

/** Content of a freed slot when poisoning is on: no valid page or table node looks like that. */
const POISON = 0xdb;
/** `born` of a slot that is free. */
const FREE = -1;

export interface SlotArenaOptions {
  /** Overwrite freed slots, so that a reader of freed memory fails at once. For tests and the simulator. */
  readonly poison?: boolean;
  /** Most slots that may exist; default 2^28 (1 TiB). */
  readonly slotsMax?: number;
}

export interface ArenaStatistics {
  /** Slots in all slabs. */
  readonly slots: number;
  readonly free: number;
}

/**
 * All slots of a node, shared by its stores; one thread allocates and frees. Slabs are never given back.
 * `born` is the generation of the owning store at which a slot became part of a version.
 */
export class SlotArena extends SlotMemory {
  readonly #free: number[] = [];
  readonly #poison: boolean;
  readonly #slotsMax: number;
  #born = new Float64Array(SLOTS_PER_SLAB).fill(FREE);
  #next = 1;
  /**
   * Called with each new slab, before anything in it can be published: it must be posted to the reader
   * threads at once (S7).
   */
  onSlab: ((index: number, buffer: SharedArrayBuffer) => void) | undefined;

  constructor(options: SlotArenaOptions = {}) {
    super();
    this.#poison = options.poison ?? false;
    this.#slotsMax = options.slotsMax ?? 2 ** 28;
    this.#grow();
  }

  #grow(): void {
    const index = this.slabCount;
    if ((index + 1) * SLOTS_PER_SLAB > this.#slotsMax) {
      throw new QuorateError('SQLITE_NOMEM', 'the memory for pages is exhausted', { rawCode: 7 });
    }
    const buffer = new SharedArrayBuffer(SLOTS_PER_SLAB * PAGE_SIZE_BYTES);
    this.addSlab(index, buffer);
    this.onSlab?.(index, buffer);
  }

  /** A slot with undefined content. Throws QuorateError SQLITE_NOMEM. */
  allocate(born: number): number {
    let slot = this.#free.pop();
    if (slot === undefined) {
      if (this.#next === this.slabCount * SLOTS_PER_SLAB) this.#grow();
      slot = this.#next++;
      if (slot >= this.#born.length) {
        const grown = new Float64Array(this.#born.length * 2).fill(FREE);
        grown.set(this.#born);
        this.#born = grown;
      }
    }
    assert(this.#born[slot] === FREE, () => `slot ${slot} is given out twice`);
    this.#born[slot] = born;
    return slot;
  }

  free(slot: number): void {
    assert(this.#born[slot] >= 0, () => `slot ${slot} is freed twice`);
    this.#born[slot] = FREE;
    if (this.#poison) this.page(slot).fill(POISON);
    this.#free.push(slot);
  }

  born(slot: number): number {
    return this.#born[slot];
  }

  setBorn(slot: number, generation: number): void {
    this.#born[slot] = generation;
  }

  statistics(): ArenaStatistics {
    const slots = this.slabCount * SLOTS_PER_SLAB - 1;
    return { slots, free: slots - (this.#next - 1) + this.#free.length };
  }
}
