import { assert, type LogIndex, type Term } from '../base/index.ts';

/** What became of a proposed write (M1). */
export type Fate =
  | { readonly outcome: 'committed'; readonly index: LogIndex }
  | { readonly outcome: 'rolled-back' }
  | { readonly outcome: 'unknown' };

const ROLLED_BACK: Fate = { outcome: 'rolled-back' };
export const UNKNOWN: Fate = { outcome: 'unknown' };

/** The question what became of the entry (index, term); answered at most once, for everybody who asks. */
export class Watch {
  readonly index: LogIndex;
  readonly term: Term;
  #seen: Fate | undefined;
  #fate: Fate | undefined;
  #askers: ((fate: Fate) => void)[] = [];

  constructor(index: LogIndex, term: Term) {
    this.index = index;
    this.term = term;
  }

  get fate(): Fate | undefined {
    return this.#fate;
  }

  /** Calls `answer` once the fate is known; at once if it is. Returns a function that withdraws the question. */
  ask(answer: (fate: Fate) => void): () => void {
    if (this.#fate !== undefined) {
      answer(this.#fate);
      return () => undefined;
    }
    this.#askers.push(answer);
    return () => {
      this.#askers = this.#askers.filter((other) => other !== answer);
    };
  }

  /** Something with this term was committed at `index`; not yet trusted (see `FateBook.commit`). */
  see(term: Term): void {
    const fate: Fate =
      term === this.term ? { outcome: 'committed', index: this.index } : ROLLED_BACK;
    assert(
      this.#seen === undefined || this.#seen.outcome === fate.outcome,
      () => `two different entries were committed at ${this.index}`,
    );
    this.#seen = fate;
  }

  /** What was seen holds. True when that answers the question. */
  trust(): boolean {
    if (this.#seen === undefined) return false;
    this.settle(this.#seen);
    return true;
  }

  settle(fate: Fate): void {
    if (this.#fate !== undefined) return;
    this.#fate = fate;
    const askers = this.#askers;
    this.#askers = [];
    for (const answer of askers) answer(fate);
  }
}

/**
 * Entries proposed here whose leadership ended before they were committed. Their fate follows from the
 * commit index alone: that an entry was truncated from the local log proves nothing (M1).
 */
export class FateBook {
  #watches: Watch[] = [];

  get size(): number {
    return this.#watches.length;
  }

  watch(index: LogIndex, term: Term): Watch {
    const watch = new Watch(index, term);
    this.#watches.push(watch);
    return watch;
  }

  /**
   * The entry at `index` with `term` became committed while this node was in `currentTerm`. A fate is told
   * only when an entry of the committing leader's own term is committed at or above it: leaders without a
   * barrier (dqlite 1.11) call entries of older terms committed that may still be lost.
   */
  commit(index: LogIndex, term: Term, currentTerm: Term): void {
    assert(term <= currentTerm, () => `entry ${index} of term ${term} in term ${currentTerm}`);
    if (this.#watches.length === 0) return;
    for (const watch of this.#watches) if (watch.index === index) watch.see(term);
    if (term !== currentTerm) return;
    this.#watches = this.#watches.filter((watch) => watch.index > index || !watch.trust());
  }

  /** A snapshot that contains everything up to `index`, whose last entry has `term`, was installed. */
  snapshot(index: LogIndex, term: Term): void {
    this.#watches = this.#watches.filter((watch) => {
      if (watch.index > index) return true;
      if (!watch.trust()) watch.settle(fateBySnapshot(watch, term));
      return false;
    });
  }

  /** Nobody will learn more, for example because the node stops. */
  abandon(): void {
    const watches = this.#watches;
    this.#watches = [];
    for (const watch of watches) watch.settle(UNKNOWN);
  }
}

/** Terms do not fall along the log, and equal (index, term) means an equal prefix. */
function fateBySnapshot(watch: Watch, snapshotTerm: Term): Fate {
  if (snapshotTerm === watch.term) return { outcome: 'committed', index: watch.index };
  return snapshotTerm < watch.term ? ROLLED_BACK : UNKNOWN;
}
