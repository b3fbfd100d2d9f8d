import type { Timer } from '../base/index.ts';
import { handedOver } from './failure.ts';
import type { MachineCore } from './machine-core.ts';
import type { Sealer } from './sealer.ts';
import type { TransactionKeeper } from './transaction-keeper.ts';
import type { WriteQueue } from './write-queue.ts';

/** Empties the machine before leadership is handed over (S1): C followers are never shown a head that cannot be proposed. */
export class Drainer {
  readonly #core: MachineCore;
  readonly #keeper: TransactionKeeper;
  readonly #queue: WriteQueue;
  readonly #sealer: Sealer;
  #id: number | undefined;
  #timer: Timer | undefined;

  constructor(core: MachineCore, keeper: TransactionKeeper, queue: WriteQueue, sealer: Sealer) {
    this.#core = core;
    this.#keeper = keeper;
    this.#queue = queue;
    this.#sealer = sealer;
  }

  begin(id: number, graceMs: number): void {
    const { guard, clock } = this.#core;
    guard.graceEnd = Math.min(guard.graceEnd, clock.now() + graceMs);
    this.#core.draining = true;
    this.#id = id;
    this.#timer?.cancel();
    this.#timer = this.#core.after(graceMs, () => this.#abortAll());
  }

  #abortAll(): void {
    for (const session of [...this.#core.allSessions()]) {
      this.#keeper.abort(session, handedOver());
    }
  }

  /** At the end of every turn: seals and reports once no transaction is open. */
  run(): void {
    if (this.#id === undefined) return;
    for (const session of this.#core.allSessions()) if (session.inTransaction) return;
    this.#timer?.cancel();
    this.#sealer.sealAll();
    this.#core.post({ kind: 'drained', id: this.#id });
    this.#id = undefined;
  }

  end(): void {
    this.#timer?.cancel();
    this.#id = undefined;
    this.#core.draining = false;
    this.#core.guard.graceEnd = Number.POSITIVE_INFINITY;
    this.#queue.woken = true;
  }
}
