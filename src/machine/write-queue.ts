import { QuorateError } from '../base/index.ts';
import { queueFull, queueTimedOut, timedOut } from './failure.ts';
import type { Job } from './job.ts';
import type { MachineCore } from './machine-core.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { SqlFailure } from './messages.ts';

/**
 * Who may write next (M5, S18): one first-in first-out list per database. It is a list of the machine and not a place in
 * its inbox, so that the statements of the transaction that holds everybody up are never behind those who wait for it.
 */
export class WriteQueue {
  readonly #core: MachineCore;
  readonly #fail: (job: Job, reason: SqlFailure) => void;
  /** Something happened that may let a waiting request go on. */
  woken = false;

  constructor(core: MachineCore, fail: (job: Job, reason: SqlFailure) => void) {
    this.#core = core;
    this.#fail = fail;
  }

  /**
   * True when a request may begin a transaction now, or write (`writes`); else it is queued, and is run again with `granted`
   * when its turn comes. A session inside a transaction only waits for those who write.
   */
  admit(database: MachineDatabase, job: Job, writes: boolean): boolean {
    if (job.granted) {
      job.granted = false;
      return true;
    }
    const begun = job.session.inTransaction;
    if ((begun && !database.deleting) || this.#core.mayBegin(database)) {
      if (!writes) return true;
      if (database.owner === undefined && database.waiting.size === 0) return true;
    }
    this.#enqueue(database, job, writes);
    return false;
  }

  #enqueue(database: MachineDatabase, job: Job, writes: boolean): void {
    const { clock, limits } = this.#core;
    const list = writes ? database.waiting : database.starting;
    if (list.size >= limits.writeQueue) {
      const { code, message, rawCode, retryable } = queueFull();
      throw new QuorateError(code, message, { rawCode, retryable });
    }
    list.add(job);
    const left = job.deadline - clock.now();
    const limit = Math.min(limits.writeQueueMs, Math.max(0, left));
    job.timer = this.#core.after(limit, () => {
      this.forget(job);
      this.#fail(job, left < limits.writeQueueMs ? timedOut() : queueTimedOut());
    });
  }

  /** Takes a request out of the lists: it ends. */
  forget(job: Job): void {
    job.cancelTimer();
    const database = this.#core.databases.get(job.submit.database);
    if (database === undefined) return;
    database.starting.delete(job);
    if (database.waiting.delete(job)) this.woken = true;
  }

  /** Lets requests go on whose turn has come. */
  pump(run: (job: Job) => void): void {
    this.woken = false;
    for (const database of this.#core.databases.values()) {
      for (const job of database.starting) {
        if (!this.#core.mayBegin(database)) break;
        database.starting.delete(job);
        this.#grant(job, run);
      }
      for (const job of database.waiting) {
        if (database.owner !== undefined || database.deleting) break;
        if (!job.session.inTransaction && !this.#core.mayBegin(database)) break;
        database.waiting.delete(job);
        this.#grant(job, run);
      }
    }
  }

  #grant(job: Job, run: (job: Job) => void): void {
    job.granted = true;
    run(job);
    job.granted = false;
  }
}
