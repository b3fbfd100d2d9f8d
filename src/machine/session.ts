import { assert, type Timer } from '../base/index.ts';
import type { Connection, SessionCounters } from '../engine/index.ts';
import type { Job } from './job.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { Observed, SessionState, SqlFailure } from './messages.ts';
import type { OpenMigration } from './schema-desk.ts';

/** A transaction that the server ended (M12). */
export interface Aborted {
  readonly failure: SqlFailure;
  /** SQLite did it by itself, as it would in C: then a plain client's ROLLBACK finds no transaction. */
  readonly bySqlite: boolean;
}

/** What a client's connection keeps on the SQL thread. Session 0 stands for a request of its own and lives as long as that. */
export class Session {
  readonly id: number;
  readonly counters: SessionCounters = { lastInsertRowid: 0n, changes: 0n, totalChanges: 0n };
  /** The connection of its own, while it has a transaction, or for good (M11). */
  home: Connection | undefined;
  /** Where `home` lives. */
  database: MachineDatabase | undefined;
  /** `home` stays after the transaction. */
  permanent = false;
  /** An explicit transaction is open on `home`. */
  inTransaction = false;
  /** What the open transaction has pinned; undefined before its first statement that looks at the database. */
  base: Observed | undefined;
  aborted: Aborted | undefined;
  /** The open transaction is to delete the database when it commits. */
  deletes = false;
  /** A migration in code whose statements this session sends. */
  migration: OpenMigration | undefined;
  /** The request that runs or waits; the others stand in `queue`. */
  current: Job | undefined;
  readonly queue: Job[] = [];
  closed = false;
  /** Clock time at which the open transaction must have ended. */
  transactionDeadline = Number.POSITIVE_INFINITY;
  idleMs = 0;
  idleTimer: Timer | undefined;
  totalTimer: Timer | undefined;

  constructor(id: number) {
    this.id = id;
  }

  get state(): SessionState {
    const { home } = this;
    const writing = home !== undefined && !home.closed && home.transaction === 'write';
    return {
      transaction: this.inTransaction ? (writing ? 'write' : 'read') : 'none',
      aborted: this.aborted !== undefined,
      home: home !== undefined,
    };
  }

  takeHome(database: MachineDatabase): Connection {
    assert(this.home === undefined, 'a session has one home');
    this.database = database;
    this.home = database.takeHome();
    return this.home;
  }

  /** Gives the home connection back, or closes it when it has state that nobody else may see. */
  leaveHome(): void {
    const { home, database } = this;
    this.home = undefined;
    this.database = undefined;
    this.permanent = false;
    if (home !== undefined) database?.returnHome(home);
  }

  /** Forgets the transaction: it has ended, however. */
  endTransaction(): void {
    this.inTransaction = false;
    this.deletes = false;
    this.migration = undefined;
    this.base = undefined;
    this.transactionDeadline = Number.POSITIVE_INFINITY;
    this.idleTimer?.cancel();
    this.totalTimer?.cancel();
    this.idleTimer = undefined;
    this.totalTimer = undefined;
  }
}
