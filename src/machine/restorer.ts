import { assert, type LogIndex, PAGE_SIZE_BYTES, QuorateError } from '../base/index.ts';
import { headerPages, PageStore, pageOneProblem } from '../pages/index.ts';
import { SnapshotDecoder } from '../wire/index.ts';
import type { MachineCore } from './machine-core.ts';

interface Built {
  readonly name: string;
  readonly store: PageStore;
  pageOne?: Uint8Array;
}

/**
 * Builds the databases of a snapshot beside the old ones while its content arrives (S14); nothing is replaced before the last
 * byte was checked.
 */
export class Restorer {
  readonly #core: MachineCore;
  readonly id: number;
  readonly index: LogIndex;
  readonly #built: Built[] = [];
  readonly #decoder: SnapshotDecoder;
  readonly #pageOne = new Uint8Array(PAGE_SIZE_BYTES);
  #store: PageStore | undefined;
  #error: string | undefined;
  #finished = false;

  constructor(core: MachineCore, id: number, index: LogIndex) {
    this.#core = core;
    this.id = id;
    this.index = index;
    this.#decoder = new SnapshotDecoder({
      database: (name) => this.#begin(name),
      page: (number, image) => this.#page(number, image),
      end: (pages) => this.#end(pages),
    });
  }

  /** Takes content. After the first error everything is ignored: `finish` tells it. */
  write(bytes: Uint8Array): void {
    this.#guard(() => this.#decoder.write(bytes));
  }

  #guard(action: () => void): void {
    if (this.#error !== undefined) return;
    try {
      action();
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.#error = error.message;
    }
  }

  #begin(name: string): void {
    const replaced = this.#core.databases.get(name)?.store;
    // A new incarnation goes on counting changes, so that no cache takes its pages for the old ones (M3).
    this.#store = new PageStore(this.#core.arena, { change: replaced?.change ?? 0 });
    this.#built.push({ name, store: this.#store });
  }

  #page(number: number, image: Uint8Array): void {
    assert(this.#store !== undefined, 'a page outside a database');
    if (number === 1) this.#pageOne.set(image);
    this.#store.loadPage(number, image, 0);
  }

  #end(pages: number): void {
    const store = this.#store;
    assert(store !== undefined, 'the end of no database');
    this.#store = undefined;
    const stated = headerPages(this.#pageOne);
    if (stated === 0) {
      // Deleted and not yet removed where the snapshot was taken (fsm.md §9).
      this.#built.pop();
      store.close();
      return;
    }
    if (stated > pages) {
      throw new QuorateError('MALFORMED', `the snapshot has ${pages} of ${stated} pages`);
    }
    const problem = pageOneProblem(this.#pageOne, stated);
    if (problem !== undefined) {
      throw new QuorateError('MALFORMED', `page 1 of a database in the snapshot: ${problem}`);
    }
    store.finishLoad(stated, this.index);
    const built = this.#built.at(-1);
    if (built !== undefined) built.pageOne = this.#pageOne.slice();
  }

  /** Undefined when the content is complete and sound. May be asked again. */
  finish(): string | undefined {
    if (!this.#finished) this.#guard(() => this.#decoder.finish());
    this.#finished = true;
    return this.#error;
  }

  /** Puts the new databases in the place of all old ones. */
  swap(): void {
    const { databases, directory } = this.#core;
    assert(this.#error === undefined, 'a broken snapshot is not put in place');
    const old = [...databases.values()];
    const names = new Set(this.#built.map(({ name }) => name));
    databases.clear();
    for (const { name, store, pageOne } of this.#built) {
      this.#core.install(name, store);
      if (pageOne !== undefined) this.#core.sawPageOne(name, pageOne);
    }
    for (const database of old) {
      if (!names.has(database.name)) directory.remove(database.name);
      this.#core.retire(database.store);
    }
    this.#built.length = 0;
  }

  abandon(): void {
    for (const { store } of this.#built) store.close();
    this.#built.length = 0;
  }
}
