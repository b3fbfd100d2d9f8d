import { assert, type LogIndex, Numbered } from '../base/index.ts';
import type { Answer } from '../machine/index.ts';
import type { Watch } from './fate.ts';
import type { SealBook, Verdict } from './seal-book.ts';

/** Charged for an answer besides its rows. */
const ANSWER_BYTES = 256;

/** How a request ends whose answers were made on a version that was not committed in time. */
export type Loss =
  /** It changed nothing: it may be repeated. */
  | { readonly kind: 'nothing-written' }
  /** What it wrote was never appended. */
  | { readonly kind: 'dropped'; readonly end: Answer }
  /** What it wrote is committed after all: the answers hold. */
  | { readonly kind: 'committed'; readonly index: LogIndex; readonly answers: readonly Answer[] }
  /** What it wrote was appended; nobody knows yet. */
  | { readonly kind: 'undecided'; readonly watch: Watch; readonly answers: readonly Answer[] };

/** What the gate tells the owner of a request. */
export interface GateOwner {
  /** An answer may leave. `index`: what it saw, or where it stands in the log. */
  release(answer: Answer, index: LogIndex): void;
  /** The answers held need a leadership confirmed after the request arrived: start a read round, then `confirm`. */
  wantsConfirmation(): void;
  /** All answers have arrived and cannot leave as they are. Nothing follows. */
  lost(loss: Loss): void;
}

/** The answers of one request on their way out. */
export class Held {
  readonly owner: GateOwner;
  /** Last index of the log when the request arrived. */
  readonly arrivalIndex: LogIndex;
  readonly answers: Answer[] = [];
  confirmed: boolean;
  asked = false;
  lost = false;
  bytes = 0;
  /** Among those that wait for confirmation; 0 = not among them. */
  unconfirmed = 0;

  constructor(owner: GateOwner, arrivalIndex: LogIndex, confirmed: boolean) {
    this.owner = owner;
    this.arrivalIndex = arrivalIndex;
    this.confirmed = confirmed;
  }
}

/**
 * The output gate (M5): an answer leaves when the version it has seen is published and leadership is known
 * to have held after its request arrived, in order per request. Pure: a function of the calls made to it.
 */
export class Gate {
  readonly #seals: SealBook;
  readonly #limitBytes: number;
  readonly #onFull: (full: boolean) => void;
  /** Requests whose next answer waits for a seal, by database and sequence, of the current epoch. */
  readonly #waiting = new Map<string, Numbered<Held[]>>();
  /** Requests whose next answer is published and waits for confirmation. */
  readonly #unconfirmed = new Numbered<Held>();
  #bytes = 0;
  #full = false;
  /** Highest index committed in the current leadership. */
  #committed = 0;

