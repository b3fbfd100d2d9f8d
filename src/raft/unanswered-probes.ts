/** Different ends remembered; of more, the highest counts as the one below it. */
const ENDS_MAX = 64;

/**
 * Where the messages ended that one follower may still answer. An answer does not say what it answers, and one that was sent twice
 * may be answered twice, so each is taken for that of the message which ended lowest.
 */
export class UnansweredProbes {
  /** Ascending by end; how many messages ended there. */
  readonly #ends: { readonly end: number; count: number }[] = [];

  sent(end: number): void {
    const at = this.#ends.findIndex((each) => each.end >= end);
    if (at >= 0 && this.#ends[at].end === end) this.#ends[at].count++;
    else this.#ends.splice(at < 0 ? this.#ends.length : at, 0, { end, count: 1 });
    if (this.#ends.length <= ENDS_MAX) return;
    const highest = this.#ends.pop();
    this.#ends[ENDS_MAX - 1].count += highest?.count ?? 0;
  }

  /** A success came that reports so much: up to where it was compared at least. 0 = none was asked for. */
  answered(reported: number): number {
    const lowest = this.#ends[0];
    if (lowest === undefined) return 0;
    // Who is still writing what he was asked about tells again when it is written.
    if (reported >= lowest.end && --lowest.count === 0) this.#ends.shift();
    return lowest.end;
  }

  clear(): void {
    this.#ends.length = 0;
  }
}
