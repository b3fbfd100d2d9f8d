import type { Port, Random } from '../base/index.ts';
import type { ProcessClock } from './scheduler.ts';

/** How long messages take between two simulated threads (M9). All 0 = inline calls. Times in simulated ms. */
export interface PortDelays {
  readonly lowestMs: number;
  readonly highestMs: number;
  /**
   * Share of messages that the receiving thread takes up late, as if SQL ran so long: those that come meanwhile wait behind it, and
   * are seen before it has ended by whoever drains the queue while SQL runs.
   */
  readonly holdRate: number;
  /** The longest such time. */
  readonly holdMs: number;
}

/** Adding and subtracting times loses the last bits. */
const ROUNDING_MS = 1e-6;

/** One end of a simulated pair of queues: first-in first-out, each message delayed by a seeded time. */
class SimulatedPort<Out, In> implements Port<Out, In> {
  readonly #clock: ProcessClock;
  readonly #random: Random;
  readonly #delays: PortDelays;
  readonly #inbox: { readonly at: number; readonly message: In }[] = [];
  #peer: SimulatedPort<In, Out> | undefined;
  #handler: ((message: In) => void) | undefined;
  #lastArrival = 0;
  /** The thread is busy with it: however late its end comes in a paused process, what follows comes later. */
  #held: In | undefined;
  #closed = false;

  constructor(clock: ProcessClock, random: Random, delays: PortDelays) {
    this.#clock = clock;
    this.#random = random;
    this.#delays = delays;
  }

  join(peer: SimulatedPort<In, Out>): void {
    this.#peer = peer;
  }

  post(message: Out): void {
    if (!this.#closed) this.#peer?.accept(message);
  }

  onMessage(handler: (message: In) => void): void {
    this.#handler = handler;
  }

  drain(): void {
    // What stands first is not carried out yet: nothing overtakes it.
    if (this.#held !== undefined) return;
    while (this.#isDue()) this.#deliverOne();
  }

  close(): void {
    this.#closed = true;
    this.#inbox.length = 0;
    this.#held = undefined;
  }

  accept(message: In): void {
    const { lowestMs, highestMs } = this.#delays;
    const delay = lowestMs + this.#random.float() * (highestMs - lowestMs);
    const now = this.#clock.now();
    this.#lastArrival = Math.max(this.#lastArrival, now + delay);
    this.#inbox.push({ at: this.#lastArrival, message });
    this.#clock.after(this.#lastArrival - now, () => this.#take());
  }

  #isDue(): boolean {
    return this.#inbox.length > 0 && this.#inbox[0].at <= this.#clock.now() + ROUNDING_MS;
  }

  /** The thread's own loop: takes what has arrived, unless it is busy. */
  #take(): void {
    while (this.#held === undefined && this.#isDue()) {
      const { holdRate, holdMs } = this.#delays;
      if (holdRate === 0 || this.#random.float() >= holdRate) this.#deliverOne();
      else this.#hold(this.#random.float() * holdMs);
    }
  }

  /** The first message is taken up now and carried out when so much time has passed. */
  #hold(durationMs: number): void {
    const next = this.#inbox.shift();
    this.#held = next?.message;
    this.#clock.after(durationMs, () => {
      const message = this.#held;
      this.#held = undefined;
      if (message !== undefined && !this.#closed) this.#handler?.(message);
      this.#take();
    });
  }

  #deliverOne(): void {
    const next = this.#inbox.shift();
    if (next !== undefined && !this.#closed) this.#handler?.(next.message);
  }
}

/** Two joined simulated ports of one process; the thread of the first one runs SQL, so it alone is held up. */
export function simulatedPorts<A, B>(
  clock: ProcessClock,
  random: Random,
  delays: PortDelays,
): readonly [Port<A, B>, Port<B, A>] {
  const left = new SimulatedPort<A, B>(clock, random, delays);
  const right = new SimulatedPort<B, A>(clock, random, { ...delays, holdRate: 0 });
  left.join(right);
  right.join(left);
  return [left, right];
}
