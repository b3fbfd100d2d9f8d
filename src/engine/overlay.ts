import { LIMITS, PAGE_SIZE_BYTES, QuorateError } from '../base/index.ts';
import { type PageSource, PageStore, type Pin, SlotArena } from '../pages/index.ts';

/**
 * Slots of an overlay: its own ones are numbers above 0, those of the version below it are negative. Pages that the overlay has not written are read
 * where they are; nothing is ever written there.
 */
class OverlayArena extends SlotArena {
  readonly #below: PageSource;
  readonly #pin: Pin;
  /** Pages above this were cut off once: what is below there is gone. */
  floor: number;
  /** A slot was asked for and none was left. */
  exhausted = false;

  constructor(below: PageSource, pin: Pin, slotsMax: number) {
    super({ slotsMax });
    this.#below = below;
    this.#pin = pin;
    this.floor = pin.version.pages;
  }

  override find(root: number, pageNumber: number): number {
    const own = super.find(root, pageNumber);
    if (own !== 0 || pageNumber > this.floor) return own;
    if (!this.#pin.usable) {
      throw new QuorateError('SNAPSHOT_TOO_OLD', 'the rehearsal read one version for too long', {
        retryable: true,
      });
    }
    return -this.#below.memory.find(this.#pin.version.root, pageNumber);
  }

  override page(slot: number): Uint8Array<SharedArrayBuffer> {
    return slot < 0 ? this.#below.memory.page(-slot) : super.page(slot);
  }

  override allocate(born: number): number {
    try {
      return super.allocate(born);
    } catch (error) {
      this.exhausted = true;
      throw error;
    }
  }
}

/**
 * A database of one's own that begins as a published version of another one: what is written goes into memory of the overlay, at most `bytes`, and is gone
 * with it. The version below stays pinned until `close`.
 */
export class Overlay {
  readonly store: PageStore;
  /** Log index of the version below. */
  readonly index: number;
  readonly #arena: OverlayArena;
  readonly #below: PageSource;
  readonly #pin: Pin;
  #closed = false;

  /** Throws QuorateError SQLITE_BUSY when all pins of other threads are in use. */
  constructor(below: PageSource, bytes: number = LIMITS.rehearsalBytes) {
    this.#below = below;
    this.#pin = below.pinPublished();
    const { version } = this.#pin;
    this.index = version.index;
    this.#arena = new OverlayArena(below, this.#pin, Math.floor(bytes / PAGE_SIZE_BYTES));
    this.store = new PageStore(this.#arena);
    this.store.finishLoad(version.pages, version.index);
  }

  /** It has no memory left: whatever failed, failed for that reason. */
  get exhausted(): boolean {
    return this.#arena.exhausted;
  }

  /** To be called after each commit: pages that were cut off do not come back when the database grows again. */
  committed(): void {
    this.#arena.floor = Math.min(this.#arena.floor, this.store.head.pages);
  }

  /** Lets go of the version below. Close the connections first. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#below.release(this.#pin);
  }
}
