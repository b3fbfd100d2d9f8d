import type { Random } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Mix } from './mix.ts';
import type { Actor } from './workload.ts';

/** One client: random operations one after another. */
export class Client implements Actor {
  readonly number: number;
  readonly database: Database;
  readonly random: Random;
  readonly #mix: Mix;
  readonly #scheduler: Scheduler;
  readonly #thinkMs: number;
  #stopped = false;

  constructor(parts: {
    readonly number: number;
    readonly database: Database;
    readonly random: Random;
    readonly mix: Mix;
    readonly scheduler: Scheduler;
    readonly thinkMs: number;
  }) {
    this.number = parts.number;
    this.database = parts.database;
    this.random = parts.random;
    this.#mix = parts.mix;
    this.#scheduler = parts.scheduler;
    this.#thinkMs = parts.thinkMs;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#mix.step(this);
      await this.pause();
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  now(): number {
    return this.#scheduler.now();
  }

  pause(): Promise<void> {
    const pause = this.random.float() * 2 * this.#thinkMs;
    return new Promise((resolve) => this.#scheduler.after(pause, resolve));
  }
}
