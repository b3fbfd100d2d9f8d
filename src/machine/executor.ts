import { assert, isNewNameAllowed, QuorateError } from '../base/index.ts';
import type { Connection, Statement } from '../engine/index.ts';
import { runBatch } from './batch.ts';
import { definitionRefused } from './definition-policy.ts';
import { isDeletion } from './deletion.ts';
import { describeStatement } from './describe.ts';
import { explain, mustRollBack, stopped } from './explanation.ts';
import {
  badName,
  emptyStatement,
  failure,
  needsOwnConnection,
  notLeader,
  RAW_CODE,
  timedOut,
} from './failure.ts';
import { onPublished } from './fence.ts';
import type { Job } from './job.ts';
import type { MachineCore } from './machine-core.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { Observed, SqlFailure } from './messages.ts';
import { isCommit, isDml, isRollback, type Placement, placementOf } from './placement.ts';
import { RequestTable } from './request-table.ts';
import { SchemaDesk } from './schema-desk.ts';
import type { Sealer } from './sealer.ts';
import {
  loadCounters,
  statementResult,
  storeCounters,
  storeCountersOfFailure,
} from './statement-counters.ts';
import { rowsNotExpected, StatementRun } from './statement-run.ts';
import type { TransactionKeeper } from './transaction-keeper.ts';
import type { WriteQueue } from './write-queue.ts';

/**
 * Executes requests on the SQL thread: decides for each statement on which connection it runs (M11) and whether it has to
 * wait for its turn to write, and answers. What holds a request back – a turn, the consumer of its rows – makes `run` return;
 * whoever removes the obstacle calls `run` again.
 */
export class Executor {
  readonly #core: MachineCore;
  readonly #queue: WriteQueue;
  readonly #keeper: TransactionKeeper;
  readonly #sealer: Sealer;
  /** True when a message waits that must be handled before the next statement. */
  readonly #mustYield: () => boolean;
  readonly requests: RequestTable;
  readonly #desk: SchemaDesk;

  constructor(
    core: MachineCore,
    queue: WriteQueue,
    keeper: TransactionKeeper,
    sealer: Sealer,
    mustYield: () => boolean,
  ) {
    this.#core = core;
    this.#queue = queue;
    this.#keeper = keeper;
    this.#sealer = sealer;
    this.#mustYield = mustYield;
    this.requests = new RequestTable(core, queue, keeper, (job) => this.#advance(job));
    this.#desk = new SchemaDesk(core, queue, keeper, sealer, this.requests);
  }

  /** One step of a request; false when it has to wait. */
  #advance(job: Job): boolean {
    if (job.results.length > 0 && this.#mustYield()) {
      this.requests.ready.push(job);
      return false;
    }
    if (job.results.length > 0 && this.#core.guard.mustPause) {
      job.timer = this.#core.after(0, () => this.requests.run(job));
      return false;
    }
    if (job.stream !== undefined) return this.#continueStream(job);
    const { session } = job;
    if (session.aborted !== undefined) return this.#whileAborted(job);
    if (this.#core.epoch === undefined) return this.requests.end(job, notLeader());
    const database = this.#database(job);
    if (job.submit.work.action === 'schema') return this.#desk.advance(job, database);
    if (job.cursor === undefined) {
      const description = describeStatement(this.#core, database, job);
      return this.requests.finish(job, { kind: 'described', description });
    }
    const begins = session.base === undefined && job.cursor.sql !== undefined;
    if (begins && session.migration === undefined) {
      const refused = this.#fence(job, database);
      if (refused !== undefined) return this.requests.end(job, refused);
    }
    if (job.isBatch) return this.#batch(job, database);
    const { sql } = job.cursor;
    if (sql === undefined) return this.requests.finish(job, { kind: 'done', results: job.results });
    if (!session.inTransaction && isDeletion(sql)) return this.requests.end(job, deletionAlone());
    if (session.inTransaction || session.permanent) return this.#onHome(job, database, 'begin');
    const placement = placementOf(sql);
    if (placement !== 'begin' && placement !== 'state') {
      return this.#onWriter(job, database, placement);
    }
    return this.#toHome(job, database, placement);
  }

  /** Whether the code behind the session fits the schema of head, which its statement is going to see (M16). */
  #fence(job: Job, database: MachineDatabase): SqlFailure | undefined {
    const { work } = job.submit;
    if (work.action === 'batch') {
      return this.#judged(job, database, work.mode === 'write' || job.session.inTransaction);
    }
    const placement = placementOf(job.cursor?.sql ?? '');
    if (placement === 'end') return undefined;
    return this.#judged(job, database, placement !== 'reader');
  }

  /** As `#fence`, for what began as a query and writes (WITH … INSERT): some may read only. */
  #fenceOfWrite(job: Job, database: MachineDatabase, statement: Statement): SqlFailure | undefined {
    const { session } = job;
    if (statement.readonly || session.base !== undefined || session.migration !== undefined) {
      return undefined;
    }
    if (placementOf(job.cursor?.sql ?? '') !== 'reader') return undefined;
    return this.#judged(job, database, true);
  }

