import type { LogIndex } from '../base/index.ts';

interface Waiter {
  readonly index: LogIndex;
  readonly run: () => void;
  cancelled: boolean;
}

/** Callbacks that wait until an index that only grows (what is applied) has reached a value. */
export class IndexWaiters {
  /** By index, ascending; equal ones in order of arrival. */
  readonly #waiters: Waiter[] = [];
  #index: LogIndex;

  constructor(index: LogIndex) {
    this.#index = index;
  }

  get index(): LogIndex {
    return this.#index;
  }

  /** Runs `run` once `index` is reached, at once if it is. Returns a function that cancels it. */
  when(index: LogIndex, run: () => void): () => void {
    if (index <= this.#index) {
      run();
      return () => undefined;
    }
    const waiter: Waiter = { index, run, cancelled: false };
    let at = this.#waiters.length;
    while (at > 0 && this.#waiters[at - 1].index > index) at--;
    this.#waiters.splice(at, 0, waiter);
    return () => {
      waiter.cancelled = true;
    };
  }

  advance(index: LogIndex): void {
    if (index > this.#index) this.#index = index;
    while (this.#waiters.length > 0 && this.#waiters[0].index <= this.#index) {
      const waiter = this.#waiters.shift();
      if (waiter !== undefined && !waiter.cancelled) waiter.run();
    }
  }
}