  constructor(seals: SealBook, limitBytes: number, onFull: (full: boolean) => void) {
    this.#seals = seals;
    this.#limitBytes = limitBytes;
    this.#onFull = onFull;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes an answer of `held`'s request. */
  add(held: Held, answer: Answer): void {
    let bytes = ANSWER_BYTES;
    for (const batch of answer.rows) bytes += batch.length;
    held.answers.push(answer);
    this.#charge(held, bytes);
    if (held.answers.length === 1 || held.lost) this.#advance(held);
  }

  /** Leadership was confirmed by a read round that started after the request arrived. */
  confirm(held: Held): void {
    held.confirmed = true;
    if (this.#isListed(held)) this.#advance(held);
  }

  /** Leadership cannot be confirmed any more. */
  refuse(held: Held): void {
    if (held.confirmed) return;
    held.lost = true;
    this.#isListed(held);
    this.#advance(held);
  }

  /** Whether it waited for confirmation; it does not any more. */
  #isListed(held: Held): boolean {
    const { unconfirmed } = held;
    held.unconfirmed = 0;
    return unconfirmed !== 0 && this.#unconfirmed.delete(unconfirmed);
  }

  /** The seal was published. */
  published(database: string, sequence: number): void {
    const bySequence = this.#waiting.get(database);
    const waiting = bySequence?.get(sequence);
    if (waiting === undefined) return;
    bySequence?.delete(sequence);
    for (const held of waiting) this.#advance(held);
  }

  /** Entries of the current leadership up to `index` are committed. */
  committed(index: LogIndex): void {
    assert(index >= this.#committed, 'the commit index went back');
    this.#committed = index;
    if (this.#unconfirmed.size === 0) return;
    for (const held of this.#unconfirmed.values()) {
      if (held.arrivalIndex < index) this.confirm(held);
    }
  }

  /** The epoch is over (call after `SealBook.end`): everything that waits is lost or decided. */
  endEpoch(): void {
    const waiting = [...this.#waiting.values()].flatMap((table) => table.values().flat());
    this.#waiting.clear();
    const unconfirmed = this.#unconfirmed.values();
    this.#unconfirmed.clear();
    this.#committed = 0;
    for (const held of waiting) this.#advance(held);
    for (const held of unconfirmed) {
      held.unconfirmed = 0;
      held.lost = true;
      this.#advance(held);
    }
  }

  /** The request is over for its owner: what is held goes. */
  forget(held: Held): void {
    this.#isListed(held);
    held.answers.length = 0;
    this.#charge(held, -held.bytes);
  }

  #advance(held: Held): void {
    while (!held.lost) {
      const answer = held.answers[0];
      if (answer === undefined) return;
      const verdict = this.#verdict(answer);
      if (verdict.state === 'pending') {
        this.#wait(held, answer);
        return;
      }
      if (verdict.state !== 'published') break;
      if (!this.#isConfirmed(held, answer)) {
        if (held.unconfirmed === 0) held.unconfirmed = this.#unconfirmed.add(held);
        if (!held.asked) {
          held.asked = true;
          held.owner.wantsConfirmation();
        }
        return;
      }
      held.answers.shift();
      this.#discharge(held, answer);
      held.owner.release(answer, verdict.index);
    }
    held.lost = true;
    this.#lose(held);
  }

  #verdict(answer: Answer): Verdict {
    const observed = answer.observed;
    if (observed.kind === 'published') return { state: 'published', index: observed.index };
    return this.#seals.look(observed.epoch, observed.database, observed.sequence);
  }

  /** A write's own entry confirms it; so does any entry of this leadership appended after arrival and committed. */
  #isConfirmed(held: Held, answer: Answer): boolean {
    if (held.confirmed) return true;
    const wrote = answer.observed.kind === 'speculative' && answer.observed.wrote;
    held.confirmed = wrote || this.#committed > held.arrivalIndex;
    return held.confirmed;
  }

  #wait(held: Held, answer: Answer): void {
    assert(answer.observed.kind === 'speculative');
    const { database, sequence } = answer.observed;
    let bySequence = this.#waiting.get(database);
    if (bySequence === undefined) {
      bySequence = new Numbered();
      this.#waiting.set(database, bySequence);
    }
    const waiting = bySequence.get(sequence);
    if (waiting === undefined) bySequence.set(sequence, [held]);
    else waiting.push(held);
  }

  /** Decides once the last answer is here: the machine answers every request, also after the end of an epoch. */
  #lose(held: Held): void {
    const end = held.answers.at(-1);
    if (end?.end === undefined) return;
    const answers = held.answers.slice();
    this.forget(held);
    const written = answers.findLast(
      ({ observed }) => observed.kind === 'speculative' && observed.wrote,
    );
    if (written === undefined) {
      held.owner.lost({ kind: 'nothing-written' });
      return;
    }
    const verdict = this.#verdict(written);
    assert(verdict.state !== 'pending', 'a lost answer waits for a live seal');
    if (verdict.state === 'published') {
      held.owner.lost({ kind: 'committed', index: verdict.index, answers });
    } else if (verdict.state === 'undecided') {
      held.owner.lost({ kind: 'undecided', watch: verdict.watch, answers });
    } else {
      held.owner.lost({ kind: 'dropped', end });
    }
  }

  #discharge(held: Held, answer: Answer): void {
    let bytes = ANSWER_BYTES;
    for (const batch of answer.rows) bytes += batch.length;
    this.#charge(held, -bytes);
  }

  #charge(held: Held, bytes: number): void {
    held.bytes += bytes;
    this.#bytes += bytes;
    assert(held.bytes >= 0 && this.#bytes >= 0, 'the gate gave out more than it held');
    const full = this.#full ? this.#bytes > this.#limitBytes / 2 : this.#bytes > this.#limitBytes;
    if (full === this.#full) return;
    this.#full = full;
    this.#onFull(full);
  }
}
