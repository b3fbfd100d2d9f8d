import type { LogIndex } from '../base/index.ts';

export type Confirmed = (index: LogIndex | undefined) => void;
export type Level = 'linearizable' | 'lease';

/** Gathers what is asked in a turn into one question, which is put after all of it was asked. */
export class Confirmations {
  readonly #ask: (level: Level, done: Confirmed) => void;
  readonly #waiting: Record<Level, Confirmed[]> = { linearizable: [], lease: [] };

  constructor(ask: (level: Level, done: Confirmed) => void) {
    this.#ask = ask;
  }

  ask(level: Level, done: Confirmed): void {
    const waiting = this.#waiting[level];
    waiting.push(done);
    if (waiting.length === 1) setImmediate(() => this.#put(level));
  }

  #put(level: Level): void {
    const asked = this.#waiting[level];
    this.#waiting[level] = [];
    this.#ask(level, (index) => {
      for (const done of asked) done(index);
    });
  }
}