  /** A compiled statement is given back when it may not run. */
  #refused(job: Job, database: MachineDatabase, statement: Statement): SqlFailure | undefined {
    const refused =
      this.#fenceOfWrite(job, database, statement) ?? definitionRefused(database, job, statement);
    if (refused !== undefined) statement.release();
    return refused;
  }

  #judged(job: Job, database: MachineDatabase, writes: boolean): SqlFailure | undefined {
    const declaration = job.submit.declaration ?? '';
    const refused = database.fence.check(database.head, declaration, writes, () => {
      return database.lookAtHead();
    });
    if (refused !== undefined) job.saw(this.#core.observedHead(database));
    return refused;
  }

  #toHome(job: Job, database: MachineDatabase, placement: 'begin' | 'state'): boolean {
    const { session } = job;
    if (session.home === undefined) {
      if (!this.#queue.admit(database, job, false)) return false;
      session.takeHome(database);
      session.permanent = placement === 'state' && session.id !== 0;
    }
    return this.#onHome(job, database, placement);
  }

  #database(job: Job): MachineDatabase {
    const { session, submit } = job;
    if (session.database !== undefined) {
      if (session.database.name === submit.database) return session.database;
      throw new QuorateError('SQLITE_MISUSE', 'a session with state has one database', {
        rawCode: 21,
      });
    }
    const known = this.#core.databases.get(submit.database);
    if (known !== undefined) return known;
    if (!isNewNameAllowed(submit.database)) {
      const { code, message, rawCode } = badName(submit.database);
      throw new QuorateError(code, message, { rawCode });
    }
    return this.#core.database(submit.database);
  }

  /** A statement of a session without a transaction, on the connection that all share. */
  #onWriter(job: Job, database: MachineDatabase, placement: Placement): boolean {
    const connection = database.writer();
    let statement: Statement | undefined;
    try {
      statement = this.#prepare(job, connection);
    } catch (error) {
      // Its text did not tell that it leaves something behind in its connection (M11).
      if (needsOwnConnection(error)) return this.#toHome(job, database, 'state');
      throw error;
    }
    if (statement === undefined) return this.#nothingLeft(job);
    if (statement.readonly) {
      if (placement === 'reader' && job.submit.work.action === 'statement') {
        statement.release();
        return this.requests.finish(job, { kind: 'redirect' });
      }
    } else {
      const refused = this.#refused(job, database, statement);
      if (refused !== undefined) return this.requests.end(job, refused);
      if (!this.#admit(database, job, true, statement)) return false;
    }
    const before = this.#core.observedHead(database);
    const error = this.#runToEnd(job, connection, statement);
    assert(connection.autocommit, 'the shared connection is left inside a transaction');
    const changed = this.#core.guard.takeChanged();
    if (changed) this.#committed(job, database);
    else job.saw(before);
    if (error !== undefined)
      return this.requests.end(job, explain(job, connection, this.#core.guard, error));
    job.cursor?.advance();
    return true;
  }

  /** As `WriteQueue.admit`, for a statement that is compiled again when its turn has come. */
  #admit(database: MachineDatabase, job: Job, writes: boolean, statement: Statement): boolean {
    let admitted = false;
    try {
      admitted = this.#queue.admit(database, job, writes);
    } finally {
      if (!admitted) statement.release();
    }
    return admitted;
  }

  /** A statement of a session that has a connection of its own. */
  #onHome(job: Job, database: MachineDatabase, placement: Placement): boolean {
    const { session } = job;
    const home = session.home;
    assert(home !== undefined, 'a transaction without a connection');
    if (session.migration !== undefined && isCommit(job.cursor?.sql ?? '')) {
      return this.requests.end(job, migrationEndsOtherwise());
    }
    const statement = this.#prepare(job, home);
    if (statement === undefined) return this.#nothingLeft(job);
    if (session.inTransaction && isDeletion(statement.sql)) {
      if (database.owner !== session || !this.#core.mayDelete) {
        statement.release();
        return this.requests.end(job, deletionAlone());
      }
      session.deletes = true;
    }
    const refused = this.#refused(job, database, statement);
    if (refused !== undefined) return this.requests.end(job, refused);
    if (!statement.readonly && database.owner !== session) {
      if (!this.#admit(database, job, true, statement)) return false;
      database.owner = session;
    } else if (!session.inTransaction && placement === 'begin' && statement.columnCount === 0) {
      // A session that keeps its connection begins another transaction.
      if (!this.#admit(database, job, false, statement)) return false;
    }
    // BEGIN looks at nothing; its first statement must see head (M4).
    const alone = !session.inTransaction && statement.readonly && statement.columnCount > 0;
    home.pinPolicy = alone && holdsForPublished(database) ? 'published' : 'head';
    const base =
      home.pinPolicy === 'head'
        ? this.#core.observedHead(database)
        : this.#core.observedPublished();
    const streams =
      statement.readonly &&
      statement.columnCount > 0 &&
      database.owner !== session &&
      job.cursor?.rows === 'send';
    if (streams) return this.#stream(job, statement, base);
    const error = this.#runToEnd(job, home, statement);
    return this.#afterHome(job, base, error);
  }

  /** A query whose rows are produced as they are taken: it holds nothing but its own connection. */
  #stream(job: Job, statement: Statement, base: Observed): boolean {
    const { session } = job;
    try {
      if (session.home !== undefined) loadCounters(session.home, session);
      job.cursor?.bind(statement);
      job.stream = new StatementRun(statement, job.submit.format, 'send', false);
    } catch (error) {
      statement.release();
      return this.#afterHome(job, base, error);
    }
    if (session.base === undefined && session.inTransaction) session.base = base;
    job.saw(session.base ?? base);
    return this.#continueStream(job);
  }

  #continueStream(job: Job): boolean {
    const { stream } = job;
    assert(stream !== undefined, 'no rows to go on with');
    try {
      while (!stream.done) {
        if (job.credits <= 0) {
          this.#keeper.idle(job.session);
          this.#limit(job);
          return false;
        }
        const batch = this.#core.guard.run(job, () => stream.advance());
        if (batch === undefined) continue;
        job.credits--;
        job.rows.push(batch);
        if (!stream.done) this.requests.post(job, undefined);
      }
    } catch (error) {
      return this.#endStream(job, error);
    }
    return this.#endStream(job, undefined);
  }

  /** A consumer that takes no rows cannot keep a request beyond its deadline. */
  #limit(job: Job): void {
    if (job.deadline === Number.POSITIVE_INFINITY) return;
    const left = Math.max(0, job.deadline - this.#core.clock.now());
    job.timer = this.#core.after(left, () => this.requests.fail(job, timedOut()));
  }

  #endStream(job: Job, error: unknown): boolean {
    const { stream, session } = job;
    assert(stream !== undefined, 'no rows to end');
    job.stream = undefined;
    if (error === undefined && session.home !== undefined) {
      job.results.push(statementResult(job.submit.format, session, stream, 0n));
    }
    stream.release();
    return this.#afterHome(job, job.observed ?? this.#core.observedPublished(), error);
  }

  /** What SQLite made of the transaction, whatever the statement was (M12). */
  #afterHome(job: Job, base: Observed, error: unknown): boolean {
    const { session } = job;
    const { home, database } = session;
    assert(home !== undefined && database !== undefined, 'the home is gone');
    const changed = this.#core.guard.takeChanged();
    const deletes = session.deletes && home.autocommit && isCommit(job.cursor?.sql ?? '');
    if (changed) this.#committed(job, database);
    else if (deletes && error === undefined && database.store.head.pages > 0) {
      this.#sealer.delete(database);
      job.saw(this.#core.speculative(database, database.sequence, true));
    } else if (session.base !== undefined) job.saw(session.base);
    else if (!home.autocommit && home.transaction === 'none') {
      // BEGIN and the like: nothing has been looked at yet.
      job.saw(this.#core.observedPublished());
    } else job.saw(base);
    const explained = error === undefined ? undefined : explain(job, home, this.#core.guard, error);
    if (explained !== undefined && mustRollBack(job, explained) && !home.autocommit) {
      home.execute('ROLLBACK');
    }
    this.#keeper.follow(job, base, explained);
    if (error === undefined) {
      job.cursor?.advance();
      return true;
    }
    assert(explained !== undefined, 'an error has an explanation');
    return this.requests.end(job, explained);
  }

  #batch(job: Job, database: MachineDatabase): boolean {
    const { work } = job.submit;
    assert(work.action === 'batch', 'not a batch');
    if (work.mode === 'read' && !job.session.inTransaction) {
      return this.requests.finish(job, { kind: 'redirect' });
    }
    if (database.owner !== job.session && !this.#queue.admit(database, job, true)) return false;
    const before = this.#core.observedHead(database);
    const end = runBatch(this.#core, database, job);
    const failure = end.kind === 'failed' ? end.failure : undefined;
    const changed = this.#core.guard.takeChanged();
    if (changed) this.#committed(job, database);
    else job.saw(job.session.base ?? before);
    if (job.session.home !== undefined) this.#keeper.follow(job, before, failure);
    if (failure === undefined) return this.requests.finish(job, end);
    return this.requests.end(job, stopped(job, this.#core.guard) ?? failure);
  }

  #committed(job: Job, database: MachineDatabase): void {
    database.transactions++;
    database.unsealedTransactions++;
    job.saw(this.#core.observedCommit(database));
  }

  #prepare(job: Job, connection: Connection): Statement | undefined {
    assert(job.cursor !== undefined, 'nothing to prepare');
    // Some statements act while they are compiled, and compiling looks at the schema.
    return this.#core.guard.run(job, () => job.cursor?.prepare(connection));
  }

  /** Runs a statement to its end, keeping its rows; returns what it failed with. The statement is released. */
  #runToEnd(job: Job, connection: Connection, statement: Statement): unknown {
    const { guard } = this.#core;
    const { cursor, session } = job;
    assert(cursor !== undefined, 'nothing to run');
    loadCounters(connection, session);
    const total = connection.totalChanges;
    const rowsBefore = job.rows.length;
    const dml = !statement.readonly && isDml(statement.sql);
    let failedAtWork = false;
    try {
      cursor.bind(statement);
      if (dml && cursor.rows === 'refuse' && statement.columnCount > 0) throw rowsNotExpected();
      failedAtWork = dml;
      const run = new StatementRun(statement, job.submit.format, cursor.rows, false);
      guard.run(job, () => {
        while (!run.done) {
          const batch = run.advance();
          if (batch !== undefined) job.keep(batch);
        }
      });
      const changed = storeCounters(connection, session, dml, total);
      job.results.push(statementResult(job.submit.format, session, run, changed));
      failedAtWork = false;
      return undefined;
    } catch (error) {
      job.rows.length = rowsBefore;
      return error;
    } finally {
      // Giving back an unfinished statement would commit what it did: refuse that.
      guard.refusal = RAW_CODE.error;
      statement.release();
      guard.refusal = 0;
      // Only now has SQLite counted what a statement that was given up in the middle leaves behind.
      if (failedAtWork) storeCountersOfFailure(connection, session, total);
    }
  }

  #nothingLeft(job: Job): boolean {
    const { work } = job.submit;
    if (work.action === 'statement') return this.requests.end(job, emptyStatement());
    return this.requests.finish(job, { kind: 'done', results: job.results });
  }

  /** Everything fails until the client says ROLLBACK (M12). */
  #whileAborted(job: Job): boolean {
    const { session } = job;
    const { aborted } = session;
    assert(aborted !== undefined, 'not aborted');
    const sql = job.cursor?.sql ?? '';
    const rollback = isRollback(sql);
    if (rollback || isCommit(sql)) session.aborted = undefined;
    if (!rollback) return this.requests.end(job, aborted.failure);
    if (aborted.bySqlite && job.submit.format === 'dqlite') {
      return this.requests.end(
        job,
        failure('SQLITE_ERROR', 'cannot rollback - no transaction is active', {
          rawCode: RAW_CODE.error,
        }),
      );
    }
    const { lastInsertRowid } = session.counters;
    job.results.push({ rowsAffected: 0, lastInsertRowid, columns: [], columnTypes: [] });
    return this.requests.finish(job, { kind: 'done', results: job.results });
  }
}

/** Whether what the fence found for head is true of the published version too: no migration is between them. */
function holdsForPublished({ store, fence }: MachineDatabase): boolean {
  return onPublished(store, (view) => fence.unchanged(view));
}

function migrationEndsOtherwise(): SqlFailure {
  return failure(
    'MIGRATION_FAILED',
    'a migration in code ends when its function returns: it cannot COMMIT by itself',
    { rawCode: RAW_CODE.error },
  );
}

/** As C has it: BEGIN IMMEDIATE, PRAGMA delete_database, COMMIT (fsm.md §9). */
function deletionAlone(): SqlFailure {
  return failure(
    'SQLITE_ERROR',
    'PRAGMA delete_database needs a write transaction (BEGIN IMMEDIATE), and members that understand it',
    { rawCode: RAW_CODE.error },
  );
}
