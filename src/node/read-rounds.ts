import type { LogIndex } from '../base/index.ts';
import type { ReadFailure } from '../raft/index.ts';

export interface ReadAsker {
  confirmed(index: LogIndex): void;
  failed(reason: ReadFailure): void;
}

/** Rounds under way at most; a read that finds so many waits and shares the next one. */
const ROUNDS = 2;

/** Gathers reads into rounds: a round serves every read that arrived before it began (M6). */
export class ReadRounds {
  readonly #begin: (tag: number) => void;
  readonly #running = new Map<number, readonly ReadAsker[]>();
  #waiting: ReadAsker[] = [];
  #tag = 0;
  #begun = 0;

  /** `begin` gives the core a `read` with this tag. */
  constructor(begin: (tag: number) => void) {
    this.#begin = begin;
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
    const askers = this.#running.get(tag) ?? [];
    this.#running.delete(tag);
    for (const asker of askers) asker.confirmed(index);
    this.#next();
  }

  failed(tag: number, reason: ReadFailure): void {
    const askers = this.#running.get(tag) ?? [];
    this.#running.delete(tag);
    for (const asker of askers) asker.failed(reason);
    this.#next();
  }

  #next(): void {
    if (this.#waiting.length === 0 || this.#running.size >= ROUNDS) return;
    const tag = ++this.#tag;
    this.#running.set(tag, this.#waiting);
    this.#waiting = [];
    this.#begun++;
    this.#begin(tag);
  }
}
