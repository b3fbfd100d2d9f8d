import type { Port, Random } from '../base/index.ts';
import type { ProcessClock } from './scheduler.ts';

/** How long messages take between two simulated threads (M9). 0 = inline calls. */
export interface PortDelays {
  readonly lowestMs: number;
  readonly highestMs: number;
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
    while (this.#inbox.length > 0 && this.#inbox[0].at <= this.#clock.now() + ROUNDING_MS) {
      this.#deliverOne();
    }
  }

  close(): void {
    this.#closed = true;
    this.#inbox.length = 0;
  }

  accept(message: In): void {
    const { lowestMs, highestMs } = this.#delays;
    const delay = lowestMs + this.#random.float() * (highestMs - lowestMs);
    const now = this.#clock.now();
    this.#lastArrival = Math.max(this.#lastArrival, now + delay);
    this.#inbox.push({ at: this.#lastArrival, message });
    this.#clock.after(this.#lastArrival - now, () => this.drain());
  }

  #deliverOne(): void {
    const next = this.#inbox.shift();
    if (next !== undefined && !this.#closed) this.#handler?.(next.message);
  }
}

/** Two joined simulated ports of one process. */
export function simulatedPorts<A, B>(
  clock: ProcessClock,
  random: Random,
  delays: PortDelays,
): readonly [Port<A, B>, Port<B, A>] {
  const left = new SimulatedPort<A, B>(clock, random, delays);
  const right = new SimulatedPort<B, A>(clock, random, delays);
  left.join(right);
  right.join(left);
  return [left, right];
}
