import { assert, type Clock } from '../base/index.ts';
import type { ConnectionHooks } from '../engine/index.ts';
import type { Job, JobSession } from './job.ts';

/** Why a running statement is to stop. */
export type StopReason = 'interrupt' | 'timeout' | 'total' | 'epoch' | 'closed' | 'transfer';

/**
 * Everything that happens while SQLite runs (RULES M8): messages are drained every thousand operations, and the running
 * statement is interrupted when one of them, or a deadline, asks for it. Nothing here calls SQLite.
 */
export class SqlGuard {
  readonly #clock: Clock;
  readonly #drain: () => void;
  #running: Job<JobSession> | undefined;
  /** Code with which commits are refused at this moment; 0 = they are not. */
  refusal = 0;
  /** Clock time at which every statement must have ended, because leadership is handed over (RULES S1). */
  graceEnd = Number.POSITIVE_INFINITY;
  /** A commit since the last `takeChanged` changed pages. */
  #changed = false;
  readonly hooks: ConnectionHooks = {
    beforeCommit: () => this.refusal,
    committed: (changed) => {
      if (changed) this.#changed = true;
    },
    progress: () => this.#progress(),
    // What it does is done at COMMIT (deletion.ts).
    pragma: (name) => (name === 'delete_database' ? { kind: 'none' } : undefined),
  };

  constructor(clock: Clock, drain: () => void) {
    this.#clock = clock;
    this.#drain = drain;
  }

  get running(): Job<JobSession> | undefined {
    return this.#running;
  }

  /** Runs SQL on behalf of a request. */
  run<T>(request: Job<JobSession>, action: () => T): T {
    assert(this.#running === undefined, 'SQL inside SQL');
    this.#running = request;
    this.refusal = 0;
    try {
      return action();
    } finally {
      this.#running = undefined;
    }
  }

  /**
   * A commit went into head and its answer does not yet say in which seal it is: SQLite calls the progress hook also
   * at the very end of a COMMIT, and a seal made there would get the number that the answer is about to name as the next.
   */
  get hasUnansweredCommit(): boolean {
    return this.#changed;
  }

  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  #progress(): boolean {
    const request = this.#running;
    if (request === undefined) return false;
    this.#drain();
    if (request.stop === undefined) {
      const now = this.#clock.now();
      if (now >= request.deadline) request.stop = 'timeout';
      else if (now >= request.transactionDeadline) request.stop = 'total';
      else if (now >= this.graceEnd) request.stop = 'transfer';
    }
    return request.stop !== undefined;
  }
}
