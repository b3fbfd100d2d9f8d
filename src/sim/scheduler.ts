import type { Clock, Timer } from '../base/index.ts';

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** 2026-01-01, the wall clock at simulated time 0. */
const WALL_ORIGIN_MS = 1_767_225_600_000;

/**
 * Simulated time: a heap of events, run one after another in order of (time, order of scheduling).
 * Nothing else decides what happens next, so one seed gives one run.
 */
export class Scheduler implements Clock {
  readonly #heap: Event[] = [];
  #now = 0;
  #order = 0;
  #executed = 0;

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return WALL_ORIGIN_MS + this.#now;
  }

  get executed(): number {
    return this.#executed;
  }

  after(delayMs: number, run: () => void): Timer {
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** Runs the next event; false when there is none up to `until`. Time then stands at `until`. */
  step(until: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) {
        this.#now = Math.max(this.#now, until);
        return false;
      }
      this.#pop();
      const run = next.run;
      if (run === undefined) continue;
      this.#now = next.at;
      this.#executed++;
      run();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (before(heap[parent], event)) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (before(last, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A clock that runs at another rate and stops existing when its process dies. */
export class ProcessClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #rate: number;
  /** How far the wall clock of the machine is off now. */
  readonly #wallOffsetMs: () => number;
  #alive = true;
  #pausedUntil = 0;

  constructor(scheduler: Scheduler, rate = 1, wallOffsetMs: () => number = () => 0) {
    this.#scheduler = scheduler;
    this.#rate = rate;
    this.#wallOffsetMs = wallOffsetMs;
  }

  now(): number {
    return this.#scheduler.now() * this.#rate;
  }

  wallMs(): number {
    return this.#scheduler.wallMs() + this.#wallOffsetMs();
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#scheduler.after(delayMs / this.#rate, () => this.#fire(run));
  }

  /** No timer fires any more. */
  kill(): void {
    this.#alive = false;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Timers wait until then, as in a process that is stopped and continued. */
  pause(untilMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, untilMs);
  }

  /** Simulated time until which the process stands still; 0 = it runs. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  #fire(run: () => void): void {
    if (!this.#alive) return;
    const wait = this.#pausedUntil - this.#scheduler.now();
    if (wait > 0) this.#scheduler.after(wait, () => this.#fire(run));
    else run();
  }
}
