import { assert, type LogIndex, type Port, type Term } from '../base/index.ts';
import type { FromMachine, ToMachine } from '../machine/index.ts';
import type { Gate } from './gate.ts';
import type { LiveSeal, SealBook } from './seal-book.ts';

type Seal = Extract<FromMachine, { readonly kind: 'seal' }>;

export interface LeadershipEvents {
  /** Give the core a proposal; `accepted` or `refused` comes with the tag. */
  propose(term: Term, command: Uint8Array, tag: number): void;
  /** Last index in the log of this node. */
  lastIndex(): LogIndex;
  /** Everything before this leadership is applied: transactions may start. */
  led(): void;
  /** The machine was told to revert. */
  ended(): void;
}

/**
 * The epochs of this node (M2): when the machine may execute, which seals may be proposed, and what is
 * taken back. An epoch is one leadership, or the part of one after a proposal was refused: the machine then
 * reverts and starts again on what is committed, so that no page difference meets another base than its own.
 */
export class Leadership {
  readonly #port: Port<ToMachine, FromMachine>;
  readonly #seals: SealBook;
  readonly #gate: Gate;
  readonly #events: LeadershipEvents;
  #epoch = 0;
  #term: Term | undefined;
  /** The epoch begins when this is applied; undefined = it has begun, or there is none. */
  #baseIndex: LogIndex | undefined;
  #led = false;
  #queue: Seal[] = [];
  #proposed: { readonly tag: number; readonly seal: Seal } | undefined;
  #tag = 0;
  #entries = 0;
  #transactions = 0;

  constructor(
    port: Port<ToMachine, FromMachine>,
    seals: SealBook,
    gate: Gate,
    events: LeadershipEvents,
  ) {
    this.#port = port;
    this.#seals = seals;
    this.#gate = gate;
    this.#events = events;
  }

  /** The machine executes transactions. */
  get led(): boolean {
    return this.#led;
  }

  get counters(): { readonly entriesProposed: number; readonly transactionsProposed: number } {
    return { entriesProposed: this.#entries, transactionsProposed: this.#transactions };
  }

  /** The core became leader of `term`; its barrier, if it needs one, is in the log. */
  begin(term: Term): void {
    assert(this.#term === undefined, 'a leadership begins within another one');
    this.#term = term;
    this.#await();
  }

  /** The core is leader no more. */
  end(): void {
    this.#term = undefined;
    this.#stop();
  }

  /** The machine has applied up to `index`; `idle` when no committed entry waits to be applied. */
  applied(index: LogIndex, idle: boolean): void {
    if (this.#baseIndex === undefined || index < this.#baseIndex || !idle) return;
    this.#baseIndex = undefined;
    this.#led = true;
    this.#seals.begin(this.#epoch, index);
    this.#port.post({ kind: 'lead', epoch: this.#epoch });
    this.#events.led();
  }

  seal(seal: Seal): void {
    // Of an epoch that is over: the machine has been told, and takes it back.
    if (!this.#led || seal.epoch !== this.#epoch) return;
    this.#queue.push(seal);
    this.#propose();
  }

  accepted(tag: number, index: LogIndex, term: Term): void {
    const proposed = this.#proposed;
    assert(proposed?.tag === tag, 'an unknown proposal was accepted');
    this.#proposed = undefined;
    const { epoch, database, sequence, transactions } = proposed.seal;
    assert(this.#led && epoch === this.#epoch, 'a proposal of another epoch was accepted');
    this.#seals.accept({ epoch, database, sequence, index, term });
    this.#entries++;
    this.#transactions += transactions;
    this.#propose();
  }

  refused(tag: number): void {
    const proposed = this.#proposed;
    if (proposed?.tag !== tag) return;
    this.#proposed = undefined;
    // Everything after it stands on it: the epoch is broken, the leadership may go on.
    this.#stop();
    if (this.#term !== undefined) this.#await();
  }

  /** The entry at `index` is committed: true when it was a live seal and is now published. */
  committed(index: LogIndex, term: Term): boolean {
    if (!this.#led) return false;
    const seal: LiveSeal | undefined = this.#seals.commit(index, term);
    // Posted before any answer leaves: what its owner asks the machine next must not overtake the publication.
    if (seal !== undefined) {
      const { epoch, database, sequence } = seal;
      this.#port.post({ kind: 'publish', epoch, database, sequence, index });
    }
    this.#gate.committed(index);
    if (seal === undefined) return false;
    this.#gate.published(seal.database, seal.sequence);
    return true;
  }

  #await(): void {
    this.#epoch++;
    this.#baseIndex = this.#events.lastIndex();
  }

  #stop(): void {
    this.#queue = [];
    this.#proposed = undefined;
    this.#baseIndex = undefined;
    if (!this.#led) return;
    this.#led = false;
    this.#seals.end();
    // Posted before anything is applied that others have committed.
    this.#port.post({ kind: 'unlead', epoch: this.#epoch });
    this.#gate.endEpoch();
    this.#events.ended();
  }

  /** One at a time: what follows a refused proposal must not be accepted. */
  #propose(): void {
    while (this.#proposed === undefined && this.#led) {
      const seal = this.#queue.shift();
      if (seal === undefined) return;
      const tag = ++this.#tag;
      this.#proposed = { tag, seal };
      if (!this.#seals.isNext(seal.epoch, seal.database, seal.sequence)) {
        this.refused(tag);
        return;
      }
      assert(this.#term !== undefined);
      this.#events.propose(this.#term, seal.command, tag);
      if (this.#proposed?.tag === tag) return;
    }
  }
}
