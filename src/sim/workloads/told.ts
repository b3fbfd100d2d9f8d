import type { Fate } from '../checkers/index.ts';

const PROBED = 20;

/** What clients were told about the rows they inserted. */
export class History {
  readonly told = new Map<number, Fate>();
  reads = 0;
  #lastId = 0;
  readonly #recent: number[] = [];

  nextId(): number {
    return ++this.#lastId;
  }

  tell(id: number, fate: Fate): void {
    this.told.set(id, fate);
    if (fate !== 'ok') return;
    this.#recent.push(id);
    if (this.#recent.length > PROBED) this.#recent.shift();
  }

  /** The rows that were acknowledged last. */
  recent(): number[] {
    return [...this.#recent];
  }

  /** How many have this fate. */
  count(fate: Fate): number {
    let count = 0;
    for (const each of this.told.values()) if (each === fate) count++;
    return count;
  }
}
