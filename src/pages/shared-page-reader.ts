import { assert, QuorateError } from '../base/index.ts';
import type { PageSource, Pin, SharedStore, Version } from './contract.ts';
import { PinTable } from './pin-table.ts';
import { isClosed, loadPublished, publishedSequence } from './published-word.ts';
import type { SlotMemory } from './slot-memory.ts';

class SharedPin implements Pin {
  readonly version: Version;
  readonly entry: number;
  /** Of the published word when it said so. */
  readonly sequence: number;
  readonly #table: PinTable;

  constructor(version: Version, entry: number, sequence: number, table: PinTable) {
    this.version = version;
    this.entry = entry;
    this.sequence = sequence;
    this.#table = table;
  }

  get usable(): boolean {
    return !this.#table.isKilled(this.entry);
  }
}

/** The read-only twin of a `PageStore` in another thread, over the same slabs: sees published versions only. */
export class SharedPageReader implements PageSource {
  readonly memory: SlotMemory;
  readonly #owner: number;
  readonly #words: Int32Array;
  readonly #table: PinTable;

  /** `owner` ≠ 0 names this thread, for `PageStore.releaseOwner` after it died. */
  constructor(memory: SlotMemory, shared: SharedStore, owner: number) {
    assert(owner !== 0, 'owner 0 is nobody');
    this.memory = memory;
    this.#owner = owner;
    this.#words = new Int32Array(shared.words);
    this.#table = new PinTable(shared.pins);
  }

  /** The version that is published at this moment; without a pin only its numbers may be used. */
  get published(): Version {
    for (;;) {
      const sequence = publishedSequence(this.#words);
      if ((sequence & 1) !== 0) continue;
      const version = loadPublished(this.#words);
      if (publishedSequence(this.#words) === sequence) return version;
    }
  }

  /** The store was deleted or replaced: it cannot be pinned any more. */
  get closed(): boolean {
    return isClosed(this.#words);
  }

  /** Throws QuorateError SQLITE_BUSY also when the store was closed: its successor is in the directory. */
  pinPublished(): Pin {
    let entry = -1;
    for (;;) {
      if (this.closed) {
        if (entry >= 0) this.#table.release(entry);
        throw new QuorateError('SQLITE_BUSY', 'the database was deleted or replaced just now', {
          rawCode: 5,
          retryable: true,
        });
      }
      const sequence = publishedSequence(this.#words);
      if ((sequence & 1) !== 0) continue;
      const version = loadPublished(this.#words);
      if (entry < 0) {
        entry = this.#table.claim(this.#owner, version.generation);
        if (entry < 0) {
          throw new QuorateError('SQLITE_BUSY', 'too many readers of other threads at once', {
            rawCode: 5,
            retryable: true,
          });
        }
      } else this.#table.set(entry, version.generation);
      // The pin counts only if the version was still published after it was stored.
      if (publishedSequence(this.#words) === sequence && !this.closed) {
        return new SharedPin(version, entry, sequence, this.#table);
      }
    }
  }

  pinHead(): Pin {
    assert(false, 'a shared reader has no head');
  }

  /** A store that is closed has another sequence, too. */
  isNewest(pin: Pin): boolean {
    assert(pin instanceof SharedPin, 'a pin of another source');
    return publishedSequence(this.#words) === pin.sequence;
  }

  release(pin: Pin): void {
    assert(pin instanceof SharedPin, 'a pin of another source');
    this.#table.release(pin.entry);
  }
}
