import type { Clock, Timer } from '../base/index.ts';
import type { Job } from './job.ts';
import type { ReaderSession } from './reader-session.ts';

/**
 * Queries outside of transactions whose rows nobody takes. Each keeps a connection, and there are only so many: when
 * somebody waits for one, back-pressure counts as idle time (S2), and who has been idle longest has to go.
 * While nobody waits a query may be read as slowly as one likes.
 */
export class StalledQueries {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #wake: () => void;
  /** Since when, the longest first. */
  readonly #since = new Map<Job<ReaderSession>, number>();
  #timer: Timer | undefined;

  /** `wake` is called when `takeOldest` is worth asking again. */
  constructor(clock: Clock, idleMs: number, wake: () => void) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#wake = wake;
  }

  /** The consumer has to take rows before this query goes on. */
  add(job: Job<ReaderSession>): void {
    this.#since.delete(job);
    this.#since.set(job, this.#clock.now());
  }

  /** It goes on, or is over. */
  delete(job: Job<ReaderSession>): void {
    this.#since.delete(job);
  }

  /** Somebody waits: the query that has been idle for too long; undefined = nobody yet, `wake` will come. */
  takeOldest(): Job<ReaderSession> | undefined {
    for (const [job, since] of this.#since) {
      // A transaction has an idle limit of its own.
      if (job.session.inTransaction) continue;
      const left = since + this.#idleMs - this.#clock.now();
      if (left <= 0) {
        this.#since.delete(job);
        return job;
      }
      this.#timer ??= this.#clock.after(left, () => {
        this.#timer = undefined;
        this.#wake();
      });
      return undefined;
    }
    return undefined;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#since.clear();
  }
}
