import {
  type Clock,
  type Limits,
  type LogIndex,
  logIndex,
  Numbered,
  type Timer,
} from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { headerTextEncoding, PageStore, type SlotArena } from '../pages/index.ts';
import { MachineDatabase } from './machine-database.ts';
import type { FromMachine, Observed } from './messages.ts';
import type { Session } from './session.ts';
import type { SqlGuard } from './sql-guard.ts';
import type { StoreDirectory } from './store-directory.ts';

export interface MachineCoreOptions {
  /** Makes an instance of SQLite. */
  readonly createEngine: () => Engine;
  readonly arena: SlotArena;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly guard: SqlGuard;
  readonly directory: StoreDirectory;
  readonly post: (message: FromMachine, transfer?: readonly ArrayBuffer[]) => void;
}

/** What the parts of the machine share: the databases, the sessions, and what leadership and limits allow. */
export class MachineCore {
  readonly #createEngine: () => Engine;
  #engine: Engine;
  readonly arena: SlotArena;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly guard: SqlGuard;
  readonly directory: StoreDirectory;
  readonly post: (message: FromMachine, transfer?: readonly ArrayBuffer[]) => void;
  readonly databases = new Map<string, MachineDatabase>();
  /** Databases whose text is UTF-16, which have been told (S12). */
  readonly #unreadable = new Set<string>();
  readonly sessions = new Map<number, Session>();
  /** The sessions of requests that have none, by request: each lives as long as that. */
  readonly passing = new Numbered<Session>();
  /** The leadership that may execute; undefined = nothing is executed (M2). */
  epoch: number | undefined;
  applied: LogIndex = logIndex(0);
  gateOpen = true;
  draining = false;
  unsealedPages: number;
  /** No member would misunderstand the deletion of a database (S11). */
  mayDelete = true;
  /** Ids of the members of the cluster; undefined until the node has told them. */
  memberIds: ReadonlySet<string> | undefined;
  /** Every voter keeps code away from a schema that it does not fit (M16). */
  fenced = true;
  /** Runs something as a turn of the machine, with everything that follows from it. Set by the machine. */
  inTurn: (action: () => void) => void = (action) => action();
  readonly #timers = new Set<Timer>();
  /** Closed stores that readers of other threads still read. */
  #retired: PageStore[] = [];

  constructor(options: MachineCoreOptions) {
    this.#createEngine = options.createEngine;
    this.#engine = options.createEngine();
    this.arena = options.arena;
    this.clock = options.clock;
    this.limits = options.limits;
    this.guard = options.guard;
    this.directory = options.directory;
    this.post = options.post;
    this.unsealedPages = options.limits.unsealedPages;
  }

  get engine(): Engine {
    return this.#engine;
  }

  /**
   * The memory of an instance never shrinks: one that a large transaction has blown up is replaced as soon as no session has a
   * connection of its own (S8). Between two statements only.
   */
  renewEngine(): void {
    if (this.#engine.memoryBytes <= this.limits.engineBytes) return;
    for (const session of this.allSessions()) if (session.home !== undefined) return;
    this.#engine.closeAll();
    for (const database of this.databases.values()) database.forgetConnections();
    this.#engine = this.#createEngine();
  }

  *allSessions(): Iterable<Session> {
    yield* this.sessions.values();
    yield* this.passing.values();
  }

  /** As `Clock.after`; what is called is a turn of the machine. */
  after(delayMs: number, run: () => void): Timer {
    const inner = this.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      this.inTurn(run);
    });
    const timer: Timer = {
      cancel: () => {
        this.#timers.delete(timer);
        inner.cancel();
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  timersOff(): void {
    for (const timer of [...this.#timers]) timer.cancel();
  }

  /** The database of this name, made empty when it does not exist. */
  database(name: string): MachineDatabase {
    const known = this.databases.get(name);
    if (known !== undefined) return known;
    return this.install(name, new PageStore(this.arena));
  }

  /** Makes a store the database of this name, instead of an earlier one. */
  install(name: string, store: PageStore): MachineDatabase {
    const database = new MachineDatabase(name, store, () => this.#engine, this.guard.hooks);
    this.databases.set(name, database);
    this.directory.add(name, store);
    return database;
  }

  /** Page 1 of a database came from elsewhere: a leader with another SQLite may have made what this one cannot open (S12). */
  sawPageOne(name: string, image: Uint8Array): void {
    if (headerTextEncoding(image) < 2) this.#unreadable.delete(name);
    else if (!this.#unreadable.has(name)) {
      this.#unreadable.add(name);
      this.post({ kind: 'unreadable', database: name });
    }
  }

  /** Closes a store that has no connections here. Its pages go when the last reader has let go of them. */
  retire(store: PageStore): void {
    store.close();
    this.#retired.push(store);
  }

  /** Gives back what readers of other threads have let go. */
  collectRetired(): void {
    if (this.#retired.length === 0) return;
    for (const store of this.#retired) store.collect();
    this.#retired = this.#retired.filter((store) => store.statistics().slots > 0);
  }

  /** Whether a transaction may begin on this database (M13, S1). */
  mayBegin(database: MachineDatabase): boolean {
    return (
      this.epoch !== undefined &&
      this.gateOpen &&
      !this.draining &&
      !database.deleting &&
      database.store.unsealedPages <= this.unsealedPages
    );
  }

  /** What a look at head, as it is now, has seen. */
  observedHead(database: MachineDatabase): Observed {
    if (database.store.hasUnsealed) return this.speculative(database, database.sequence + 1, false);
    if (database.inFlight.length > 0) return this.speculative(database, database.sequence, false);
    return this.observedPublished();
  }

  /** What a commit into head that changed pages has seen: itself, in the next seal. */
  observedCommit(database: MachineDatabase): Observed {
    return this.speculative(database, database.sequence + 1, true);
  }

  observedPublished(): Observed {
    return { kind: 'published', index: this.applied };
  }

  speculative(database: MachineDatabase, sequence: number, wrote: boolean): Observed {
    return {
      kind: 'speculative',
      epoch: this.epoch ?? 0,
      database: database.name,
      sequence,
      wrote,
    };
  }

  /** Names of the databases that have published pages. */
  databaseNames(): string[] {
    const names: string[] = [];
    for (const database of this.databases.values()) {
      if (database.store.published.pages > 0) names.push(database.name);
    }
    return names;
  }
}
