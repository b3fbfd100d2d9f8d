import type { Node } from '../node/index.ts';
import { type FreshnessWord, nowMs } from './freshness-word.ts';

/**
 * Keeps the freshness word up to date: whenever entries were applied, and when leader and others have heard each other, every 100 ms by default.
 * So an age read from it is up to a heartbeat too high; it grows when consensus stands still.
 */
export class FreshnessTeller {
  readonly #node: Pick<Node, 'freshness'>;
  readonly #word: FreshnessWord;
  readonly #offs: readonly (() => void)[];

  constructor(node: Pick<Node, 'freshness' | 'on' | 'onPulse'>, word: FreshnessWord) {
    this.#node = node;
    this.#word = word;
    const applied = node.on((event) => {
      if (event.kind === 'applied') this.#write();
    });
    this.#offs = [applied, node.onPulse(() => this.#write())];
    this.#write();
  }

  stop(): void {
    for (const off of this.#offs) off();
  }

  #write(): void {
    const { applied, ageMs, lag } = this.#node.freshness();
    this.#word.write({ applied, commit: applied + lag, freshAtMs: nowMs() - ageMs });
  }
}
