import { assert, type LogIndex } from '../base/index.ts';
import { applyCommand, removeDatabase } from './applier.ts';
import { failure, notLeader, RAW_CODE } from './failure.ts';
import type { MachineCore } from './machine-core.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { ToMachine } from './messages.ts';
import type { RequestTable } from './request-table.ts';
import { Restorer } from './restorer.ts';
import type { Sealer } from './sealer.ts';
import type { TransactionKeeper } from './transaction-keeper.ts';
import type { WriteQueue } from './write-queue.ts';

type Message<K extends ToMachine['kind']> = Extract<ToMachine, { readonly kind: K }>;

/** What consensus does to the databases: leadership, publication, commands of others, snapshots. */
export class ClusterState {
  readonly #core: MachineCore;
  readonly #requests: RequestTable;
  readonly #queue: WriteQueue;
  readonly #keeper: TransactionKeeper;
  readonly #sealer: Sealer;
  #restorer: Restorer | undefined;
  #announcedIndex: LogIndex | undefined;
  /** The list of databases has changed since it was told last. */
  #listChanged = false;

  constructor(
    core: MachineCore,
    requests: RequestTable,
    queue: WriteQueue,
    keeper: TransactionKeeper,
    sealer: Sealer,
  ) {
    this.#core = core;
    this.#requests = requests;
    this.#queue = queue;
    this.#keeper = keeper;
    this.#sealer = sealer;
  }

  lead(epoch: number): void {
    assert(this.#core.epoch === undefined, 'an epoch begins within another one');
    for (const { store } of this.#core.databases.values()) {
      assert(!store.speculative, 'an epoch begins with speculation');
    }
    this.#core.epoch = epoch;
    this.#queue.woken = true;
  }

  /** Drops everything that is not published (M2, M3, M12). Of an epoch that is not the current one: ignored. */
  endEpoch(epoch: number): void {
    const core = this.#core;
    if (core.epoch !== epoch) return;
    core.epoch = undefined;
    // The sessions still have their transactions: their requests are told that these are lost.
    for (const job of this.#requests.jobs.values()) {
      if (job.session.current === job) this.#requests.fail(job, notLeader());
    }
    for (const session of core.sessions.values()) this.#keeper.lose(session, notLeader());
    core.engine.closeAll();
    for (const database of core.databases.values()) {
      database.forgetConnections();
      database.endEpoch();
      database.store.revert();
      assert(!database.store.speculative, 'speculation survives a revert');
    }
    this.#sealer.dropped();
    this.#queue.woken = true;
  }

  publish({ epoch, database: name, sequence, index }: Message<'publish'>): void {
    const core = this.#core;
    assert(epoch === core.epoch, () => `publish of epoch ${epoch} in ${core.epoch}`);
    const database = core.databases.get(name);
    const live = database?.inFlight.shift();
    assert(
      database !== undefined && live !== undefined && live.sequence === sequence,
      () => `publish of ${name} ${sequence}, expected ${live?.sequence}`,
    );
    if (live.seal === undefined) {
      this.#sealer.published();
      this.#deleted(database);
      this.#advanceTo(index);
      return;
    }
    const { store } = database;
    if (store.published.pages === 0) this.#listChanged = true;
    store.publish(live.seal, index);
    this.#sealer.published();
    this.#advanceTo(index);
    this.#queue.woken = true;
    database.pinBudget.published(store, live.seal.pageNumbers.length);
  }

  /** The deletion of a database was committed: it goes, and those who wait for it find an empty one. */
  #deleted(old: MachineDatabase): void {
    const core = this.#core;
    assert(!old.store.hasUnsealed && old.inFlight.length === 0, 'writes after a deletion');
    const reason = failure('DATABASE_DELETED', 'the database was deleted', {
      rawCode: RAW_CODE.abort,
    });
    for (const session of core.sessions.values()) {
      if (session.database !== old) continue;
      if (session.current?.stream !== undefined) this.#requests.fail(session.current, reason);
      this.#keeper.lose(session, reason);
    }
    removeDatabase(core, old.name);
    const empty = core.database(old.name);
    empty.sequence = old.sequence;
    for (const job of old.waiting) empty.waiting.add(job);
    for (const job of old.starting) empty.starting.add(job);
    this.#listChanged = true;
    this.#queue.woken = true;
  }

  apply({ index, command }: Message<'apply'>): void {
    assert(this.#core.epoch === undefined, 'a command is applied while this node executes');
    if (applyCommand(this.#core, index, command)) this.#listChanged = true;
    this.#advanceTo(index);
  }

  advance(index: LogIndex): void {
    this.#advanceTo(index);
  }

  #advanceTo(index: LogIndex): void {
    assert(index > this.#core.applied, () => `${index} after ${this.#core.applied}`);
    this.#core.applied = index;
  }

  restoreBegin({ id, index }: Message<'restore-begin'>): void {
    assert(this.#core.epoch === undefined, 'a snapshot is restored while this node executes');
    this.#restorer?.abandon();
    this.#restorer = new Restorer(this.#core, id, index);
  }

  restoreChunk({ id, bytes }: Message<'restore-chunk'>): void {
    if (this.#restorer?.id === id) this.#restorer.write(bytes);
  }

  restoreCheck({ id }: Message<'restore-check'>): void {
    const restorer = this.#restorer;
    if (restorer?.id === id) this.#core.post({ kind: 'restored', id, error: restorer.finish() });
  }

  restoreEnd({ id, commit }: Message<'restore-end'>): void {
    const restorer = this.#restorer;
    if (restorer?.id !== id) return;
    this.#restorer = undefined;
    const error = commit ? restorer.finish() : 'abandoned';
    if (error !== undefined) {
      restorer.abandon();
      this.#core.post({ kind: 'restored', id, error });
      return;
    }
    this.#core.engine.closeAll();
    restorer.swap();
    this.#core.applied = restorer.index;
    this.#listChanged = true;
    this.#core.post({ kind: 'restored', id, error: undefined });
  }

  /** Tells what has changed since the last call. */
  announce(): void {
    const { applied, post } = this.#core;
    if (this.#listChanged) {
      this.#listChanged = false;
      post({ kind: 'databases', names: this.#core.databaseNames() });
    }
    if (applied === this.#announcedIndex || applied === 0) return;
    this.#announcedIndex = applied;
    post({ kind: 'applied', index: applied });
  }
}
