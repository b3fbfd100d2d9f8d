import type { Random } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import type { Mix } from './mix.ts';
import type { ParticipantHost } from './schema-copy.ts';
import type { Actor, PlainSession } from './workload.ts';

/** So many operations a client makes in a rush. */
const RUSH_OPERATIONS = 4;

/** Time as a client sees it: simulated or real, in milliseconds. */
export interface ClientTime {
  now(): number;
  after(delayMs: number, run: () => void): unknown;
}

/** One client: random operations one after another. */
export class Client implements Actor {
  readonly number: number;
  readonly database: Database;
  readonly random: Random;
  readonly plainSession: () => Promise<PlainSession | undefined>;
  readonly participants: ParticipantHost | undefined;
  readonly #mix: Pick<Mix, 'step'>;
  readonly #time: ClientTime;
  readonly #thinkMs: number;
  #stopped = false;
  /** What the operations that are left of a rush are drawn by. */
  #rush = { left: 0, draw: 0 };
  #wake: () => void = () => undefined;

  constructor(parts: {
    readonly number: number;
    readonly database: Database;
    readonly random: Random;
    readonly mix: Pick<Mix, 'step'>;
    readonly time: ClientTime;
    readonly thinkMs: number;
    readonly plainSession: () => Promise<PlainSession | undefined>;
    readonly participants?: ParticipantHost | undefined;
  }) {
    this.number = parts.number;
    this.database = parts.database;
    this.random = parts.random;
    this.#mix = parts.mix;
    this.#time = parts.time;
    this.#thinkMs = parts.thinkMs;
    this.plainSession = parts.plainSession;
    this.participants = parts.participants;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      if (this.#rush.left > 0) {
        this.#rush.left--;
        await this.#mix.step(this, this.#rush.draw);
      } else {
        await this.#mix.step(this);
        await this.#rest();
      }
    }
  }

  /**
   * The next operations come at once and without pauses, of a workload that is the same for the same `draw`: what a leader answers
   * wrongly in its last moments shows only when answers rest on each other's writes.
   */
  rush(draw: number): void {
    this.#rush = { left: RUSH_OPERATIONS, draw };
    this.#wake();
  }

  /** A pause between two operations, which a rush ends. */
  #rest(): Promise<void> {
    return Promise.race([this.pause(), new Promise<void>((resolve) => (this.#wake = resolve))]);
  }

  stop(): void {
    this.#stopped = true;
  }

  now(): number {
    return this.#time.now();
  }

  pause(): Promise<void> {
    const pause = this.random.float() * 2 * this.#thinkMs;
    return new Promise((resolve) => this.#time.after(pause, resolve));
  }
}
