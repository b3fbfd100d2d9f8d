import { assert, LIMITS, Numbered, PAGE_SIZE_BYTES, QuorateError } from '../base/index.ts';
import type {
  PageSource,
  PageUpdate,
  Pin,
  Seal,
  SharedStore,
  StoreStatistics,
  Version,
} from './contract.ts';
import { LiveVersions } from './live-versions.ts';
import { headerPages, pageOneProblem } from './page-one.ts';
import { difference, forEachOwnSlot } from './page-table.ts';
import { createPinTable, PinTable } from './pin-table.ts';
import { createPublishedWord, storeClosed, storePublished } from './published-word.ts';
import type { SlotArena } from './slot-arena.ts';
import { ABSENT, NODE_WORDS } from './slot-memory.ts';
import { LocalPin, VersionRecord } from './version-record.ts';
import { WriteSet } from './write-set.ts';

export interface PageStoreOptions {
  /** The first change number is one above this; for a store that replaces another (M3, S14). Default 0. */
  readonly change?: number;
}

interface PendingSeal extends Seal {
  readonly version: VersionRecord;
}

/**
 * All versions of one database (DESIGN.md of this room). One thread calls it; other threads read published
 * versions through `SharedPageReader`.
 */
export class PageStore implements PageSource {
  readonly memory: SlotArena;
  /** What the running write transaction has written; the VFS fills it. */
  readonly writeSet: WriteSet;
  readonly #wordBuffer = createPublishedWord();
  readonly #words = new Int32Array(this.#wordBuffer);
  readonly #pinBuffer = createPinTable();
  readonly #sharedPins = new PinTable(this.#pinBuffer);
  readonly #live: LiveVersions;
  readonly #localPins = new Numbered<LocalPin>();
  #head: VersionRecord;
  #published: VersionRecord;
  #seals: PendingSeal[] = [];
  #sequence = 0;
  #change: number;
  #writer: LocalPin | undefined;
  #used = 0;
  #unsealed = 0;
  #closed = false;

