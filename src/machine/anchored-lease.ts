import { must } from '../base/index.ts';
import type { Statement } from '../engine/index.ts';
import type { Lease, ReaderPool } from './reader-pool.ts';

/** Has one row; SQLite stays at the version until it is released. Cheaper than BEGIN, a first read and ROLLBACK. */
const ANCHOR = 'SELECT max(rowid) FROM sqlite_schema';

/** A connection that has pinned what was the newest version of its database, until it is released. */
export class AnchoredLease {
  readonly lease: Lease;
  readonly #pool: ReaderPool;
  readonly #anchor: Statement;

  private constructor(lease: Lease, pool: ReaderPool, anchor: Statement) {
    this.lease = lease;
    this.#pool = pool;
    this.#anchor = anchor;
  }

  /** Throws what `ReaderPool.take` and SQLite throw. */
  static take(pool: ReaderPool, database: string): AnchoredLease {
    const lease = pool.take(database);
    let anchor: Statement | undefined;
    try {
      anchor = must(lease.connection.prepare(ANCHOR).statement);
      anchor.step();
      return new AnchoredLease(lease, pool, anchor);
    } catch (error) {
      anchor?.release();
      pool.giveBack(lease);
      throw error;
    }
  }

  /** Gives the connection back. */
  release(): void {
    if (!this.lease.connection.closed) this.#anchor.release();
    this.#pool.giveBack(this.lease);
  }
}
