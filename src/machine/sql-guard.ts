import { assert, type Clock } from '../base/index.ts';
import type { ConnectionHooks } from '../engine/index.ts';
import { statementTooLong } from './failure.ts';
import type { Job, JobSession } from './job.ts';
import type { SessionMessage, SqlFailure } from './messages.ts';

/** Why a running statement is to stop. */
export type StopReason =
  | 'interrupt'
  | 'timeout'
  | 'total'
  | 'epoch'
  | 'closed'
  | 'transfer'
  | 'statement'
  | 'budget';

/** What a request may take of a thread that has more to do than SQL. */
export interface Budget {
  /** Calls of the progress hook, one for each thousand operations. */
  readonly progress: number;
  /** Pages copied out of shared memory. */
  readonly pages: number;
}

/**
 * Everything that happens while SQLite runs (M8): messages are drained every thousand operations, and the running
 * statement is interrupted when one of them, or a deadline, asks for it. Nothing here calls SQLite.
 */
export class SqlGuard {
  readonly #clock: Clock;
  readonly #drain: () => void;
  readonly #statementMs: number;
  readonly #deferred: readonly SessionMessage[];
  readonly #budget: Budget | undefined;
  /** What the request that runs has taken since it was taken up. */
  #progressed = 0;
  #pages = 0;
  /** When the request that runs was taken up, and when SQLite was called for it. */
  #resumed = 0;
  #started = 0;
  #running: Job<JobSession> | undefined;
  /** Code with which commits are refused at this moment; 0 = they are not. */
  refusal = 0;
  /** Clock time at which every statement must have ended, because leadership is handed over (S1). */
  graceEnd = Number.POSITIVE_INFINITY;
  /** A commit since the last `takeChanged` changed pages. */
  #changed = false;
  readonly hooks: ConnectionHooks = {
    beforeCommit: () => this.refusal,
    committed: (changed) => {
      if (changed) this.#changed = true;
    },
    progress: () => this.#progress(),
    pageRead: () => this.#pageRead(),
    // What it does is done at COMMIT (deletion.ts).
    pragma: (name) => (name === 'delete_database' ? { kind: 'none' } : undefined),
  };

  /**
   * `statementMs`: how long one call may keep the thread; 0 = for ever. `deferred`: messages that came during an
   * earlier statement and wait for their turn; what ends a request may be among them, behind the request itself. `budget`: what one request
   * may take; undefined = as much as it needs.
   */
  constructor(
    clock: Clock,
    drain: () => void,
    statementMs = 0,
    deferred: readonly SessionMessage[] = [],
    budget?: Budget,
  ) {
    this.#budget = budget;
    this.#deferred = deferred;
    this.#clock = clock;
    this.#drain = drain;
    this.#statementMs = statementMs;
  }

  /** A request is taken up, for the first time or after a pause. */
  resume(): void {
    this.#progressed = 0;
    this.#pages = 0;
    if (this.#statementMs > 0) this.#resumed = this.#clock.now();
  }

  /** The request has had the thread for so long that others must get a turn before its next statement. */
  get mustPause(): boolean {
    return this.#statementMs > 0 && this.#clock.now() - this.#resumed >= this.#statementMs / 2;
  }

  /** What a statement fails with that ran for too long. */
  statementTooLong(): SqlFailure {
    return statementTooLong(this.#statementMs);
  }

  get running(): Job<JobSession> | undefined {
    return this.#running;
  }

  /** Runs SQL on behalf of a request. */
  run<T>(request: Job<JobSession>, action: () => T): T {
    assert(this.#running === undefined, 'SQL inside SQL');
    this.#running = request;
    this.refusal = 0;
    request.stop ??= this.#deferredStop(request);
    if (this.#statementMs > 0) this.#started = this.#clock.now();
    try {
      return action();
    } finally {
      this.#running = undefined;
    }
  }

  #deferredStop({ submit, session }: Job<JobSession>): StopReason | undefined {
    for (const message of this.#deferred) {
      if (message.kind === 'interrupt' && message.request === submit.request) return 'interrupt';
      if (message.kind === 'close-session' && message.session === session.id) return 'closed';
    }
    return undefined;
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
      else if (this.#statementMs > 0 && now - this.#started >= this.#statementMs) {
        request.stop = 'statement';
      }
    }
    if (this.#budget !== undefined && ++this.#progressed >= this.#budget.progress) {
      request.stop ??= 'budget';
    }
    return request.stop !== undefined;
  }

  /** One operation may read any number of pages: count(*) is one. */
  #pageRead(): boolean {
    const request = this.#running;
    if (this.#budget === undefined || request === undefined) return false;
    if (++this.#pages > this.#budget.pages) request.stop ??= 'budget';
    return request.stop !== undefined;
  }
}
