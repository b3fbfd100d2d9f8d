import type { Timer } from '../base/index.ts';
import { systemClock } from '../net/index.ts';
import type { Node } from '../node/index.ts';
import { type FreshnessWord, nowMs } from './freshness-word.ts';

const INTERVAL_MS = 100;

/**
 * Keeps the freshness word up to date: whenever entries were applied, and every 100 ms for what heartbeats tell. So an age read
 * from it is up to 100 ms (and a heartbeat, or on the leader a read round) too high; it grows when consensus stands still.
 */
export class FreshnessTeller {
  readonly #node: Pick<Node, 'freshness'>;
  readonly #word: FreshnessWord;
  readonly #off: () => void;
  #timer: Timer | undefined;

  constructor(node: Pick<Node, 'freshness' | 'on'>, word: FreshnessWord) {
    this.#node = node;
    this.#word = word;
    this.#off = node.on((event) => {
      if (event.kind === 'applied') this.#write();
    });
    this.#tick();
  }

  stop(): void {
    this.#off();
    this.#timer?.cancel();
  }

  #tick(): void {
    this.#write();
    this.#timer = systemClock.after(INTERVAL_MS, () => this.#tick());
  }

  #write(): void {
    const { applied, ageMs, lag } = this.#node.freshness();
    this.#word.write({ applied, commit: applied + lag, freshAtMs: nowMs() - ageMs });
  }
}
