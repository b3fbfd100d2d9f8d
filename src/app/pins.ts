import { must, QuorateError } from '../base/index.ts';
import { createEngine } from '../engine/index.ts';
import {
  AnchoredLease,
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

/** A version that is pinned, and what runs queries on it. */
export class Pin {
  readonly run: LocalRun;
  readonly #anchored: AnchoredLease;

  constructor(anchored: AnchoredLease, run: LocalRun) {
    this.#anchored = anchored;
    this.run = run;
  }

  get lease(): Lease {
    return this.#anchored.lease;
  }

  /** The log index of what is pinned. */
  get index(): number {
    return must(this.lease.connection.pinnedIndex, 'a view without a pin');
  }

  release(): void {
    this.#anchored.release();
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
    const anchored = AnchoredLease.take(pool, database);
    const { lease } = anchored;
    if (lease.store !== store) {
      // Deleted or replaced between the two looks.
      anchored.release();
      return this.take(database, declaration);
    }
    try {
      refuse(this.#fence.pinned(lease.connection, declaration));
    } catch (error) {
      anchored.release();
      throw error;
    }
    return new Pin(anchored, this.#options.run);
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
