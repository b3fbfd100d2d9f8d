import { type Clock, type LogIndex, Numbered } from '../base/index.ts';
import type { ReadFailure } from '../raft/index.ts';

export interface ReadAsker {
  confirmed(index: LogIndex): void;
  failed(reason: ReadFailure): void;
}

/** Rounds under way at most; a read that finds so many waits and shares the next one. */
const ROUNDS = 2;

export interface ReadRoundsOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Gives the core a `read` with this tag. */
  begin(tag: number): void;
  /** Everything committed when the round began, at `at`, is at or below `index`. */
  current(index: LogIndex, at: number): void;
}

interface Round {
  readonly askers: readonly ReadAsker[];
  readonly begunAt: number;
}

/** Gathers reads into rounds: a round serves every read that arrived before it began (M6). */
export class ReadRounds {
  readonly #options: ReadRoundsOptions;
  readonly #running = new Numbered<Round>();
  #waiting: ReadAsker[] = [];
  #tag = 0;
  #begun = 0;

  constructor(options: ReadRoundsOptions) {
    this.#options = options;
  }

  /** Rounds begun since the start. */
  get count(): number {
    return this.#begun;
  }

  ask(asker: ReadAsker): void {
    this.#waiting.push(asker);
    this.#next();
  }

  confirmed(tag: number, index: LogIndex): void {
    const round = this.#running.get(tag);
    this.#running.delete(tag);
    if (round === undefined) return;
    this.#options.current(index, round.begunAt);
    for (const asker of round.askers) asker.confirmed(index);
    this.#next();
  }

  failed(tag: number, reason: ReadFailure): void {
    const round = this.#running.get(tag);
    this.#running.delete(tag);
    for (const asker of round?.askers ?? []) asker.failed(reason);
    this.#next();
  }

  #next(): void {
    if (this.#waiting.length === 0 || this.#running.size >= ROUNDS) return;
    const tag = ++this.#tag;
    this.#running.set(tag, { askers: this.#waiting, begunAt: this.#options.clock.now() });
    this.#waiting = [];
    this.#begun++;
    this.#options.begin(tag);
  }
}
