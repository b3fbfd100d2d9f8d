import { assert, PAGE_SIZE_BYTES, type Timer } from '../base/index.ts';
import type { Seal } from '../pages/index.ts';
import { encodeFrames } from '../wire/index.ts';
import { deletionCommand } from './deletion.ts';
import type { MachineCore } from './machine-core.ts';
import type { MachineDatabase } from './machine-database.ts';
import { SealPace } from './seal-pace.ts';

/**
 * Turns heads into entries. It works while SQL runs too: a head never contains the pages of an open transaction, so
 * sealing waits for nobody (M5).
 */
export class Sealer {
  readonly #core: MachineCore;
  readonly #pace: SealPace;
  #timer: Timer | undefined;
  /** Names of databases in the order of their turns: the one that sealed last goes to the end. */
  readonly #turns = new Set<string>();

  constructor(core: MachineCore) {
    this.#core = core;
    this.#pace = new SealPace(core.clock, core.limits.sealWindow, core.limits.sealBytes);
  }

  get inFlight(): number {
    return this.#pace.inFlight;
  }

  /** Seals what may be sealed now, and comes back by itself when the pace allows more. True when it sealed something. */
  run(): boolean {
    if (this.#core.epoch === undefined) return false;
    let sealed = false;
    for (;;) {
      let wait = Number.POSITIVE_INFINITY;
      let chosen: MachineDatabase | undefined;
      for (const database of this.#candidates()) {
        wait = Math.min(wait, this.#pace.wait(database.store.unsealedPages * PAGE_SIZE_BYTES));
        if (wait > 0) continue;
        chosen = database;
        break;
      }
      if (chosen === undefined) {
        this.#comeBack(wait);
        return sealed;
      }
      this.#seal(chosen);
      sealed = true;
    }
  }

  /** Seals everything at once, whatever the pace says: before a transfer (S1). */
  sealAll(): void {
    if (this.#core.epoch === undefined) return;
    for (const database of [...this.#candidates()]) this.#seal(database);
  }

  *#candidates(): Iterable<MachineDatabase> {
    const { databases } = this.#core;
    for (const database of databases.values()) {
      if (this.#turns.has(database.name) || !database.store.hasUnsealed) continue;
      yield database;
    }
    for (const name of [...this.#turns]) {
      const database = databases.get(name);
      if (database === undefined) this.#turns.delete(name);
      else if (database.store.hasUnsealed) yield database;
    }
  }

  /** Proposes the deletion of a database, after everything that was committed into its head. */
  delete(database: MachineDatabase): void {
    if (database.store.hasUnsealed) this.#seal(database);
    database.deleting = true;
    this.#propose(database, undefined, 1, deletionCommand(database));
  }

  #comeBack(wait: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (wait === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#core.after(wait, () => void this.run());
  }

  #seal(database: MachineDatabase): void {
    const seal = database.store.seal();
    assert(seal !== undefined, 'a head that differs has a difference');
    let i = 0;
    const command = encodeFrames(database.name, seal.pageNumbers, (_, target) => {
      seal.copyImage(i++, target, 0);
    });
    const transactions = database.unsealedTransactions;
    database.unsealedTransactions = 0;
    this.#turns.delete(database.name);
    this.#turns.add(database.name);
    this.#propose(database, seal, transactions, command);
  }

  #propose(
    database: MachineDatabase,
    seal: Seal | undefined,
    transactions: number,
    command: Uint8Array<ArrayBuffer>,
  ): void {
    const { epoch, post } = this.#core;
    assert(epoch !== undefined, 'a seal without leadership');
    const sequence = ++database.sequence;
    database.inFlight.push({ sequence, seal });
    database.seals++;
    this.#pace.sealed();
    post({ kind: 'seal', epoch, database: database.name, sequence, transactions, command }, [
      command.buffer,
    ]);
  }

  /** A seal was published; more may be sealed. */
  published(): void {
    this.#pace.published();
  }

  /** What was in flight is so no more. */
  dropped(): void {
    this.#pace.dropped();
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
