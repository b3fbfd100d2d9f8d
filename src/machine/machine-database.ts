import { assert } from '../base/index.ts';
import type { Connection, ConnectionHooks, Engine } from '../engine/index.ts';
import type { PageStore, Seal } from '../pages/index.ts';
import { Fence, type PageView } from './fence.ts';
import type { Job } from './job.ts';
import { PinBudget } from './pin-budget.ts';
import type { Session } from './session.ts';

/** Page cache of the connection that all autocommit writes share, and of a home connection (M11), in pages. */
const WRITER_CACHE_PAGES = 4096;
const HOME_CACHE_PAGES = 64;
/** Home connections that are kept open for the next transaction. */
const IDLE_HOMES = 8;

/** A seal on its way through consensus. */
export interface SealInFlight {
  readonly sequence: number;
  /** Undefined: the deletion of the database. */
  readonly seal: Seal | undefined;
}

/** One database on the SQL thread: its store, its connections, and who may write. */
export class MachineDatabase {
  readonly name: string;
  readonly store: PageStore;
  readonly #engine: () => Engine;
  readonly #hooks: ConnectionHooks;
  #writer: Connection | undefined;
  readonly #idleHomes: Connection[] = [];
  readonly #private = new WeakSet<Connection>();
  /** The session that has written in an open transaction. */
  owner: Session | undefined;
  /** Requests that wait to write, in order of arrival (S18). */
  readonly waiting = new Set<Job>();
  /** Requests that wait to begin a transaction that does not write yet. */
  readonly starting = new Set<Job>();
  /** Number of the last seal of this epoch. */
  sequence = 0;
  readonly inFlight: SealInFlight[] = [];
  readonly pinBudget = new PinBudget();
  fence = new Fence();
  /** Pages of head as it is. */
  readonly head: PageView;
  /** Its deletion is on its way: nothing begins before that is published or dropped. */
  deleting = false;
  /** Committed into head since the last seal. */
  unsealedTransactions = 0;
  /** Since the process started. */
  transactions = 0;
  seals = 0;

  constructor(name: string, store: PageStore, engine: () => Engine, hooks: ConnectionHooks) {
    this.name = name;
    this.store = store;
    this.#engine = engine;
    this.#hooks = hooks;
    this.head = { page: (number) => store.headPage(number) };
  }

  /** The connection for all autocommit writes; its page cache stays valid from one to the next. */
  writer(): Connection {
    if (this.#writer === undefined || this.#writer.closed) {
      this.#writer = this.#open(WRITER_CACHE_PAGES, true);
    }
    return this.#writer;
  }

  takeHome(): Connection {
    return this.#idleHomes.pop() ?? this.#open(HOME_CACHE_PAGES, false);
  }

  /** The connection of autocommit writes, to look at head with. */
  lookAtHead(): Connection {
    const connection = this.writer();
    connection.pinPolicy = 'head';
    return connection;
  }

  /** A connection for the engine's own work; whoever asks closes it. */
  openPrivate(): Connection {
    const connection = this.#open(WRITER_CACHE_PAGES, false);
    this.#private.add(connection);
    return connection;
  }

  returnHome(home: Connection): void {
    const used = this.#private.delete(home);
    if (home.closed) return;
    assert(home.autocommit, 'a home connection is given back inside a transaction');
    if (used || home.hasSessionState || this.#idleHomes.length >= IDLE_HOMES) home.close();
    else this.#idleHomes.push(home);
  }

  #open(cachePages: number, shared: boolean): Connection {
    const connection = this.#engine().open(this.store, { cachePages, shared, hooks: this.#hooks });
    connection.pinPolicy = 'head';
    return connection;
  }

  /** Forgets connections that the engine has closed. */
  forgetConnections(): void {
    this.#writer = undefined;
    this.#idleHomes.length = 0;
    this.fence = new Fence();
  }

  /** Seals, counts and owner of an epoch that is over. */
  endEpoch(): void {
    this.owner = undefined;
    this.inFlight.length = 0;
    this.sequence = 0;
    this.deleting = false;
    this.unsealedTransactions = 0;
  }
}
