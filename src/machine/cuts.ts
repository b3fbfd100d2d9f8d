import { assert, type LogIndex, logIndex, PAGE_SIZE_BYTES } from '../base/index.ts';
import type { PageStore, Pin } from '../pages/index.ts';
import {
  encodeSnapshotDatabase,
  encodeSnapshotHeader,
  snapshotContentBytes,
} from '../wire/index.ts';
import type { MachineCore } from './machine-core.ts';

interface Part {
  readonly name: string;
  readonly store: PageStore;
  readonly pin: Pin;
}

interface Cut {
  readonly index: LogIndex;
  readonly bytes: number;
  readonly parts: readonly Part[];
  /** Each step writes one more piece to `chunk`. */
  readonly content: Iterator<void>;
  readonly chunk: Chunk;
  /** What a read asked for too much of: the rest of a header. */
  left: number;
}

/**
 * Cuts of the published state (S6): the versions of all databases at one applied index, pinned. Making one copies nothing and
 * holds up nobody; the content is encoded as it is read.
 */
export class Cuts {
  readonly #core: MachineCore;
  readonly #cuts = new Map<number, Cut>();

  constructor(core: MachineCore) {
    this.#core = core;
  }

  /** All databases, as the content of a snapshot (fsm.md §5). */
  all(id: number): void {
    const parts: Part[] = [];
    for (const { name, store } of this.#core.databases.values()) {
      // A store that never had a page is not part of a snapshot (M10).
      if (store.published.pages > 0) parts.push({ name, store, pin: store.pinPublished() });
    }
    const bytes = snapshotContentBytes(
      parts.map(({ name, pin }) => ({ name, pages: pin.version.pages })),
    );
    const chunk = new Chunk();
    this.#add(id, { parts, bytes, chunk, content: snapshotContent(parts, chunk) });
  }

  /** One database as the plain image of its pages. */
  one(id: number, name: string): void {
    const store = this.#core.databases.get(name)?.store;
    if (store === undefined || store.published.pages === 0) {
      this.#core.post({ kind: 'cut', id, index: logIndex(0), bytes: 0, pages: 0, missing: true });
      return;
    }
    const part: Part = { name, store, pin: store.pinPublished() };
    const chunk = new Chunk();
    const bytes = part.pin.version.pages * PAGE_SIZE_BYTES;
    this.#add(id, { parts: [part], bytes, chunk, content: pages(part, chunk) });
  }

  #add(id: number, cut: Omit<Cut, 'index' | 'left'>): void {
    assert(!this.#cuts.has(id), () => `cut ${id} exists already`);
    const index = this.#core.applied;
    const { parts, bytes } = cut;
    this.#cuts.set(id, { ...cut, index, left: bytes });
    let count = 0;
    for (const { pin } of parts) count += pin.version.pages;
    this.#core.post({ kind: 'cut', id, index, bytes, pages: count, missing: false });
  }

  /** Posts about `bytes` bytes of the content, in a buffer of its own; at least one piece. Unknown cuts are ignored. */
  read(id: number, bytes: number): void {
    const cut = this.#cuts.get(id);
    if (cut === undefined) return;
    if (cut.parts.some(({ pin }) => !pin.usable)) {
      this.release(id);
      const error = 'the state that is being read is too old: too much has changed since';
      this.#core.post({ kind: 'cut-chunk', id, bytes: new Uint8Array(0), last: true, error });
      return;
    }
    const size = Math.min(cut.left, Math.max(bytes, PAGE_SIZE_BYTES));
    const { chunk } = cut;
    chunk.begin(size + PAGE_SIZE_BYTES);
    while (chunk.bytes < size) {
      assert(cut.content.next().done !== true, 'a cut has less content than it said');
    }
    const filled = chunk.end();
    cut.left -= filled.length;
    assert(cut.left >= 0, 'a cut has more content than it said');
    const last = cut.left === 0;
    this.#core.post({ kind: 'cut-chunk', id, bytes: filled, last }, [filled.buffer]);
  }

  release(id: number): void {
    const cut = this.#cuts.get(id);
    if (cut === undefined) return;
    this.#cuts.delete(id);
    for (const { store, pin } of cut.parts) store.release(pin);
  }
}

/** The part of a content that is being read, in memory of its own: it changes threads. */
class Chunk {
  #memory = new Uint8Array(0);
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  begin(capacity: number): void {
    this.#memory = new Uint8Array(capacity);
    this.#bytes = 0;
  }

  header(piece: Uint8Array): void {
    this.#memory.set(piece, this.#bytes);
    this.#bytes += piece.length;
  }

  page({ store, pin }: Part, pageNumber: number): void {
    assert(pin.usable, 'the pin of a cut was taken away');
    store.copyPage(pin.version, pageNumber, this.#memory, this.#bytes);
    this.#bytes += PAGE_SIZE_BYTES;
  }

  end(): Uint8Array<ArrayBuffer> {
    const filled = this.#memory.subarray(0, this.#bytes);
    this.#memory = new Uint8Array(0);
    return filled;
  }
}

function* snapshotContent(parts: readonly Part[], chunk: Chunk): Generator<void> {
  chunk.header(encodeSnapshotHeader(parts.length));
  yield;
  for (const part of parts) {
    chunk.header(encodeSnapshotDatabase({ name: part.name, pages: part.pin.version.pages }));
    yield;
    yield* pages(part, chunk);
  }
}

function* pages(part: Part, chunk: Chunk): Generator<void> {
  for (let number = 1; number <= part.pin.version.pages; number++) {
    chunk.page(part, number);
    yield;
  }
}
