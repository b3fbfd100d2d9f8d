import { must, QuorateError } from '../base/index.ts';
import { createEngine, type Statement } from '../engine/index.ts';
import {
  ANCHOR,
  type Lease,
  type ReaderDirectory,
  ReaderPool,
  ReadFence,
} from '../machine/index.ts';
import { SystemRandom, systemClock } from '../net/index.ts';
import type { LocalRun } from './local-run.ts';

type Strictness = ConstructorParameters<typeof ReaderPool>[4];
type EngineLimits = ConstructorParameters<typeof ReaderPool>[5];

export interface PinsOptions {
  /** Called at the first read. */
  readonly directory: () => ReaderDirectory;
  /** SQLite; called at the first read. */
  readonly module: () => WebAssembly.Module;
  readonly run: LocalRun;
  /** Memory of SQLite above which its instance is replaced between reads (S8). */
  readonly engineBytes: number;
  readonly strictness?: Strictness;
  readonly engineLimits?: EngineLimits;
}

/** A connection that has pinned what was the newest version of its database. */
export class Pin {
  readonly lease: Lease;
  readonly run: LocalRun;
  readonly #anchor: Statement;
  readonly #pool: ReaderPool;

  constructor(lease: Lease, run: LocalRun, anchor: Statement, pool: ReaderPool) {
    this.lease = lease;
    this.run = run;
    this.#anchor = anchor;
    this.#pool = pool;
  }

  /** The log index of what is pinned. */
  get index(): number {
    return must(this.lease.connection.pinnedIndex, 'a view without a pin');
  }

  release(): void {
    this.#anchor.release();
    this.#pool.giveBack(this.lease);
  }
}

/** Pins what the node in this process has published, for an instance of SQLite on the caller's thread. Nothing is built before the first read. */
export class Pins {
  readonly #options: PinsOptions;
  readonly #fence = new ReadFence();
  #directory: ReaderDirectory | undefined;
  #pool: ReaderPool | undefined;
  #closed = false;

  constructor(options: PinsOptions) {
    this.#options = options;
  }

  /** Throws QuorateError: CLOSED, DATABASE_NOT_FOUND, SQLITE_BUSY, what the fence says. */
  take(database: string, declaration: string): Pin {
    if (this.#closed) throw new QuorateError('CLOSED', 'the node is closed');
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
      return this.take(database, declaration);
    }
    let anchor: Statement | undefined;
    try {
      anchor = must(lease.connection.prepare(ANCHOR).statement);
      anchor.step();
      refuse(this.#fence.pinned(lease.connection, declaration));
      return new Pin(lease, this.#options.run, anchor, pool);
    } catch (error) {
      anchor?.release();
      pool.giveBack(lease);
      throw error;
    }
  }

  #createPool(directory: ReaderDirectory): ReaderPool {
    const { run, engineBytes, strictness, engineLimits, module } = this.#options;
    const random = new SystemRandom();
    return new ReaderPool(
      () => createEngine(module(), { clock: systemClock, random }),
      directory,
      run.hooks,
      engineBytes,
      { readOnly: true, shared: true, ...strictness },
      engineLimits,
    );
  }

  close(): void {
    this.#closed = true;
    this.#pool?.close();
  }
}

/**
 * One pin for all statements of a turn, until something newer is published: to take it, to judge the version and to let go of it
 * costs twice what the read of a row does.
 */
export class TurnPin {
  readonly #pins: Pins;
  #kept: Pin | undefined;
  /** Whom the fence was asked for. */
  #declaration = '';
  #turnEndAwaited = false;

  constructor(pins: Pins) {
    this.#pins = pins;
  }

  /** What a statement would pin now. Throws as `Pins.take` does. */
  take(database: string, declaration: string): Pin {
    const kept = this.#kept;
    if (kept !== undefined && this.#serves(kept, database, declaration)) return kept;
    this.letGo();
    const pin = this.#pins.take(database, declaration);
    this.#kept = pin;
    this.#declaration = declaration;
    this.#awaitTurnEnd();
    return pin;
  }

  #serves({ lease }: Pin, database: string, declaration: string): boolean {
    return (
      lease.database === database &&
      this.#declaration === declaration &&
      lease.connection.pinnedIsNewest
    );
  }

  #awaitTurnEnd(): void {
    if (this.#turnEndAwaited) return;
    this.#turnEndAwaited = true;
    setImmediate(() => {
      this.#turnEndAwaited = false;
      this.letGo();
    });
  }

  letGo(): void {
    const kept = this.#kept;
    this.#kept = undefined;
    kept?.release();
  }
}

/** Throws what the fence says, as a call to a server would. */
function refuse(failure: ReturnType<ReadFence['pinned']>): void {
  if (failure === undefined) return;
  const { code, message, retryable } = failure;
  throw new QuorateError(code, message, { retryable });
}
