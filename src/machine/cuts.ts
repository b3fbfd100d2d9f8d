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
  readonly content: Iterator<Uint8Array>;
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
    this.#add(id, parts, bytes, snapshotContent(parts));
  }

  /** One database as the plain image of its pages. */
  one(id: number, name: string): void {
    const store = this.#core.databases.get(name)?.store;
    if (store === undefined || store.published.pages === 0) {
      this.#core.post({ kind: 'cut', id, index: logIndex(0), bytes: 0, pages: 0, missing: true });
      return;
    }
    const part: Part = { name, store, pin: store.pinPublished() };
    this.#add(id, [part], part.pin.version.pages * PAGE_SIZE_BYTES, pages(part));
  }

  #add(id: number, parts: readonly Part[], bytes: number, content: Iterator<Uint8Array>): void {
    assert(!this.#cuts.has(id), () => `cut ${id} exists already`);
    const index = this.#core.applied;
    this.#cuts.set(id, { index, bytes, parts, content, left: bytes });
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
    const pieces = new Uint8Array(size + PAGE_SIZE_BYTES);
    let filled = 0;
    while (filled < size) {
      const piece = cut.content.next();
      assert(piece.done !== true, 'a cut has less content than it said');
      pieces.set(piece.value, filled);
      filled += piece.value.length;
    }
    cut.left -= filled;
    assert(cut.left >= 0, 'a cut has more content than it said');
    const chunk = pieces.slice(0, filled);
    this.#core.post({ kind: 'cut-chunk', id, bytes: chunk, last: cut.left === 0 }, [chunk.buffer]);
  }

  release(id: number): void {
    const cut = this.#cuts.get(id);
    if (cut === undefined) return;
    this.#cuts.delete(id);
    for (const { store, pin } of cut.parts) store.release(pin);
  }
}

function* snapshotContent(parts: readonly Part[]): Generator<Uint8Array> {
  yield encodeSnapshotHeader(parts.length);
  for (const part of parts) {
    yield encodeSnapshotDatabase({ name: part.name, pages: part.pin.version.pages });
    yield* pages(part);
  }
}

function* pages({ store, pin }: Part): Generator<Uint8Array> {
  const page = new Uint8Array(PAGE_SIZE_BYTES);
  for (let number = 1; number <= pin.version.pages; number++) {
    assert(pin.usable, 'the pin of a cut was taken away');
    store.copyPage(pin.version, number, page, 0);
    yield page;
  }
}
