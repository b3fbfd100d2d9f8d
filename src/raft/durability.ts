import { assert, type LogIndex } from '../base/index.ts';

/** One `persist` that was handed out and not yet reported. */
interface Batch {
  readonly ticket: number;
  /** The log is durable up to here when it completes; 0 = nothing appended. Lowered by truncation. */
  end: number;
  readonly metadata: boolean;
}

/**
 * What of this node's state is on stable storage, and what is on its way.
 *
 * Truncation lowers the ends of the batches in flight, so that their completion never counts for
 * entries that took the place of theirs (the ABA of terms).
 * Invariant: stored ≤ handedOut ≤ last index of the log.
 */
export class Durability {
  #stored: number;
  #handedOut: number;
  #ticket = 0;
  #inFlight: Batch[] = [];
  #metadataInFlight = 0;
  /** Term or vote changed and was not handed out yet. */
  metadataDirty = false;
  /** Smallest index from which handed out entries were truncated; undefined = none to report. */
  truncateFrom: LogIndex | undefined;

  constructor(stored: LogIndex) {
    this.#stored = stored;
    this.#handedOut = stored;
  }

  /** Highest index that is durable. */
  get stored(): LogIndex {
    return this.#stored as LogIndex;
  }

  /** Highest index that is durable or on its way. */
  get handedOut(): LogIndex {
    return this.#handedOut as LogIndex;
  }

  /** Whether the current term and vote are durable. */
  get metadataDurable(): boolean {
    return !this.metadataDirty && this.#metadataInFlight === 0;
  }

  /** Registers a batch that appends up to `end` (0 = no append); answers its ticket. */
  handOut(end: number, metadata: boolean): number {
    assert(end === 0 || end > this.#handedOut, 'entries are handed out twice');
    this.#ticket++;
    this.#inFlight.push({ ticket: this.#ticket, end, metadata });
    if (end > 0) {
      this.#handedOut = end;
      this.truncateFrom = undefined;
    }
    if (metadata) {
      this.#metadataInFlight++;
      this.metadataDirty = false;
    }
    return this.#ticket;
  }

  /** Everything up to `ticket` is durable; answers whether `stored` grew. */
  completed(ticket: number): boolean {
    assert(ticket <= this.#ticket, () => `ticket ${ticket} was never given`);
    const before = this.#stored;
    let count = 0;
    for (const batch of this.#inFlight) {
      if (batch.ticket > ticket) break;
      count++;
      if (batch.end > this.#stored) this.#stored = batch.end;
      if (batch.metadata) this.#metadataInFlight--;
    }
    if (count > 0) this.#inFlight.splice(0, count);
    return this.#stored > before;
  }

  /** The batch `ticket` and all after it are lost; they must be handed out again or dropped. */
  failed(ticket: number): void {
    const kept = this.#inFlight.filter((batch) => batch.ticket < ticket);
    if (kept.length === this.#inFlight.length) return;
    for (const batch of this.#inFlight.slice(kept.length)) {
      if (!batch.metadata) continue;
      this.#metadataInFlight--;
      this.metadataDirty = true;
    }
    this.#inFlight = kept;
    this.#handedOut = kept.reduce((end, batch) => Math.max(end, batch.end), this.#stored);
    // A failed operation may have been carried out in part: what is written next replaces it.
    this.truncateFrom = (this.#handedOut + 1) as LogIndex;
  }

  /** The log in memory was cut before `from`. */
  truncate(from: LogIndex): void {
    const end = from - 1;
    if (end >= this.#handedOut) return;
    this.#handedOut = end;
    if (this.#stored > end) this.#stored = end;
    for (const batch of this.#inFlight) if (batch.end > end) batch.end = end;
    if (this.truncateFrom === undefined || from < this.truncateFrom) this.truncateFrom = from;
  }

  /** A durable snapshot took the place of the whole log. */
  reset(index: LogIndex): void {
    for (const batch of this.#inFlight) batch.end = 0;
    this.#stored = index;
    this.#handedOut = index;
    this.truncateFrom = undefined;
  }
}
