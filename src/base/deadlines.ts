import type { Clock, Timer } from './clock.ts';
import { Numbered } from './numbered.ts';

/** Something that ends when its time is over. */
export interface Limited {
  /** Clock.now() in ms. */
  readonly deadline: number;
  /** Where `Deadlines` has it; 0 = nowhere. */
  deadlineNumber: number;
  expire(): void;
}

/** Deadlines are met this late at most, in ms: one timer for all costs less than one for each. */
const GRAIN_MS = 10;

/** The deadlines of everything under way, with a single timer. */
export class Deadlines {
  readonly clock: Clock;
  readonly #limited = new Numbered<Limited>();
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #resting = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(limited: Limited): void {
    if (!Number.isFinite(limited.deadline)) return;
    if (limited.deadlineNumber !== 0) return;
    limited.deadlineNumber = this.#limited.add(limited);
    this.#arm(limited.deadline);
  }

  remove(limited: Limited): void {
    if (limited.deadlineNumber === 0) return;
    this.#limited.delete(limited.deadlineNumber);
    limited.deadlineNumber = 0;
    if (this.#resting) this.rest();
  }

  /** From now on no timer is kept when nothing is under way; it would keep a process alive. What is still under way ends in time. */
  rest(): void {
    this.#resting = true;
    if (this.#limited.size > 0) return;
    this.#timer?.cancel();
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#limited.clear();
  }

  #arm(deadline: number): void {
    if (deadline >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = deadline;
    const delayMs = Math.max(0, deadline - this.clock.now());
    this.#timer = this.clock.after(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const limited of this.#limited.values()) {
      if (limited.deadline <= now) {
        this.remove(limited);
        limited.expire();
      } else {
        next = Math.min(next, limited.deadline);
      }
    }
    if (Number.isFinite(next)) this.#arm(Math.max(next, now + GRAIN_MS));
  }
}
