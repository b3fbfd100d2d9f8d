import { assert } from '../base/index.ts';
import { failure, RAW_CODE } from './failure.ts';
import type { Job } from './job.ts';
import type { MachineCore } from './machine-core.ts';
import type { Observed, RequestEnd, SqlFailure } from './messages.ts';
import { isCommit } from './placement.ts';
import type { Session } from './session.ts';
import type { WriteQueue } from './write-queue.ts';

/** Follows the explicit transactions of sessions: begin, end, limits and aborts (M11, M12). */
export class TransactionKeeper {
  readonly #core: MachineCore;
  readonly #queue: WriteQueue;
  readonly #fail: (job: Job, reason: SqlFailure) => void;

  constructor(core: MachineCore, queue: WriteQueue, fail: (job: Job, reason: SqlFailure) => void) {
    this.#core = core;
    this.#queue = queue;
    this.#fail = fail;
  }

  /** The session works: the limit of idleness stands still. */
  active(session: Session): void {
    session.idleTimer?.cancel();
    session.idleTimer = undefined;
  }

  /** The session waits for its client, to send a request or to take rows. */
  idle(session: Session): void {
    this.active(session);
    if (!session.inTransaction) return;
    session.idleTimer = this.#core.after(session.idleMs, () => {
      this.abort(
        session,
        failure('TRANSACTION_IDLE', 'the transaction was idle for too long and was rolled back', {
          rawCode: RAW_CODE.abort,
        }),
      );
    });
  }

  /**
   * Reads from SQLite what a statement on a home connection did to the transaction. `base` is what the statement saw if it was the
   * first to look at the database; `failed` what it failed with.
   */
  follow(job: Job, base: Observed, failed: SqlFailure | undefined): void {
    const { session } = job;
    const { home, database } = session;
    assert(home !== undefined && database !== undefined, 'no home to follow');
    const inside = !home.autocommit;
    if (inside && session.base === undefined && home.transaction !== 'none') session.base = base;
    if (home.transaction === 'write') {
      assert(
        database.owner === session || database.owner === undefined,
        'two sessions write to one database',
      );
      database.owner = session;
    } else if (database.owner === session) {
      database.owner = undefined;
      this.#queue.woken = true;
    }
    if (inside && !session.inTransaction) this.#begin(job);
    if (!inside && session.inTransaction) {
      session.endTransaction();
      if (failed !== undefined && !isCommit(job.cursor?.sql ?? '')) {
        session.aborted = { failure: abortedBy(failed), bySqlite: failed.rawCode !== 0 };
      }
    }
    if (inside) return;
    if (home.hasSessionState && session.id !== 0) session.permanent = true;
    if (!session.permanent && session.id !== 0) session.leaveHome();
  }

  #begin(job: Job): void {
    const { session, submit } = job;
    const { limits } = this.#core;
    session.inTransaction = true;
    session.idleMs = submit.transactionIdleMs || limits.transactionIdleMs;
    const total = submit.transactionTotalMs || limits.transactionTotalMs;
    this.limit(session, total, tooLong('TRANSACTION_TOO_LONG', 'the transaction took too long'));
  }

  /** The transaction of a session ends at the latest in `totalMs` from now, whatever was said before. */
  limit(session: Session, totalMs: number, reason: SqlFailure): void {
    session.totalTimer?.cancel();
    session.transactionDeadline = this.#core.clock.now() + totalMs;
    session.totalTimer = this.#core.after(totalMs, () => this.abort(session, reason));
  }

  /** Rolls a session's transaction back and makes everything fail until the client notices. */
  abort(session: Session, reason: SqlFailure): void {
    if (!session.inTransaction) return;
    const job = session.current;
    if (job?.stream !== undefined) {
      job.stream.release();
      job.stream = undefined;
    }
    this.#rollBack(session);
    session.endTransaction();
    session.aborted = { failure: abortedBy(reason), bySqlite: false };
    if (!session.permanent) session.leaveHome();
    if (session.id !== 0) {
      this.#core.post({ kind: 'session-aborted', session: session.id, reason: reason.message });
    }
    if (job !== undefined) this.#fail(job, reason);
  }

  #rollBack(session: Session): void {
    const { home, database } = session;
    if (home !== undefined && !home.closed && !home.autocommit) home.execute('ROLLBACK');
    if (database?.owner === session) {
      database.owner = undefined;
      this.#queue.woken = true;
    }
  }

  /** A session whose connection the engine has closed, or whose transaction stands on speculation that was dropped. */
  lose(session: Session, reason: SqlFailure): void {
    const hadTransaction = session.inTransaction;
    const hadHome = session.home !== undefined;
    if (session.database?.owner === session) session.database.owner = undefined;
    session.endTransaction();
    session.home = undefined;
    session.database = undefined;
    session.permanent = false;
    if (hadTransaction) session.aborted = { failure: abortedBy(reason), bySqlite: false };
    if (hadTransaction || hadHome) {
      this.#core.post({ kind: 'session-aborted', session: session.id, reason: reason.message });
    }
  }

  /** The session is closed by its client. */
  close(session: Session): void {
    session.closed = true;
    const job = session.current;
    if (job?.stream !== undefined) {
      job.stream.release();
      job.stream = undefined;
    }
    this.#rollBack(session);
    session.endTransaction();
    session.leaveHome();
  }

  /** A request without a session leaves no transaction and no connection behind. */
  leaveNothing(job: Job, end: RequestEnd): RequestEnd {
    const { session } = job;
    if (session.home === undefined) return end;
    const open = session.inTransaction;
    this.#rollBack(session);
    session.endTransaction();
    session.leaveHome();
    if (!open || end.kind !== 'done') return end;
    return {
      kind: 'failed',
      failure: failure('TRANSACTION_OPEN', 'the text leaves a transaction open', {
        rawCode: RAW_CODE.error,
      }),
      results: [],
    };
  }
}

/** For a transaction that others have waited for long enough. */
export function tooLong(code: string, what: string): SqlFailure {
  return failure(code, `${what} and was rolled back`, { rawCode: RAW_CODE.abort });
}

function abortedBy(reason: SqlFailure): SqlFailure {
  const lost = reason.rawCode === RAW_CODE.notLeader || reason.rawCode === RAW_CODE.leadershipLost;
  return failure('TX_ABORTED', `the transaction was rolled back by the server: ${reason.message}`, {
    rawCode: lost ? RAW_CODE.leadershipLost : RAW_CODE.abort,
    retryable: lost,
  });
}
