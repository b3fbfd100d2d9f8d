import type { PageSource, PageStore, SharedStore, Version } from '../pages/index.ts';

/** What the machine tells readers in other threads, before they may need it (S7). */
export type DirectoryMessage =
  | { readonly kind: 'slab'; readonly index: number; readonly buffer: SharedArrayBuffer }
  /** A database appears, or its store is replaced by another one (delete, restore). */
  | { readonly kind: 'store'; readonly name: string; readonly store: SharedStore }
  | { readonly kind: 'store-removed'; readonly name: string };

/** What a reader reads from: a source whose published version it can look at. */
export interface ReadableStore extends PageSource {
  readonly published: Version;
}

/** Where readers find the databases. A name may stand for another store later: connections keep the old one only to the end of what they do. */
export interface ReaderDirectory {
  find(name: string): ReadableStore | undefined;
}

/** The machine's list of stores, for readers on the same thread, and the source of messages for those on others. */
export class StoreDirectory implements ReaderDirectory {
  readonly #stores = new Map<string, PageStore>();
  readonly #tell: (message: DirectoryMessage) => void;

  constructor(tell: (message: DirectoryMessage) => void) {
    this.#tell = tell;
  }

  find(name: string): PageStore | undefined {
    return this.#stores.get(name);
  }

  add(name: string, store: PageStore): void {
    this.#stores.set(name, store);
    this.#tell({ kind: 'store', name, store: store.share() });
  }

  remove(name: string): void {
    this.#stores.delete(name);
    this.#tell({ kind: 'store-removed', name });
  }

  slab(index: number, buffer: SharedArrayBuffer): void {
    this.#tell({ kind: 'slab', index, buffer });
  }

  /** All that a reader thread must be told that starts now. */
  snapshot(slabs: readonly SharedArrayBuffer[]): readonly DirectoryMessage[] {
    const messages: DirectoryMessage[] = slabs.map((buffer, index) => ({
      kind: 'slab',
      index,
      buffer,
    }));
    for (const [name, store] of this.#stores) {
      messages.push({ kind: 'store', name, store: store.share() });
    }
    return messages;
  }
}
