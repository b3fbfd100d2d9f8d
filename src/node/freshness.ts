import type { LogIndex } from '../base/index.ts';

/**
 * How old this replica's state is (DESIGN, level `local`): on a follower judged by what the leader said, and when that arrived; on the
 * leader by its read rounds, and when they began.
 */
export class Freshness {
  /** Clock.now() when everything then committed was known and applied here; −Infinity = never. */
  #freshAt = Number.NEGATIVE_INFINITY;
  /** The oldest word of the leader that is not applied yet. */
  #pending: { readonly commit: LogIndex; readonly at: number } | undefined;
  #leaderCommit = 0;

  /** Everything that was committed at the time `at` is at or below `commit`. */
  heard(commit: LogIndex, applied: LogIndex, at: number): void {
    if (commit > this.#leaderCommit) this.#leaderCommit = commit;
    if (applied >= commit) {
      this.#freshAt = Math.max(this.#freshAt, at);
      this.#pending = undefined;
    } else {
      this.#pending ??= { commit, at };
    }
  }

  applied(index: LogIndex): void {
    if (this.#pending === undefined || index < this.#pending.commit) return;
    this.#freshAt = Math.max(this.#freshAt, this.#pending.at);
    this.#pending = undefined;
  }

  /** Age in ms, Infinity when the leader was never heard; entries committed and not applied. */
  at(now: number, applied: LogIndex): { readonly ageMs: number; readonly lag: number } {
    return { ageMs: now - this.#freshAt, lag: Math.max(0, this.#leaderCommit - applied) };
  }
}
