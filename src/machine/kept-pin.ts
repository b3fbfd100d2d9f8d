import { type Clock, must, type Timer } from '../base/index.ts';
import { AnchoredLease } from './anchored-lease.ts';
import type { SqlFailure } from './messages.ts';
import type { ReadFence } from './read-fence.ts';
import type { Lease, ReaderPool } from './reader-pool.ts';
import type { ReaderDirectory } from './store-directory.ts';

interface Kept {
  readonly pin: AnchoredLease;
  declaration: string;
  verdict: SqlFailure | undefined;
}

/**
 * A connection that stays, for a moment, at the version that it has pinned: statements that come before anything newer is published share the pin
 * and the verdict of the fence. To take it, to judge the version and to let go of it costs more than the read of a row. One statement at a time uses it.
 */
export class KeptPin {
  readonly #pool: ReaderPool;
  readonly #directory: ReaderDirectory;
  readonly #fence: ReadFence;
  readonly #clock: Clock;
  #kept: Kept | undefined;
  #timer: Timer | undefined;

  constructor(pool: ReaderPool, directory: ReaderDirectory, fence: ReadFence, clock: Clock) {
    this.#pool = pool;
    this.#directory = directory;
    this.#fence = fence;
    this.#clock = clock;
  }

  holds(lease: Lease): boolean {
    return this.#kept?.pin.lease === lease;
  }

  /** A connection at what is the newest version now; it stays this object's. Undefined for a database without pages. */
  take(database: string): Lease | undefined {
    const store = this.#directory.find(database);
    const lease = this.#kept?.pin.lease;
    const serves = lease?.database === database && lease.store === store;
    if (serves && lease.connection.pinnedIsNewest) return lease;
    this.letGo();
    if (store === undefined || store.published.pages === 0) return undefined;
    return this.#pin(database);
  }

  /** Why code with this declaration may not read what is pinned. */
  check(declaration: string): SqlFailure | undefined {
    const kept = must(this.#kept, 'nothing is pinned');
    if (kept.declaration === declaration) return kept.verdict;
    kept.verdict = this.#fence.pinned(kept.pin.lease.connection, declaration);
    kept.declaration = declaration;
    return kept.verdict;
  }

  #pin(database: string): Lease {
    const pin = AnchoredLease.take(this.#pool, database);
    try {
      const verdict = this.#fence.pinned(pin.lease.connection, '');
      this.#kept = { pin, declaration: '', verdict };
    } catch (error) {
      pin.release();
      throw error;
    }
    this.#timer ??= this.#clock.after(0, () => {
      this.#timer = undefined;
      this.letGo();
    });
    return pin.lease;
  }

  letGo(): void {
    const kept = this.#kept;
    this.#kept = undefined;
    kept?.pin.release();
  }

  close(): void {
    this.#timer?.cancel();
    this.letGo();
  }
}
