import type { SlotMemory } from './slot-memory.ts';

/**
 * An immutable state of a database: a tree of pages (see DESIGN.md of this room). `generation` orders
 * states for reclamation; `change` is what SQLite's caches are keyed by (M4). Neither is ever reused.
 */
export interface Version {
  readonly generation: number;
  /** Slot of the root of the page table; 0 = no page exists. */
  readonly root: number;
  /** Size of the database in pages. */
  readonly pages: number;
  /** Number of the commit, apply, revert or restore that made it; shown to SQLite modulo 2^32. */
  readonly change: number;
  /** Log index given with publish/apply; of a version that is not published: that of its base. */
  readonly index: number;
}

/**
 * Keeps one version readable. A pin of head follows the commits of its holder while nobody else commits;
 * otherwise `version` never changes. Give it back with `release` exactly once.
 */
export interface Pin {
  readonly version: Version;
  /** False when the store took the version away (S5): read nothing more, release it. */
  readonly usable: boolean;
}

/** What a reader sees of a store, on the store's own thread or on another one. */
export interface PageSource {
  readonly memory: SlotMemory;
  /** The newest committed version; without a pin only its numbers may be used. */
  readonly published: Version;
  /** Pins the newest committed version. Throws QuorateError SQLITE_BUSY when all pins of other threads are in use. */
  pinPublished(): Pin;
  /** Pins head (M4). Throws AssertionError on a source that only reads. */
  pinHead(): Pin;
  release(pin: Pin): void;
  /** Whether a pinned version is still the newest committed one, of a store that is still there. */
  isNewest(pin: Pin): boolean;
}

/** Pages with their images: the content of a replicated command, or of a part of a snapshot. */
export interface PageUpdate {
  /** From 1; may repeat, the last one wins. */
  readonly pageNumbers: ArrayLike<number>;
  /** Image i is `images.subarray(i * 4096, (i + 1) * 4096)`. */
  readonly images: Uint8Array;
}

/**
 * The difference between two sealed versions, which becomes one log entry. The images are copied into the
 * caller's buffer once, so the entry owns its bytes and needs no pin of its own (M14).
 */
export interface Seal {
  /** 1, 2, 3 … in the life of the store; not reused after a revert. */
  readonly sequence: number;
  readonly version: Version;
  /** Ascending; never empty; without the lock-byte page; contains page 1 when the size changed (M10). */
  readonly pageNumbers: Int32Array;
  /** Size of the database after the seal, in pages. */
  readonly pages: number;
  /** Copies image `i` into `target` at `offset`; only while the seal is neither reverted nor superseded by a later publish. */
  copyImage(i: number, target: Uint8Array, offset: number): void;
}

/** Structured-clonable description from which another thread builds a `SharedPageReader`. */
export interface SharedStore {
  /** The published word: sequence lock, generation, root, pages, change, index. */
  readonly words: SharedArrayBuffer;
  /** The pin table. */
  readonly pins: SharedArrayBuffer;
}

export interface StoreStatistics {
  readonly pages: number;
  /** Slots held by this store, including the page table. */
  readonly slots: number;
  /** Slots kept only for pins and speculation. */
  readonly retainedSlots: number;
  readonly liveVersions: number;
}
