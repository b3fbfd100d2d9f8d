import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../base/index.ts';

/** Longest delay of one timer of the platform; longer ones are made of several. */
const DELAY_MS_MAX = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #dueMs: number;
  readonly #run: () => void;
  #handle: ReturnType<typeof setTimeout> | undefined;

  constructor(dueMs: number, run: () => void) {
    this.#dueMs = dueMs;
    this.#run = run;
    this.#arm();
  }

  /** The platform may be up to a millisecond early and cannot wait for more than 2^31 ms: look at the clock again. */
  #arm(): void {
    const leftMs = this.#dueMs - performance.now();
    this.#handle = setTimeout(
      () => {
        this.#handle = undefined;
        if (performance.now() < this.#dueMs) this.#arm();
        else this.#run();
      },
      Math.min(Math.max(Math.ceil(leftMs), 0), DELAY_MS_MAX),
    );
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, run) => new SystemTimer(performance.now() + Math.max(0, delayMs), run),
};
