import { isNewNameAllowed, QuorateError } from '../base/index.ts';
import type { Connection, ConnectionHooks, ConnectionOptions, Engine } from '../engine/index.ts';
import { PageStore, SlotArena } from '../pages/index.ts';
import { badName, RAW_CODE } from './failure.ts';
import type { ReadableStore, ReaderDirectory } from './store-directory.ts';

/** Page cache of a connection, in pages: a page that is not in it costs one copy from shared memory. */
const CACHE_PAGES = 512;
/** Idle connections kept for each database, and connections in use on the whole reader. */
const IDLE_CONNECTIONS = 4;
const BUSY_CONNECTIONS = 128;

/** An SQLITE_LIMIT_* and its value. */
export type EngineLimit = readonly [id: number, value: number];

/** A connection while somebody uses it, and what it reads. */
export interface Lease {
  readonly database: string;
  readonly connection: Connection;
  readonly store: ReadableStore;
}

/** Connections that read published versions; each serves one statement at a time (M11). */
export class ReaderPool {
  readonly #createEngine: () => Engine;
  readonly #engineBytes: number;
  #engine: Engine;
  readonly #directory: ReaderDirectory;
  readonly #options: ConnectionOptions;
  readonly #limits: readonly EngineLimit[];
  readonly #idle = new Map<string, Lease[]>();
  #busy = 0;
  #nothing: PageStore | undefined;

  /**
   * `engineBytes`: memory above which the instance of SQLite is replaced when no connection is in use (S8).
   * `strictness`: what the connections refuse already at prepare. `limits`: closer ones than the engine's own.
   */
  constructor(
    createEngine: () => Engine,
    directory: ReaderDirectory,
    hooks: ConnectionHooks,
    engineBytes: number,
    strictness: Pick<ConnectionOptions, 'readOnly' | 'shared' | 'functions'> = {},
    limits: readonly EngineLimit[] = [],
  ) {
    this.#limits = limits;
    this.#createEngine = createEngine;
    this.#engineBytes = engineBytes;
    this.#engine = createEngine();
    this.#directory = directory;
    // Readers run only what SQLite calls read-only; should anything else get here, its commit is refused.
    const refusing = { ...hooks, beforeCommit: () => RAW_CODE.readonly };
    this.#options = { ...strictness, cachePages: CACHE_PAGES, hooks: refusing };
  }

  get exhausted(): boolean {
    return this.#busy >= BUSY_CONNECTIONS;
  }

  /** Throws QuorateError DATABASE_NAME for a database that neither exists nor may be created. */
  take(database: string): Lease {
    const store = this.#directory.find(database) ?? this.#empty(database);
    const idle = this.#idle.get(database) ?? [];
    for (let lease = idle.pop(); lease !== undefined; lease = idle.pop()) {
      if (lease.store === store) {
        this.#busy++;
        return lease;
      }
      // The database was deleted or restored: another store has its name now.
      lease.connection.close();
    }
    const connection = this.#engine.open(store, this.#options);
    for (const [id, value] of this.#limits) connection.limit(id, value);
    this.#busy++;
    return { database, connection, store };
  }

  /** A database that nobody has written yet is an empty one. */
  #empty(name: string): PageStore {
    if (!isNewNameAllowed(name)) {
      const { code, message, rawCode } = badName(name);
      throw new QuorateError(code, message, { rawCode });
    }
    this.#nothing ??= new PageStore(new SlotArena());
    return this.#nothing;
  }

  giveBack(lease: Lease): void {
    this.#busy--;
    const { connection, database } = lease;
    if (connection.closed) return;
    let idle = this.#idle.get(database);
    if (idle === undefined) {
      idle = [];
      this.#idle.set(database, idle);
    }
    if (connection.hasSessionState || !connection.autocommit || idle.length >= IDLE_CONNECTIONS) {
      connection.close();
    } else {
      idle.push(lease);
    }
    if (this.#busy === 0 && this.#engine.memoryBytes > this.#engineBytes) this.#renew();
  }

  #renew(): void {
    this.close();
    this.#engine = this.#createEngine();
  }

  close(): void {
    this.#idle.clear();
    this.#engine.closeAll();
  }
}
