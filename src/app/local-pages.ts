import { logIndex, must, QuorateError } from '../base/index.ts';
import type { LocalPages, LocalResult, LocalView } from '../client/index.ts';
import { createEngine, type Statement } from '../engine/index.ts';
import { type Lease, type ReaderDirectory, ReaderPool, ReadFence } from '../machine/index.ts';
import { SystemRandom, systemClock } from '../net/index.ts';
import { type Freshness, type FreshnessWord, nowMs } from './freshness-word.ts';
import { LocalRun } from './local-run.ts';

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
 * built before the first read. Statements of one turn share a pin until something newer is published: to take it, to judge the version
 * and to let go of it costs twice what the read of a row does.
 */
export class NodePages implements LocalPages {
  readonly #options: NodePagesOptions;
  readonly #run: LocalRun;
  readonly #fence = new ReadFence();
  #directory: ReaderDirectory | undefined;
  #pool: ReaderPool | undefined;
  /** What the last statement of this turn has read. */
  #kept: KeptView | undefined;
  #turnEndAwaited = false;
  #closed = false;

  constructor(options: NodePagesOptions) {
    this.#options = options;
    this.#run = new LocalRun(options.statementMs);
  }

  open(database: string, mode: 'statement' | 'snapshot', declaration: string): LocalView {
    if (this.#closed) throw new QuorateError('CLOSED', 'the node is closed');
    // Before the look at the version: the one that is pinned, or still the newest then, is at least as new as this says.
    const freshness = this.#options.freshness.read();
    if (mode === 'snapshot') return new PinnedView(this.#pin(database, declaration), freshness);
    if (this.#kept?.serves(database, declaration) !== true) {
      this.#letGo();
      this.#kept = new KeptView(this.#pin(database, declaration), freshness, declaration);
      this.#awaitTurnEnd();
    } else this.#kept.freshness = freshness;
    return this.#kept;
  }

  #awaitTurnEnd(): void {
    if (this.#turnEndAwaited) return;
    this.#turnEndAwaited = true;
    setImmediate(() => {
      this.#turnEndAwaited = false;
      this.#letGo();
    });
  }

  #letGo(): void {
    const kept = this.#kept;
    this.#kept = undefined;
    kept?.letGo();
  }

  #pin(database: string, declaration: string): Pinned {
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
      return this.#pin(database, declaration);
    }
    const run = this.#run;
    const word = this.#options.freshness;
    let anchor: Statement | undefined;
    try {
      anchor = must(lease.connection.prepare(ANCHOR).statement);
      anchor.step();
      refuse(this.#fence.pinned(lease.connection, declaration));
      return { lease, anchor, pool, run, word };
    } catch (error) {
      anchor?.release();
      pool.giveBack(lease);
      throw error;
    }
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
    this.#letGo();
    this.#pool?.close();
  }
}

/** Has one row; SQLite stays at the version until it is released. Cheaper than BEGIN, a first read and ROLLBACK. */
const ANCHOR = 'SELECT max(rowid) FROM sqlite_schema';

/** A connection that has pinned what was the newest version of its database. */
interface Pinned {
  readonly lease: Lease;
  readonly anchor: Statement;
  readonly pool: ReaderPool;
  readonly run: LocalRun;
  readonly word: FreshnessWord;
}

function release({ lease, anchor, pool }: Pinned): void {
  anchor.release();
  pool.giveBack(lease);
}

class PinnedView implements LocalView {
  /** Read before the version was last known to be the newest. */
  freshness: Freshness;
  protected readonly pinned: Pinned;
  readonly #index: number;

  constructor(pinned: Pinned, freshness: Freshness) {
    this.pinned = pinned;
    this.freshness = freshness;
    this.#index = must(pinned.lease.connection.pinnedIndex, 'a view without a pin');
  }

  get state() {
    const { applied, freshAtMs } = this.freshness;
    return {
      index: logIndex(this.#index),
      ageMs: Math.max(0, nowMs() - freshAtMs),
      lag: Math.max(0, this.pinned.word.read().commit - applied),
    };
  }

  query(...[sql, parameters, bigints, rowsMax]: Parameters<LocalView['query']>): LocalResult {
    const { run, lease } = this.pinned;
    return run.query(lease.connection, { sql, parameters, bigints, rowsMax });
  }

  close(): void {
    release(this.pinned);
  }
}

/** Stays for the next statement when one is done with it. */
class KeptView extends PinnedView {
  readonly #declaration: string;

  constructor(pinned: Pinned, freshness: Freshness, declaration: string) {
    super(pinned, freshness);
    this.#declaration = declaration;
  }

  /** Whether it is what a statement would pin now, and whether the fence was asked for the same code. */
  serves(database: string, declaration: string): boolean {
    const { lease } = this.pinned;
    return (
      lease.database === database &&
      this.#declaration === declaration &&
      lease.connection.pinnedIsNewest
    );
  }

  override close(): void {}

  letGo(): void {
    super.close();
  }
}

/** Throws what the fence says, as a call to a server would. */
function refuse(failure: ReturnType<ReadFence['pinned']>): void {
  if (failure === undefined) return;
  const { code, message, retryable } = failure;
  throw new QuorateError(code, message, { retryable });
}
