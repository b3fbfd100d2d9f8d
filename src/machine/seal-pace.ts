import { assert, type Clock } from '../base/index.ts';

/** Weight of a new sample in the smoothed round trip, as TCP has it. */
const SAMPLE_WEIGHT = 1 / 8;

/**
 * When to seal (M13, S17): at once when nothing is in flight, else not sooner than the round trip
 * divided by the window after the last seal, or when enough bytes have come together; never above the window.
 * Greedy sealing would let the first free place take everything and leave one row for each of the next.
 */
export class SealPace {
  readonly #clock: Clock;
  readonly #window: number;
  readonly #bytes: number;
  /** Times of the seals in flight, oldest first: they are published in the order in which they were proposed. */
  readonly #sealedAt: number[] = [];
  #lastSealAt = Number.NEGATIVE_INFINITY;
  #roundTripMs = 0;

  constructor(clock: Clock, window: number, bytes: number) {
    assert(window >= 1 && bytes >= 1, 'the window is positive');
    this.#clock = clock;
    this.#window = window;
    this.#bytes = bytes;
  }

  get inFlight(): number {
    return this.#sealedAt.length;
  }

  /** Milliseconds until `unsealedBytes` may be sealed; Infinity = not before a publication. */
  wait(unsealedBytes: number): number {
    if (this.#sealedAt.length === 0) return 0;
    if (this.#sealedAt.length >= this.#window) return Number.POSITIVE_INFINITY;
    if (unsealedBytes >= this.#bytes) return 0;
    const due = this.#lastSealAt + this.#roundTripMs / this.#window;
    return Math.max(0, due - this.#clock.now());
  }

  sealed(): void {
    this.#lastSealAt = this.#clock.now();
    this.#sealedAt.push(this.#lastSealAt);
  }

  published(): void {
    const sealedAt = this.#sealedAt.shift();
    assert(sealedAt !== undefined, 'a publication without a seal in flight');
    const sample = Math.max(0, this.#clock.now() - sealedAt);
    this.#roundTripMs =
      this.#roundTripMs === 0
        ? sample
        : this.#roundTripMs + (sample - this.#roundTripMs) * SAMPLE_WEIGHT;
  }

  /** What was in flight is so no more. */
  dropped(): void {
    this.#sealedAt.length = 0;
  }
}