  constructor(arena: SlotArena, options: PageStoreOptions = {}) {
    this.memory = arena;
    this.writeSet = new WriteSet(arena);
    this.#change = (options.change ?? 0) + 1;
    this.#live = new LiveVersions(arena, this.#sharedPins, (slot) => this.#free(slot));
    const empty = { root: ABSENT, pages: 0, change: this.#change, index: 0 };
    this.#published = new VersionRecord(0, empty);
    this.#published.references = 1;
    this.#published.shared = true;
    this.#live.add(this.#published);
    this.#head = new VersionRecord(1, empty);
    storePublished(this.#words, this.#published);
  }

  /** The newest state, which may be speculative. The object changes with each commit; pin it to keep it. */
  get head(): Version {
    return this.#head;
  }

  /** The newest committed state. */
  get published(): Version {
    return this.#published;
  }

  /** The image of a page of head; undefined when there is none. Valid until the next commit. */
  headPage(pageNumber: number): Uint8Array | undefined {
    return this.memory.pageIn(this.#head.root, pageNumber);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The newest change number given out; a store that replaces this one starts above it. */
  get change(): number {
    return this.#change;
  }

  /** True while a write transaction holds the write slot of this store. */
  get hasWriter(): boolean {
    return this.#writer !== undefined;
  }

  /** True when head holds commits that no seal contains. */
  get hasUnsealed(): boolean {
    const base = this.#sealBase;
    return this.#head.root !== base.root || this.#head.pages !== base.pages;
  }

  /** About as many pages as the next seal will have; never too low for pages written since the last one. */
  get unsealedPages(): number {
    return Math.max(this.#unsealed, this.#head.pages - this.#sealBase.pages);
  }

  /** True when head differs from the published version or seals are pending. */
  get speculative(): boolean {
    return (
      this.#seals.length > 0 ||
      this.#head.root !== this.#published.root ||
      this.#head.pages !== this.#published.pages
    );
  }

  /** Seals that are neither published nor reverted, oldest first. */
  get pendingSeals(): readonly Seal[] {
    return this.#seals;
  }

  get #sealBase(): VersionRecord {
    return this.#seals.at(-1)?.version ?? this.#published;
  }

  // ---- pins ----

  pinPublished(): Pin {
    return this.#pin(this.#published);
  }

  /**
   * Pins head. Nothing is copied at once: head is frozen when somebody other than this pin's holder changes
   * it (M4), and until then the holder's own commits move the pin along.
   */
  pinHead(): Pin {
    return this.#pin(this.#head);
  }

  #pin(version: VersionRecord): LocalPin {
    assert(!this.#closed, 'pin on a closed store');
    const pin = new LocalPin(version);
    pin.number = this.#localPins.add(pin);
    return pin;
  }

  isNewest(pin: Pin): boolean {
    return pin.version === this.#published && !this.#closed;
  }

  release(pin: Pin): void {
    assert(
      pin instanceof LocalPin && this.#localPins.get(pin.number) === pin,
      'a pin is released twice',
    );
    this.#localPins.delete(pin.number);
    if (this.#writer === pin) this.endWrite(pin);
    if (pin.usable) this.#live.release(pin.version);
  }

  // ---- the single writer ----

  /**
   * Gives the write slot to the holder of `pin`. 'busy': another holder has it; 'stale': head has moved on
   * since the pin was taken (SQLITE_BUSY_SNAPSHOT).
   */
  beginWrite(pin: Pin): 'ok' | 'busy' | 'stale' {
    assert(pin instanceof LocalPin && !this.#closed, 'a pin of another source');
    if (this.#writer === pin) return 'ok';
    if (!pin.usable || pin.version.change !== this.#head.change) return 'stale';
    if (this.#writer !== undefined) return 'busy';
    this.#writer = pin;
    this.writeSet.begin(this.#head.pages);
    return 'ok';
  }

  /** True while the holder of `pin` has the write slot; a revert takes it away. */
  isWriter(pin: Pin): boolean {
    return this.#writer === pin;
  }

  /** Gives the write slot back; what was written and not committed is gone. */
  endWrite(pin: Pin): void {
    if (this.#writer !== pin) return;
    this.writeSet.discard();
    this.#writer = undefined;
  }

  /**
   * Why the write set cannot become part of the database, or undefined (M10, M17). `final` is false before
   * SQLite has cut off the end of a database that shrinks.
   */
  writeProblem(final: boolean): string | undefined {
    const { pages } = this.writeSet;
    if (pages > LIMITS.databasePages) return 'the database is too large';
    const written = this.writeSet.find(1);
    const slot = written === ABSENT ? this.memory.find(this.#head.root, 1) : written;
    if (slot === ABSENT) return 'there is no page 1';
    const image = this.memory.page(slot);
    const expected = final ? pages : Math.max(1, Math.min(pages, headerPages(image)));
    return pageOneProblem(image, expected);
  }

  /**
   * Moves the write set into head and the writer's pin with it; the write slot stays taken. Returns whether any
   * page changed; the change number is counted up in any case, as SQLite's counter is.
   */
  commit(pin: Pin): boolean {
    assert(pin instanceof LocalPin && this.#writer === pin, 'commit without the write slot');
    assert(pin.version.change === this.#head.change, 'commit onto another head');
    const ownPins = pin.version === this.#head ? 1 : 0;
    if (this.#head.references > ownPins) this.#live.release(this.#freeze());
    const set = this.writeSet;
    const head = this.#head;
    const changed = set.count > 0 || set.pages !== head.pages || set.floor !== head.pages;
    if (changed) {
      const problem = this.writeProblem(true);
      assert(problem === undefined, () => `bad write set: ${problem ?? ''}`);
      this.#cut(set.floor);
      for (const number of set.numbers) this.#place(number, set.find(number));
      head.pages = set.pages;
    }
    set.clear();
    set.begin(head.pages);
    head.change = ++this.#change;
    const before = pin.version;
    if (before !== head) {
      pin.moveTo(head);
      this.#live.reap(before);
    }
    return changed;
  }

  // ---- seal, publish, revert, apply ----

  /**
   * Freezes head as the content of one log entry: the difference to the last seal. Undefined when there is
   * none. Never waits for a running write transaction and never contains its pages (M5).
   */
  seal(): Seal | undefined {
    if (!this.hasUnsealed) return undefined;
    const base = this.#sealBase;
    const version = this.#freeze();
    const problem = this.#pageOneProblem(version);
    assert(problem === undefined, () => `sealed page 1: ${problem ?? ''}`);
    const pageNumbers = difference(this.memory, base, version);
    assert(pageNumbers.length > 0, 'a seal without pages');
    assert(base.pages === version.pages || pageNumbers[0] === 1, 'a new size without page 1');
    const seal: PendingSeal = {
      sequence: ++this.#sequence,
      version,
      pageNumbers,
      pages: version.pages,
      copyImage: (i, target, offset) => {
        assert(version.references > 0, 'the seal is gone');
        this.copyPage(version, pageNumbers[i], target, offset);
      },
    };
    this.#seals.push(seal);
    this.#unsealed = 0;
    return seal;
  }

  /** Makes the oldest pending seal visible to all readers: it was committed at log index `index`. */
  publish(seal: Seal, index: number): void {
    const oldest = this.#seals.shift();
    assert(oldest !== undefined && oldest === seal, 'seals are published in order');
    this.#setPublished(oldest.version, index);
  }

  /**
   * Drops everything above the published version: head, pending seals, and the running write transaction,
   * whose next write or commit fails. Pins stay readable. Returns false when there was no speculation.
   */
  revert(): boolean {
    if (this.#writer !== undefined) this.endWrite(this.#writer);
    if (!this.speculative) return false;
    const published = this.#published;
    const dropped = this.#head;
    if (dropped.references > 0) this.#live.add(dropped);
    forEachOwnSlot(this.memory, dropped.root, published.root, (slot) => {
      assert(this.memory.born(slot) > published.generation, 'a published slot is dropped');
      this.#live.supersede(slot);
    });
    this.#live.resurrect(published);
    const seals = this.#seals;
    this.#seals = [];
    for (const seal of seals) this.#live.release(seal.version);
    this.#head = new VersionRecord(dropped.generation + 1, {
      ...this.#fields(published),
      change: ++this.#change,
    });
    this.#unsealed = 0;
    this.#live.collect();
    return true;
  }

  /**
   * Applies a committed command of another leader and publishes the result. `pages` as `sizeAfterUpdate`
   * says; pages beyond it are dropped. Throws QuorateError DATABASE_TOO_LARGE or MALFORMED before anything is
   * changed; SQLITE_NOMEM leaves the store in between, the node must stop.
   */
  apply(update: PageUpdate, pages: number, index: number): void {
    assert(!this.speculative && this.#writer === undefined, 'apply over speculation (M2)');
    const count = update.pageNumbers.length;
    if (update.images.length !== count * PAGE_SIZE_BYTES) {
      throw new QuorateError('MALFORMED', `${count} pages in ${update.images.length} bytes`);
    }
    if (pages > LIMITS.databasePages) throw tooLarge();
    let pageOne = -1;
    for (let i = 0; i < count; i++) {
      const number = update.pageNumbers[i];
      if (!(number >= 1)) throw new QuorateError('MALFORMED', `page number ${number}`);
      if (number === 1) pageOne = i;
    }
    if (pageOne >= 0) checkPageOne(update.images, pageOne * PAGE_SIZE_BYTES, pages);
    if (this.#head.references > 0) this.#live.release(this.#freeze());
    this.#cut(pages);
    for (let i = 0; i < count; i++) {
      if (update.pageNumbers[i] > pages) continue;
      this.#placeImage(update.pageNumbers[i], update.images, i * PAGE_SIZE_BYTES);
    }
    this.#finishLoad(pages, index);
  }

  /** For PageStoreBuilder: puts one page of a store that nobody reads yet. */
  loadPage(pageNumber: number, images: Uint8Array, offset: number): void {
    if (pageNumber > LIMITS.databasePages) throw tooLarge();
    this.#placeImage(pageNumber, images, offset);
  }

  /** For PageStoreBuilder: publishes what was loaded. */
  finishLoad(pages: number, index: number): void {
    this.#finishLoad(pages, index);
  }

  #finishLoad(pages: number, index: number): void {
    this.#head.pages = pages;
    this.#head.change = ++this.#change;
    this.#unsealed = 0;
    this.#setPublished(this.#freeze(), index);
  }

  // ---- reading ----

  /** Copies a page of a pinned (or otherwise live) version into `target`; an absent page is zeroes. */
  copyPage(version: Version, pageNumber: number, target: Uint8Array, offset: number): void {
    assert(pageNumber >= 1 && pageNumber <= version.pages, () => `no page ${pageNumber}`);
    const slot = this.memory.find(version.root, pageNumber);
    if (slot === ABSENT) target.fill(0, offset, offset + PAGE_SIZE_BYTES);
    else target.set(this.memory.page(slot), offset);
  }

  // ---- other threads ----

  /** What another thread needs to build a `SharedPageReader`, besides the slabs of the arena. */
  share(): SharedStore {
    return { words: this.#wordBuffer, pins: this.#pinBuffer };
  }

  /** Releases the pins of a reader thread that died. */
  releaseOwner(owner: number): void {
    this.#sharedPins.releaseOwner(owner);
    this.#live.collect();
  }

  /** Frees what readers of other threads have let go; publish, apply and revert do it too. */
  collect(): void {
    this.#live.collect();
  }

  // ---- limits ----

  /** Bytes kept for versions that live only because somebody pins them. */
  get retainedBytes(): number {
    return this.#retainedByPins() * PAGE_SIZE_BYTES;
  }

  #pinnedOnly(): VersionRecord[] {
    return this.#live.list.filter(
      (version) =>
        version !== this.#published && !this.#seals.some((seal) => seal.version === version),
    );
  }

  #retainedByPins(): number {
    let slots = 0;
    for (const version of this.#pinnedOnly()) if (!version.killed) slots += version.held.length;
    return slots;
  }

  /**
   * Takes the oldest pinned versions away until not more than `budgetBytes` are retained for pins (S5).
   * Their pins become unusable (reads fail with SQLITE_ABORT); slots seen by other threads are freed
   * when those release. Returns how many versions were taken.
   */
  enforceBudget(budgetBytes: number): number {
    this.#live.collect();
    let killed = 0;
    for (const version of this.#pinnedOnly()) {
      if (this.#retainedByPins() * PAGE_SIZE_BYTES <= budgetBytes) break;
      if (version.killed) continue;
      version.killed = true;
      if (version.shared) this.#sharedPins.kill(version.generation);
      for (const pin of this.#localPins.values()) {
        if (pin.version !== version || !pin.usable) continue;
        if (this.#writer === pin) this.endWrite(pin);
        pin.usable = false;
        version.references--;
      }
      this.#live.reap(version);
      killed++;
    }
    return killed;
  }

  statistics(): StoreStatistics {
    return {
      pages: this.#published.pages,
      slots: this.#used + this.writeSet.count,
      retainedSlots: this.#live.retained,
      liveVersions: this.#live.list.length,
    };
  }

  /**
   * Gives all slots back, as soon as the last pin is released: the store was deleted, or replaced by a
   * restore. Close its connections first. For pins of other threads call `collect` until no slot is used.
   */
  close(): void {
    if (this.#closed) return;
    storeClosed(this.#words);
    this.revert();
    const head = this.#head;
    if (head.references > 0) this.#live.add(head);
    forEachOwnSlot(this.memory, head.root, ABSENT, (slot) => this.#live.supersede(slot));
    this.#closed = true;
    this.#live.release(this.#published);
    this.#live.collect();
  }

  // ---- the tree of head ----

  /** Ends the changes of this head: it becomes a live version, and a new head with its content begins. */
  #freeze(): VersionRecord {
    const frozen = this.#head;
    this.#head = new VersionRecord(frozen.generation + 1, this.#fields(frozen));
    // For the caller, who keeps it for a seal or as published, or gives it back at once.
    frozen.references++;
    this.#live.add(frozen);
    return frozen;
  }

  #fields(version: VersionRecord): Omit<Version, 'generation'> {
    const { root, pages, change, index } = version;
    return { root, pages, change, index };
  }

  #setPublished(version: VersionRecord, index: number): void {
    const before = this.#published;
    version.index = index;
    version.shared = true;
    this.#published = version;
    if (this.#seals.length === 0) this.#head.index = index;
    storePublished(this.#words, version);
    this.#live.release(before);
    this.#live.collect();
  }

  #pageOneProblem(version: Version): string | undefined {
    const slot = this.memory.find(version.root, 1);
    if (slot === ABSENT) return 'missing';
    return pageOneProblem(this.memory.page(slot), version.pages);
  }

  #allocate(): number {
    const slot = this.memory.allocate(this.#head.generation);
    this.#used++;
    return slot;
  }

  #free(slot: number): void {
    this.memory.free(slot);
    this.#used--;
  }

  /** A table node that this head may change: `slot` itself when no frozen version sees it, else a copy. */
  #ownNode(slot: number): number {
    if (slot !== ABSENT && this.memory.born(slot) === this.#head.generation) return slot;
    const copy = this.#allocate();
    if (slot === ABSENT) this.memory.page(copy).fill(0);
    else {
      this.memory.page(copy).set(this.memory.page(slot));
      this.#live.supersede(slot);
    }
    return copy;
  }

  /** The leaf for a page in the tree of head, own and writable. */
  #ownLeaf(position: number): number {
    const head = this.#head;
    head.root = this.#ownNode(head.root);
    const at = Math.floor(position / NODE_WORDS);
    const leaf = this.memory.word(head.root, at);
    const own = this.#ownNode(leaf);
    if (own !== leaf) this.memory.setWord(head.root, at, own);
    return own;
  }

  /** Puts a slot of the write set into the tree of head. */
  #place(pageNumber: number, slot: number): void {
    this.memory.setBorn(slot, this.#head.generation);
    this.#used++;
    this.#link(pageNumber, slot);
  }

  #placeImage(pageNumber: number, images: Uint8Array, offset: number): void {
    const slot = this.#allocate();
    this.memory.page(slot).set(images.subarray(offset, offset + PAGE_SIZE_BYTES));
    this.#link(pageNumber, slot);
  }

  #link(pageNumber: number, slot: number): void {
    const position = pageNumber - 1;
    const leaf = this.#ownLeaf(position);
    const at = position % NODE_WORDS;
    const old = this.memory.word(leaf, at);
    if (old === ABSENT || this.memory.born(old) <= this.#sealBase.generation) this.#unsealed++;
    this.memory.setWord(leaf, at, slot);
    if (old !== ABSENT) this.#live.supersede(old);
  }

  /** Removes the entries of all pages above `pages`, so that growing again never shows an old slot (M10). */
  #cut(pages: number): void {
    const head = this.#head;
    if (pages >= head.pages || head.root === ABSENT) return;
    const last = head.pages;
    for (let position = pages; position < last; ) {
      const first = Math.floor(position / NODE_WORDS) * NODE_WORDS;
      const end = Math.min(last, first + NODE_WORDS);
      if (this.memory.word(head.root, first / NODE_WORDS) !== ABSENT) {
        const leaf = this.#ownLeaf(position);
        for (; position < end; position++) this.#clear(leaf, position - first);
        if (first >= pages) {
          this.memory.setWord(head.root, first / NODE_WORDS, ABSENT);
          this.#live.supersede(leaf);
        }
      }
      position = end;
    }
    head.pages = pages;
  }

  #clear(leaf: number, at: number): void {
    const old = this.memory.word(leaf, at);
    if (old === ABSENT) return;
    this.memory.setWord(leaf, at, ABSENT);
    this.#live.supersede(old);
  }
}

/** Page 1 of a command must fit the database it makes, unless it marks it deleted (M10, fsm.md §9). */
function checkPageOne(images: Uint8Array, offset: number, pages: number): void {
  const image = images.subarray(offset, offset + PAGE_SIZE_BYTES);
  const problem = headerPages(image) === 0 ? undefined : pageOneProblem(image, pages);
  if (problem !== undefined) throw new QuorateError('MALFORMED', `page 1: ${problem}`);
}

function tooLarge(): QuorateError {
  return new QuorateError(
    'DATABASE_TOO_LARGE',
    `a database has at most ${LIMITS.databasePages} pages of ${PAGE_SIZE_BYTES} bytes`,
    { rawCode: 13 },
  );
}
