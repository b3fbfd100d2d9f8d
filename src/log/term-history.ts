import { assert, type Entry } from '../base/index.ts';

/** Which term each entry of the log has, kept as the positions where the term changes. */
export class TermHistory {
  #changes: { readonly index: number; readonly term: number }[];

  /** `index`, `term`: the position before the first entry (a snapshot, or 0 and 0). */
  constructor(index: number, term: number) {
    this.#changes = [{ index, term }];
  }

  append(first: number, entries: readonly Entry[]): void {
    entries.forEach((entry, at) => {
      if (entry.term === this.#changes.at(-1)?.term) return;
      this.#changes.push({ index: first + at, term: entry.term });
    });
  }

  /** Forgets everything after `index`. */
  truncate(index: number): void {
    while (this.#changes.length > 1 && (this.#changes.at(-1)?.index ?? 0) > index) {
      this.#changes.pop();
    }
  }

  reset(index: number, term: number): void {
    this.#changes = [{ index, term }];
  }

  /** Term of the entry at an index that is in the log. */
  at(index: number): number {
    let found: number | undefined;
    for (const change of this.#changes) if (change.index <= index) found = change.term;
    assert(found !== undefined, () => `no term is known for entry ${index}`);
    return found;
  }
}
