import { assert, type LogIndex, logIndex, type Term, term } from '../base/index.ts';
import { type FateBook, UNKNOWN, Watch } from './fate.ts';

/** Published seals of a database whose index is remembered exactly. */
const REMEMBERED = 4096;
/** Ended epochs that are remembered: answers of theirs may still be on the way from the SQL thread. */
const EPOCHS = 4;

/** What is known of the version that an answer has seen. */
export type Verdict =
  | { readonly state: 'pending' }
  | { readonly state: 'published'; readonly index: LogIndex }
  | { readonly state: 'undecided'; readonly watch: Watch }
  | { readonly state: 'dropped' };

const PENDING: Verdict = { state: 'pending' };
const DROPPED: Verdict = { state: 'dropped' };
/** Of an epoch that is remembered no more: what it sealed may be committed (M1). */
const FORGOTTEN: Verdict = { state: 'undecided', watch: settled() };

export interface LiveSeal {
  readonly epoch: number;
  readonly database: string;
  readonly sequence: number;
  readonly index: LogIndex;
  readonly term: Term;
}

/** Seals of one database in one epoch. Invariant: accepted sequences are 1, 2, 3 … without a gap. */
class DatabaseSeals {
  accepted = 0;
  published = 0;
  /** Sequence of `indexes[0]`. */
  first = 1;
  indexes: LogIndex[] = [];
  /** After the end of the epoch: what was accepted and not published, by sequence. */
  readonly undecided = new Map<number, Watch>();

  indexOf(sequence: number): LogIndex {
    // A forgotten index is replaced by the oldest one known: a later one, so a session waits too long, never too short.
    return this.indexes[Math.max(0, sequence - this.first)];
  }
}

interface Epoch {
  readonly epoch: number;
  readonly baseIndex: LogIndex;
  readonly databases: Map<string, DatabaseSeals>;
  live: boolean;
}

/** Which seals of which leadership were appended, published or dropped (M2). */
export class SealBook {
  readonly #fates: FateBook;
  readonly #epochs = new Map<number, Epoch>();
  readonly #live = new Map<LogIndex, LiveSeal>();
  #current: Epoch | undefined;

  constructor(fates: FateBook) {
    this.#fates = fates;
  }

  /** Seals appended and not yet committed. */
  get inFlight(): number {
    return this.#live.size;
  }

  /** The machine leads in `epoch`, having applied everything up to `baseIndex`. */
  begin(epoch: number, baseIndex: LogIndex): void {
    assert(this.#current === undefined, () => `epoch ${epoch} begins before the last one ended`);
    assert(!this.#epochs.has(epoch), () => `epoch ${epoch} begins twice`);
    const created = { epoch, baseIndex, databases: new Map(), live: true };
    this.#current = created;
    this.#epochs.set(epoch, created);
    for (const old of this.#epochs.keys()) {
      if (this.#epochs.size <= EPOCHS) break;
      this.#epochs.delete(old);
    }
  }

  /** True when a seal may be proposed: current epoch, successor of the last accepted one of its database. */
  isNext(epoch: number, database: string, sequence: number): boolean {
    const current = this.#current;
    if (current === undefined || current.epoch !== epoch) return false;
    return sequence === (current.databases.get(database)?.accepted ?? 0) + 1;
  }

  isCurrent(epoch: number): boolean {
    return this.#current?.epoch === epoch;
  }

  /** Raft appended the seal. */
  accept(seal: LiveSeal): void {
    assert(
      this.isNext(seal.epoch, seal.database, seal.sequence),
      'a seal out of order was accepted',
    );
    assert(!this.#live.has(seal.index), () => `two seals at ${seal.index}`);
    const databases = this.#current?.databases;
    let seals = databases?.get(seal.database);
    if (seals === undefined) {
      seals = new DatabaseSeals();
      databases?.set(seal.database, seals);
    }
    seals.accepted = seal.sequence;
    seals.indexes.push(seal.index);
    this.#live.set(seal.index, seal);
  }

  /** The entry at `index` is committed: the live seal that it is, now published, or undefined. */
  commit(index: LogIndex, term: Term): LiveSeal | undefined {
    const seal = this.#live.get(index);
    if (seal === undefined) return undefined;
    assert(
      seal.term === term,
      () => `another entry was committed in place of the live seal ${index}`,
    );
    this.#live.delete(index);
    const seals = this.#current?.databases.get(seal.database);
    assert(
      seals !== undefined && seals.published + 1 === seal.sequence,
      'seals committed out of order',
    );
    seals.published = seal.sequence;
    if (seals.published - seals.first > 2 * REMEMBERED) {
      seals.indexes = seals.indexes.slice(REMEMBERED);
      seals.first += REMEMBERED;
    }
    return seal;
  }

  /** The epoch is over: what is in flight becomes a question to the book of fates. */
  end(): void {
    const current = this.#current;
    if (current === undefined) return;
    for (const seal of this.#live.values()) {
      const watch = this.#fates.watch(seal.index, seal.term);
      current.databases.get(seal.database)?.undecided.set(seal.sequence, watch);
    }
    this.#live.clear();
    current.live = false;
    this.#current = undefined;
  }

  /** What became of the version `sequence` of `database` in `epoch`. */
  look(epochNumber: number, database: string, sequence: number): Verdict {
    const epoch = this.#epochs.get(epochNumber);
    if (epoch === undefined) return FORGOTTEN;
    if (sequence === 0) return { state: 'published', index: epoch.baseIndex };
    const seals = epoch.databases.get(database);
    if (seals !== undefined && sequence <= seals.published) {
      return { state: 'published', index: seals.indexOf(sequence) };
    }
    if (epoch.live) return PENDING;
    const watch = seals?.undecided.get(sequence);
    if (watch === undefined) return DROPPED;
    if (watch.fate?.outcome === 'committed') return { state: 'published', index: watch.index };
    return watch.fate?.outcome === 'rolled-back' ? DROPPED : { state: 'undecided', watch };
  }

  /** True when a seal of this database was appended above `index` in that epoch: part of a script may be in it. */
  appendedSince(epochNumber: number, database: string, index: LogIndex): boolean {
    const seals = this.#epochs.get(epochNumber)?.databases.get(database);
    if (seals === undefined || seals.accepted === 0) return false;
    return seals.indexOf(seals.accepted) > index;
  }
}

function settled(): Watch {
  const watch = new Watch(logIndex(0), term(0));
  watch.settle(UNKNOWN);
  return watch;
}
