import { assert } from '../base/index.ts';
import { type PageSource, PageStore, type Pin } from '../pages/index.ts';
import type { ConnectionHooks, PinPolicy } from './contract.ts';

export const LOCK = { none: 0, shared: 1, reserved: 2, pending: 3, exclusive: 4 } as const;

/** Why SQLite got an error code from the file whose own text says too little. */
export type Refusal =
  | { readonly kind: 'too-large' }
  | { readonly kind: 'snapshot-too-old' }
  | { readonly kind: 'damage'; readonly detail: string };

/** The database file of one connection, as SQLite sees it. */
export class FileHandle {
  readonly source: PageSource;
  /** The source when it can be written, else undefined. */
  readonly store: PageStore | undefined;
  readonly hooks: ConnectionHooks;
  policy: PinPolicy = 'published';
  lock: number = LOCK.none;
  pin: Pin | undefined;
  newestChange = 0;
  /** Something was written since the last commit, even if all of it was dropped as unchanged. */
  dirty = false;
  refusal: Refusal | undefined;
  /** A COMMIT is run for the pages it writes: it stops before it commits. */
  flushing = false;
  /** The connection sets itself up: pragmas go to SQLite unseen. */
  configuring = true;

  constructor(source: PageSource, hooks: ConnectionHooks) {
    this.source = source;
    this.store = source instanceof PageStore ? source : undefined;
    this.hooks = hooks;
  }

  /** Takes the shared lock: pins what the next statements see. */
  pinNow(): void {
    assert(this.pin === undefined, 'a second pin');
    const head = this.policy === 'head' && this.store !== undefined;
    this.pin = head ? this.source.pinHead() : this.source.pinPublished();
    this.refusal = undefined;
    this.seen();
  }

  /** Notes the change that is visible now (M3). */
  seen(): void {
    const change = this.pin?.version.change ?? 0;
    if (change > this.newestChange) this.newestChange = change;
  }

  /** True while this connection has the write slot and its write set. */
  get writing(): boolean {
    return this.lock >= LOCK.reserved && this.pin !== undefined && this.store !== undefined
      ? this.store.isWriter(this.pin)
      : false;
  }

  unlock(level: number): void {
    if (level <= LOCK.shared && this.lock >= LOCK.reserved && this.pin !== undefined) {
      this.store?.endWrite(this.pin);
      this.dirty = false;
    }
    if (level === LOCK.none && this.pin !== undefined) {
      const { pin } = this;
      this.pin = undefined;
      this.source.release(pin);
    }
    this.lock = level;
  }
}
