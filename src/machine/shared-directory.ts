import type { Port } from '../base/index.ts';
import { SharedPageReader, SlotMemory } from '../pages/index.ts';
import type { DirectoryMessage, ReadableStore, ReaderDirectory } from './store-directory.ts';

/** The databases of a machine in another thread, over shared memory (S7). */
export class SharedDirectory implements ReaderDirectory {
  readonly #port: Port<never, DirectoryMessage>;
  readonly #owner: number;
  readonly #memory = new SlotMemory();
  readonly #stores = new Map<string, SharedPageReader>();

  /** `owner`: a number other than 0 that no other reader thread of the node has. */
  constructor(port: Port<never, DirectoryMessage>, owner: number) {
    this.#port = port;
    this.#owner = owner;
    // A version may use a slab whose message is still in the port.
    this.#memory.onMissingSlab = () => port.drain();
    port.onMessage((message) => this.#take(message));
  }

  #take(message: DirectoryMessage): void {
    switch (message.kind) {
      case 'slab':
        this.#memory.addSlab(message.index, message.buffer);
        return;
      case 'store':
        this.#stores.set(
          message.name,
          new SharedPageReader(this.#memory, message.store, this.#owner),
        );
        return;
      case 'store-removed':
        this.#stores.delete(message.name);
    }
  }

  find(name: string): ReadableStore | undefined {
    const known = this.#stores.get(name);
    // A store is closed after its successor was told: then that message is in the port.
    if (known !== undefined && !known.closed) return known;
    this.#port.drain();
    return this.#stores.get(name);
  }
}
