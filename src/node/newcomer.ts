import type { Role } from '../base/index.ts';

export interface NewcomerOptions {
  /** Asks the node at this address for the role of this node; undefined = no answer. Never rejects. */
  ask(address: string): Promise<Role | 'none' | undefined>;
  /** This node is a voter without a log: it may have acknowledged what is gone. */
  refuse(): void;
}

/**
 * A node without a log, before it takes the log of a leader. A member becomes a voter only when it has caught up: one that is a voter
 * and has no log has lost it, with what it had acknowledged and whom it had voted for, and must neither vote nor acknowledge under
 * this id (M15). What was told at the start does not show that: `--start wait` is right for a fresh directory and says the same in
 * a wiped one. So the leader is asked first; nothing is kept, since a restart finds the log empty again.
 */
export class Newcomer {
  readonly #options: NewcomerOptions;
  #verdict: 'unknown' | 'asking' | 'admitted' | 'refused' = 'unknown';
  #held: (() => void) | undefined;

  constructor(options: NewcomerOptions) {
    this.#options = options;
  }

  /**
   * A leader speaks. True when its log may be taken; else `again` is called when that has turned out, unless something newer is held
   * by then.
   */
  admits(address: string, again: (() => void) | undefined): boolean {
    if (this.#verdict === 'admitted' || this.#verdict === 'refused') return true;
    this.#held = again ?? this.#held;
    if (this.#verdict === 'unknown') this.#ask(address);
    return false;
  }

  #ask(address: string): void {
    this.#verdict = 'asking';
    void this.#options.ask(address).then((role) => {
      this.#verdict = role === undefined ? 'unknown' : role === 'voter' ? 'refused' : 'admitted';
      const held = this.#held;
      this.#held = undefined;
      if (this.#verdict === 'refused') this.#options.refuse();
      if (this.#verdict !== 'unknown') held?.();
    });
  }
}
