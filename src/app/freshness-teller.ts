import type { Timer } from '../base/index.ts';
import { systemClock } from '../net/index.ts';
import type { Node } from '../node/index.ts';
import { type FreshnessWord, nowMs } from './freshness-word.ts';

/** Without a pulse for so long it writes by itself: a leader without followers, or nobody leads. */
const INTERVAL_MS = 150;

/**
 * Keeps the freshness word up to date: whenever entries were applied, and when leader and others speak to each other, every 100 ms by default.
 * So an age read from it is up to a heartbeat (and on the leader a read round) too high; it grows when consensus stands still.
 */
export class FreshnessTeller {
  readonly #node: Pick<Node, 'freshness'>;
  readonly #word: FreshnessWord;
  readonly #offs: readonly (() => void)[];
  #timer: Timer | undefined;

  constructor(node: Pick<Node, 'freshness' | 'on' | 'onPulse'>, word: FreshnessWord) {
    this.#node = node;
    this.#word = word;
    const applied = node.on((event) => {
      if (event.kind === 'applied') this.#write();
    });
    this.#offs = [applied, node.onPulse(() => this.#tick())];
    this.#tick();
  }

  stop(): void {
    for (const off of this.#offs) off();
    this.#timer?.cancel();
  }

  #tick(): void {
    this.#write();
    this.#timer?.cancel();
    this.#timer = systemClock.after(INTERVAL_MS, () => this.#tick());
  }

  #write(): void {
    const { applied, ageMs, lag } = this.#node.freshness();
    this.#word.write({ applied, commit: applied + lag, freshAtMs: nowMs() - ageMs });
  }
}
