import { logIndex, must, QuorateError } from '../base/index.ts';
import type { LocalPages, LocalResult, LocalView } from '../client/index.ts';
import { createEngine } from '../engine/index.ts';
import { type Lease, type ReaderDirectory, ReaderPool, ReadFence } from '../machine/index.ts';
import { SystemRandom, systemClock } from '../net/index.ts';
import { type Freshness, type FreshnessWord, nowMs } from './freshness-word.ts';
import { type LocalQuery, LocalRun } from './local-run.ts';

export interface NodePagesOptions {
  /** Called at the first read. */
  readonly directory: () => ReaderDirectory;
  readonly freshness: FreshnessWord;
  /** SQLite; called at the first read. */
  readonly module: () => WebAssembly.Module;
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
  readonly #fence = new ReadFence();
  #directory: ReaderDirectory | undefined;
  #pool: ReaderPool | undefined;
  #closed = false;

  constructor(options: NodePagesOptions) {
    this.#options = options;
    this.#run = new LocalRun(options.statementMs);
  }

  open(database: string, mode: 'statement' | 'snapshot', declaration: string): LocalView {
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
      return this.open(database, mode, declaration);
    }
    const gate = { fence: this.#fence, declaration };
    const view = new PooledView(lease, this.#run, gate, this.#options.freshness, freshness, pool);
    if (mode === 'snapshot') view.pin();
    return view;
  }

  #createPool(directory: ReaderDirectory): ReaderPool {
    const random = new SystemRandom();
    return new ReaderPool(
      () => createEngine(this.#options.module(), { clock: systemClock, random }),
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

/** The fence, and what the program has declared of its code. */
interface Gate {
  readonly fence: ReadFence;
  readonly declaration: string;
}

/** Versions that are published while one statement runs; then a pinned one is read. */
const RETRIES = 3;

class PooledView implements LocalView {
  readonly #lease: Lease;
  readonly #run: LocalRun;
  readonly #gate: Gate;
  readonly #word: FreshnessWord;
  readonly #freshness: Freshness;
  readonly #pool: ReaderPool;
  #pinned: number | undefined;

  constructor(
    lease: Lease,
    run: LocalRun,
    gate: Gate,
    word: FreshnessWord,
    freshness: Freshness,
    pool: ReaderPool,
  ) {
    this.#lease = lease;
    this.#run = run;
    this.#gate = gate;
    this.#word = word;
    this.#freshness = freshness;
    this.#pool = pool;
  }

  /** Pins the newest version for all queries of this view. */
  pin(): void {
    try {
      this.#begin();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #begin(): void {
    const { connection } = this.#lease;
    this.#run.execute(connection, 'BEGIN');
    // BEGIN alone pins nothing: the first read does.
    this.#run.execute(connection, 'SELECT 1 FROM sqlite_schema LIMIT 1');
    this.#pinned = must(connection.pinnedIndex, 'a snapshot without a pin');
    const { fence, declaration } = this.#gate;
    refuse(fence.pinned(connection, declaration));
  }

  get state() {
    const { applied, freshAtMs } = this.#freshness;
    return {
      index: logIndex(this.#pinned ?? this.#lease.store.published.index),
      ageMs: Math.max(0, nowMs() - freshAtMs),
      lag: Math.max(0, this.#word.read().commit - applied),
    };
  }

  query: LocalView['query'] = (sql, parameters, bigints, rowsMax) => {
    const query = { sql, parameters, bigints, rowsMax };
    return this.#pinned === undefined ? this.#fenced(query) : this.#answer(query);
  };

  #answer(query: LocalQuery): LocalResult {
    return this.#run.query(this.#lease.connection, query);
  }

  /** On the newest version, which may become another one while the query runs. */
  #fenced(query: LocalQuery): LocalResult {
    const { connection } = this.#lease;
    const { fence, declaration } = this.#gate;
    for (let i = 0; i < RETRIES; i++) {
      if (connection.closed) break;
      refuse(fence.before(connection, declaration));
      const result = this.#answer(query);
      if (fence.unchanged(connection)) return result;
    }
    if (!connection.closed) this.#begin();
    return this.#answer(query);
  }

  close(): void {
    const { connection } = this.#lease;
    try {
      if (!connection.closed && !connection.autocommit) this.#run.execute(connection, 'ROLLBACK');
    } finally {
      this.#pool.giveBack(this.#lease);
    }
  }
}

/** Throws what the fence says, as a call to a server would. */
function refuse(failure: ReturnType<ReadFence['pinned']>): void {
  if (failure === undefined) return;
  const { code, message, retryable } = failure;
  throw new QuorateError(code, message, { retryable });
}
