import { logIndex, must, QuorateError } from '../base/index.ts';
import type { LocalPages, LocalView } from '../client/index.ts';
import { createEngine } from '../engine/index.ts';
import { type Lease, type ReaderDirectory, ReaderPool } from '../machine/index.ts';
import { SystemRandom, systemClock } from '../net/index.ts';
import { type Freshness, type FreshnessWord, nowMs } from './freshness-word.ts';
import { LocalRun } from './local-run.ts';
import { sqliteModule } from './sqlite-module.ts';

export interface NodePagesOptions {
  /** Called at the first read. */
  readonly directory: () => ReaderDirectory;
  readonly freshness: FreshnessWord;
  /** Longest run of one statement, in ms. */
  readonly statementMs: number;
  /** Memory of SQLite above which its instance is replaced between reads (S8). */
  readonly engineBytes: number;
}

/**
 * The published pages of the node in this process, read on the caller's thread with an instance of SQLite of its own. Nothing is
 * built before the first read.
 */
export class NodePages implements LocalPages {
  readonly #options: NodePagesOptions;
  readonly #run: LocalRun;
  #directory: ReaderDirectory | undefined;
  #pool: ReaderPool | undefined;
  #closed = false;

  constructor(options: NodePagesOptions) {
    this.#options = options;
    this.#run = new LocalRun(options.statementMs);
  }

  open(database: string, mode: 'statement' | 'snapshot'): LocalView {
    if (this.#closed) throw new QuorateError('CLOSED', 'the node is closed');
    // Before the pin: what is pinned then is at least as new as this says.
    const freshness = this.#options.freshness.read();
    this.#directory ??= this.#options.directory();
    // A database whose first transaction is not published yet has a store without pages.
    const store = this.#directory.find(database);
    if (store === undefined || store.published.pages === 0) {
      throw new QuorateError('DATABASE_NOT_FOUND', `this node has no database ${database} (yet)`);
    }
    this.#pool ??= this.#createPool(this.#directory);
    const pool = this.#pool;
    if (pool.exhausted) {
      throw new QuorateError('SQLITE_BUSY', 'too many snapshots inside one another', {
        rawCode: 5,
        retryable: true,
      });
    }
    const lease = pool.take(database);
    if (lease.store !== store) {
      // Deleted or replaced between the two looks.
      pool.giveBack(lease);
      return this.open(database, mode);
    }
    const view = new PooledView(lease, this.#run, this.#options.freshness, freshness, pool);
    if (mode === 'snapshot') view.pin();
    return view;
  }

  #createPool(directory: ReaderDirectory): ReaderPool {
    const random = new SystemRandom();
    return new ReaderPool(
      () => createEngine(sqliteModule(), { clock: systemClock, random }),
      directory,
      this.#run.hooks,
      this.#options.engineBytes,
      { readOnly: true, shared: true },
    );
  }

  close(): void {
    this.#closed = true;
    this.#pool?.close();
  }
}

class PooledView implements LocalView {
  readonly #lease: Lease;
  readonly #run: LocalRun;
  readonly #word: FreshnessWord;
  readonly #freshness: Freshness;
  readonly #pool: ReaderPool;
  #pinned: number | undefined;

  constructor(
    lease: Lease,
    run: LocalRun,
    word: FreshnessWord,
    freshness: Freshness,
    pool: ReaderPool,
  ) {
    this.#lease = lease;
    this.#run = run;
    this.#word = word;
    this.#freshness = freshness;
    this.#pool = pool;
  }

  /** Pins the newest version for all queries of this view. */
  pin(): void {
    const { connection } = this.#lease;
    try {
      this.#run.execute(connection, 'BEGIN');
      // BEGIN alone pins nothing: the first read does.
      this.#run.execute(connection, 'SELECT 1 FROM sqlite_schema LIMIT 1');
      this.#pinned = must(connection.pinnedIndex, 'a snapshot without a pin');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get state() {
    const { applied, freshAtMs } = this.#freshness;
    return {
      index: logIndex(this.#pinned ?? this.#lease.store.published.index),
      ageMs: Math.max(0, nowMs() - freshAtMs),
      lag: Math.max(0, this.#word.read().commit - applied),
    };
  }

  query: LocalView['query'] = (sql, parameters, bigints, rowsMax) =>
    this.#run.query(this.#lease.connection, { sql, parameters, bigints, rowsMax });

  close(): void {
    const { connection } = this.#lease;
    try {
      if (!connection.closed && !connection.autocommit) this.#run.execute(connection, 'ROLLBACK');
    } finally {
      this.#pool.giveBack(this.#lease);
    }
  }
}
