import type { Clock, Timer } from '../../src/base/index.ts';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that moves only when nothing else is left to do, so that tests need not wait. */
export class TestClock implements Clock {
  #now = 1_000;
  #order = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Timer {
    const pending = { at: this.#now + delayMs, order: this.#order++, run };
    this.#pending.add(pending);
    return { cancel: () => this.#pending.delete(pending) };
  }

  /** Timers that wait, for tests that nothing is left behind. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Moves time on by `ms`, running what falls due. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    while (this.#runNext(until)) await settle();
    this.#now = until;
  }

  /** Moves time on until the promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = () => {
      settled = true;
    };
    promise.then(end, end);
    await settle();
    while (!settled) {
      if (!this.#runNext(Number.POSITIVE_INFINITY)) throw new Error('nothing left to wait for');
      await settle();
    }
    return promise;
  }

  #runNext(until: number): boolean {
    let next: Pending | undefined;
    for (const pending of this.#pending) {
      if (next === undefined || pending.at < next.at) next = pending;
      else if (pending.at === next.at && pending.order < next.order) next = pending;
    }
    if (next === undefined || next.at > until) return false;
    this.#pending.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.run();
    return true;
  }
}

/** Lets everything run that waits for promises only. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
