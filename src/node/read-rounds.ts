import { type Clock, type LogIndex, Numbered } from '../base/index.ts';
import type { ReadFailure } from '../raft/index.ts';

export interface ReadAsker {
  confirmed(index: LogIndex): void;
  failed(reason: ReadFailure): void;
}

/** Rounds under way at most; a read that finds so many waits and shares the next one. */
const ROUNDS = 2;
/**
 * How long a round is under way before a second one begins beside it, in ms. Where peers are near it has ended by then: reads gather for the next,
 * which costs as much for one as for many. Where they are far, a read does not wait for a whole round before its own.
 */
const APART_MS = 1;

export interface ReadRoundsOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Gives the core a `read` with this tag. */
  begin(tag: number): void;
}

/** Gathers reads into rounds: a round serves every read that arrived before it began (M6). */
export class ReadRounds {
  readonly #options: ReadRoundsOptions;
  readonly #running = new Numbered<readonly ReadAsker[]>();
  #waiting: ReadAsker[] = [];
  #tag = 0;
  #begun = 0;
  #begunAt = Number.NEGATIVE_INFINITY;

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
    for (const asker of this.#ended(tag)) asker.confirmed(index);
    this.#next();
  }

  failed(tag: number, reason: ReadFailure): void {
    for (const asker of this.#ended(tag)) asker.failed(reason);
    this.#next();
  }

  #ended(tag: number): readonly ReadAsker[] {
    const askers = this.#running.get(tag) ?? [];
    this.#running.delete(tag);
    return askers;
  }

  #next(): void {
    if (this.#waiting.length === 0 || this.#running.size >= ROUNDS) return;
    const now = this.#options.clock.now();
    if (this.#running.size > 0 && now - this.#begunAt < APART_MS) return;
    const tag = ++this.#tag;
    this.#begunAt = now;
    this.#running.set(tag, this.#waiting);
    this.#waiting = [];
    this.#begun++;
    this.#options.begin(tag);
  }
}
