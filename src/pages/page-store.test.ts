import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { PAGE_SIZE_BYTES } from '../base/index.ts';
import {
  type PageSource,
  PageStore,
  PageStoreBuilder,
  type Pin,
  type Seal,
  SharedPageReader,
  SlotArena,
  sizeAfterUpdate,
  type Version,
} from './index.ts';

/** Content of a database as a test thinks of it: size and a tag per page; absent = zeroes. */
interface Model {
  readonly pages: number;
  readonly tags: ReadonlyMap<number, number>;
}
const EMPTY: Model = { pages: 0, tags: new Map() };

function image(pageNumber: number, tag: number, pages: number): Uint8Array {
  const bytes = new Uint8Array(PAGE_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  if (pageNumber === 1) {
    bytes.set(new TextEncoder().encode('SQLite format 3\0'));
    bytes.set([0x10, 0, 2, 2], 16);
    view.setUint32(24, tag);
    view.setUint32(28, pages);
    view.setUint32(92, tag);
  }
  view.setUint32(2048, tag);
  view.setUint32(4092, tag);
  return bytes;
}

function tagAt(source: PageSource, version: Version, pageNumber: number): number {
  const slot = source.memory.find(version.root, pageNumber);
  if (slot === 0) return 0;
  const page = source.memory.page(slot);
  const view = new DataView(page.buffer, page.byteOffset);
  expect(view.getUint32(2048)).toBe(view.getUint32(4092));
  return view.getUint32(2048);
}

function expectContent(source: PageSource, version: Version, model: Model): void {
  expect(version.pages).toBe(model.pages);
  for (let page = 1; page <= model.pages; page++) {
    const tag = tagAt(source, version, page);
    if (tag !== (model.tags.get(page) ?? 0)) {
      expect.fail(`page ${page} reads ${tag}, not ${model.tags.get(page) ?? 0}`);
    }
  }
  for (const page of [model.pages + 1, model.pages + 7, 1025, 2 ** 20]) {
    if (page > model.pages) expect(source.memory.find(version.root, page)).toBe(0);
  }
}

function encode(seal: Seal): { pageNumbers: Int32Array; images: Uint8Array } {
  const images = new Uint8Array(seal.pageNumbers.length * PAGE_SIZE_BYTES);
  seal.pageNumbers.forEach((_, i) => {
    seal.copyImage(i, images, i * PAGE_SIZE_BYTES);
  });
  return { pageNumbers: seal.pageNumbers, images };
}

class Harness {
  readonly arena = new SlotArena({ poison: true });
  readonly store = new PageStore(this.arena);
  readonly followerArena = new SlotArena({ poison: true });
  readonly follower = new PageStore(this.followerArena);
  readonly shared = new SharedPageReader(this.arena, this.store.share(), 7);
  head = EMPTY;
  published = EMPTY;
  seals: { seal: Seal; model: Model; bytes: ReturnType<typeof encode> }[] = [];
  pins: { source: PageSource; pin: Pin; model: Model }[] = [];
  tag = 0;
  index = 0;

  write(numbers: readonly number[], truncate: number | undefined, commit: boolean): void {
    const pin = this.store.pinHead();
    expect(this.store.beginWrite(pin)).toBe('ok');
    const tags = new Map(this.head.tags);
    const set = this.store.writeSet;
    let pages = this.head.pages;
    const put = (page: number, tag: number): void => {
      set.put(page, image(page, tag, pages), 0);
      tags.set(page, tag);
    };
    for (const number of numbers) {
      pages = Math.max(pages, number);
      put(number, ++this.tag);
    }
    if (truncate !== undefined && pages > 0) {
      pages = Math.min(pages, Math.max(1, truncate));
      set.truncate(pages);
      for (const page of [...tags.keys()]) if (page > pages) tags.delete(page);
    }
    if (numbers.length > 0 || truncate !== undefined) put(1, ++this.tag);
    if (pages === 0) pages = 1;
    if (set.count > 0) {
      put(1, this.tag);
    }
    if (commit && set.count > 0) {
      const change = this.store.head.change;
      expect(this.store.commit(pin)).toBe(true);
      expect(this.store.head.change).toBe(change + 1);
      this.head = { pages, tags };
      expectContent(this.store, pin.version, this.head);
    }
    this.store.endWrite(pin);
    this.store.release(pin);
  }

  seal(): void {
    const seal = this.store.seal();
    const base = this.seals.at(-1)?.model ?? this.published;
    if (seal === undefined) {
      expect([...this.head.tags]).toEqual([...base.tags]);
      return;
    }
    expect(seal.pages).toBe(this.head.pages);
    for (let page = base.pages + 1; page <= seal.pages; page++) {
      expect(seal.pageNumbers.includes(page)).toBe(true);
    }
    this.seals.push({ seal, model: this.head, bytes: encode(seal) });
  }

  publish(): void {
    const oldest = this.seals.shift();
    if (oldest === undefined) return;
    this.store.publish(oldest.seal, ++this.index);
    this.published = oldest.model;
    const size = sizeAfterUpdate(oldest.bytes, this.follower.published.pages).pages;
    this.follower.apply(oldest.bytes, size, this.index);
    expectContent(this.follower, this.follower.published, this.published);
  }

  revert(): void {
    this.store.revert();
    this.head = this.published;
    this.seals = [];
  }

  apply(numbers: readonly number[], pages: number): void {
    if (this.store.speculative) return;
    const size = Math.max(1, pages);
    const list = [...numbers.filter((number) => number !== 1), 1];
    const tags = new Map([...this.head.tags].filter(([page]) => page <= size));
    const images = new Uint8Array(list.length * PAGE_SIZE_BYTES);
    list.forEach((number, i) => {
      images.set(image(number, ++this.tag, size), i * PAGE_SIZE_BYTES);
      if (number <= size) tags.set(number, this.tag);
    });
    const update = { pageNumbers: list, images };
    expect(sizeAfterUpdate(update, 1)).toEqual({ pages: size, deleted: false });
    this.store.apply(update, size, ++this.index);
    this.follower.apply(update, size, this.index);
    this.head = { pages: size, tags };
    this.published = this.head;
  }

  pin(kind: number): void {
    if (this.pins.length > 8) return;
    if (kind === 0) this.#keep(this.store, this.store.pinHead(), this.head);
    if (kind === 1) this.#keep(this.store, this.store.pinPublished(), this.published);
    if (kind === 2) this.#keep(this.shared, this.shared.pinPublished(), this.published);
  }

  #keep(source: PageSource, pin: Pin, model: Model): void {
    this.pins.push({ source, pin, model });
  }

  unpin(which: number): void {
    const [held] = this.pins.splice(which % Math.max(1, this.pins.length), 1);
    if (held !== undefined) held.source.release(held.pin);
  }

  check(): void {
    expectContent(this.store, this.store.head, this.head);
    expectContent(this.store, this.store.published, this.published);
    for (const { source, pin, model } of this.pins) expectContent(source, pin.version, model);
  }

  end(): void {
    while (this.pins.length > 0) this.unpin(0);
    this.revert();
    this.store.collect();
    const nodes = new Set<number>();
    const { root, pages } = this.store.published;
    for (let page = 1; page <= pages; page++) nodes.add((page - 1) >>> 10);
    const used = this.published.tags.size + (root === 0 ? 0 : 1 + nodes.size);
    expect(this.store.statistics().slots).toBeLessThanOrEqual(used);
    expect(this.store.statistics().slots).toBeGreaterThanOrEqual(this.published.tags.size);
    expect(this.store.statistics().retainedSlots).toBe(0);
    expect(this.store.statistics().liveVersions).toBe(1);
    this.store.close();
    this.follower.close();
    for (const arena of [this.arena, this.followerArena]) {
      expect(arena.statistics().free).toBe(arena.statistics().slots);
    }
  }
}

const pageNumber = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 20 }) },
  { weight: 1, arbitrary: fc.constantFrom(1023, 1024, 1025, 1026) },
);
const numbers = fc.array(pageNumber, { maxLength: 6 });
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(numbers, fc.option(pageNumber, { nil: undefined, freq: 4 }), fc.nat(9)).map(
      ([list, cut, rollback]) =>
        (h: Harness) =>
          h.write(list, cut, rollback > 0),
    ),
  },
  { weight: 3, arbitrary: fc.constant((h: Harness) => h.seal()) },
  { weight: 3, arbitrary: fc.constant((h: Harness) => h.publish()) },
  { weight: 1, arbitrary: fc.constant((h: Harness) => h.revert()) },
  {
    weight: 2,
    arbitrary: fc.tuple(numbers, pageNumber).map(
      ([list, pages]) =>
        (h: Harness) =>
          h.apply(list, pages),
    ),
  },
  { weight: 3, arbitrary: fc.nat(2).map((kind) => (h: Harness) => h.pin(kind)) },
  { weight: 2, arbitrary: fc.nat(20).map((which) => (h: Harness) => h.unpin(which)) },
);

describe('page store against a model', () => {
  test('every pin reads its own version, followers are equal, no slot leaks', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const harness = new Harness();
        for (const run of operations) {
          run(harness);
          harness.check();
        }
        harness.end();
      }),
      { numRuns: 400 },
    );
  });
});

describe('page store, directed', () => {
  test('pages that an entry would leave out are sent as zeroes (M10)', () => {
    const h = new Harness();
    h.write([2], undefined, true);
    h.seal();
    h.write([9], undefined, true);
    const seal = h.store.seal();
    expect(Array.from(seal?.pageNumbers ?? [])).toEqual([1, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('growing again after shrinking shows no old page', () => {
    const h = new Harness();
    h.write([2, 3, 4, 5], undefined, true);
    h.seal();
    h.publish();
    h.write([], 2, true);
    h.write([5], undefined, true);
    expect(tagAt(h.store, h.store.head, 4)).toBe(0);
    h.seal();
    expect(Array.from(h.seals[0]?.seal.pageNumbers ?? [])).toEqual([1, 3, 4, 5]);
    h.publish();
  });

  test('the lock-byte page is never sent', () => {
    const arena = new SlotArena();
    const store = new PageStore(arena);
    const pin = store.pinHead();
    store.beginWrite(pin);
    const last = 262_146;
    store.writeSet.put(1, image(1, 1, last), 0);
    store.writeSet.put(last, image(last, 2, last), 0);
    store.commit(pin);
    store.release(pin);
    const numbers = store.seal()?.pageNumbers ?? new Int32Array();
    expect(numbers.length).toBe(last - 1);
    expect(numbers.includes(262_145)).toBe(false);
    expect(numbers.includes(262_144)).toBe(true);
  });

  test('fifty commits onto one head keep one slot per page', () => {
    const h = new Harness();
    h.write([2], undefined, true);
    h.seal();
    h.publish();
    const before = h.store.statistics().slots;
    for (let i = 0; i < 50; i++) h.write([2], undefined, true);
    // Pages 1 and 2, a leaf and a root beside the published ones.
    expect(h.store.statistics().slots).toBe(before + 4);
  });

  test('a write set with a page 1 that does not fit is named and refused (M10, M17)', () => {
    const h = new Harness();
    const pin = h.store.pinHead();
    h.store.beginWrite(pin);
    expect(h.store.writeProblem(true)).toBe('there is no page 1');
    const bad: [(page: Uint8Array) => void, RegExp][] = [
      [(page) => page.fill(0, 0, 16), /no SQLite header/],
      [(page) => page.set([0x20], 16), /page size 8192/],
      [(page) => page.set([1], 18), /file format 1/],
      [(page) => page.set([7], 31), /header says 7 pages/],
      [(page) => page.set([7], 95), /bytes 24–27/],
    ];
    for (const [damage, message] of bad) {
      const page = image(1, 1, 2);
      damage(page);
      h.store.writeSet.put(1, page, 0);
      h.store.writeSet.put(2, image(2, 1, 2), 0);
      expect(h.store.writeProblem(true)).toMatch(message);
      expect(() => h.store.commit(pin)).toThrow(message);
    }
    h.store.release(pin);
    expect(h.store.statistics().slots).toBe(0);
  });

  test('a second writer is busy, a stale one is told so, a reverted one has lost the slot', () => {
    const h = new Harness();
    h.write([2], undefined, true);
    const a = h.store.pinHead();
    const b = h.store.pinHead();
    expect(h.store.beginWrite(a)).toBe('ok');
    expect(h.store.beginWrite(b)).toBe('busy');
    h.store.writeSet.put(1, image(1, 9, 2), 0);
    h.store.commit(a);
    h.store.endWrite(a);
    expect(h.store.beginWrite(b)).toBe('stale');
    expect(tagAt(h.store, b.version, 1)).not.toBe(9);
    expect(h.store.beginWrite(a)).toBe('ok');
    h.store.revert();
    expect(h.store.isWriter(a)).toBe(false);
    expect(h.store.writeSet.count).toBe(0);
    expect(h.store.beginWrite(a)).toBe('stale');
    h.store.release(a);
    h.store.release(b);
  });

  test('change numbers are never used twice, generations neither', () => {
    const h = new Harness();
    const seen = new Set<number>();
    for (let i = 0; i < 5; i++) {
      h.write([2], undefined, true);
      expect(seen.has(h.store.head.change)).toBe(false);
      seen.add(h.store.head.change);
      h.revert();
      expect(seen.has(h.store.head.change)).toBe(false);
      seen.add(h.store.head.change);
    }
  });

  test('over budget the oldest pin is taken away, and only that', () => {
    const h = new Harness();
    const round = (): void => {
      h.write([2, 3, 4, 5], undefined, true);
      h.seal();
      h.publish();
    };
    round();
    const old = h.store.pinPublished();
    const oldShared = h.shared.pinPublished();
    round();
    const young = h.store.pinPublished();
    round();
    expect(h.store.retainedBytes).toBeGreaterThan(PAGE_SIZE_BYTES * 10);
    expect(h.store.enforceBudget(PAGE_SIZE_BYTES * 100)).toBe(0);
    expect(old.usable).toBe(true);
    expect(h.store.enforceBudget(PAGE_SIZE_BYTES * 8)).toBe(1);
    expect([old.usable, oldShared.usable, young.usable]).toEqual([false, false, true]);
    h.store.release(old);
    h.shared.release(oldShared);
    h.store.collect();
    expect(h.store.enforceBudget(PAGE_SIZE_BYTES * 8)).toBe(0);
    h.store.release(young);
    h.end();
  });

  test('a pin is of the newest version until another one is published or the store closed', () => {
    const h = new Harness();
    const newest = (pins: readonly [Pin, Pin]) => [
      h.store.isNewest(pins[0]),
      h.shared.isNewest(pins[1]),
    ];
    const pin = () => [h.store.pinPublished(), h.shared.pinPublished()] as const;
    const before = pin();
    h.write([2], undefined, true);
    h.seal();
    expect(newest(before)).toEqual([true, true]);
    h.revert();
    expect(newest(before)).toEqual([true, true]);
    h.write([2], undefined, true);
    h.seal();
    h.publish();
    const after = pin();
    expect(newest(before)).toEqual([false, false]);
    expect(newest(after)).toEqual([true, true]);
    h.store.close();
    expect(newest(after)).toEqual([false, false]);
  });

  test('a version published between the look and the pin is the one that is pinned', () => {
    const h = new Harness();
    const round = (): void => {
      h.write([2, 3], undefined, true);
      h.seal();
      h.publish();
    };
    round();
    const claim = vi.spyOn(Atomics, 'compareExchange').mockImplementationOnce((...args) => {
      claim.mockRestore();
      round();
      return Reflect.apply(Atomics.compareExchange, Atomics, args);
    });
    const pin = h.shared.pinPublished();
    const model = h.published;
    expectContent(h.shared, pin.version, model);
    round();
    round();
    expectContent(h.shared, pin.version, model);
    h.shared.release(pin);
    h.end();
  });

  test('pins of a dead thread are released', () => {
    const h = new Harness();
    h.write([2], undefined, true);
    h.seal();
    h.publish();
    h.shared.pinPublished();
    h.write([2], undefined, true);
    h.seal();
    h.publish();
    expect(h.store.statistics().liveVersions).toBe(2);
    h.store.releaseOwner(7);
    expect(h.store.statistics().liveVersions).toBe(1);
  });

  test('apply refuses speculation, bad numbers and a page 1 that does not fit', () => {
    const h = new Harness();
    const update = { pageNumbers: [1], images: image(1, 1, 3) };
    expect(() => h.store.apply(update, 2, 1)).toThrow(/header says 3 pages/);
    expect(() => h.store.apply({ ...update, pageNumbers: [0] }, 2, 1)).toThrow(/page number 0/);
    expect(() => h.store.apply({ ...update, pageNumbers: [1, 2] }, 2, 1)).toThrow(/2 pages in/);
    expect(() => h.store.apply(update, 2 ** 20 + 1, 1)).toThrow(/at most/);
    expect(h.store.published.pages).toBe(0);
    h.write([2], undefined, true);
    expect(() => h.store.apply(update, 3, 1)).toThrow(/speculation/);
  });

  test('a page 1 with size 0 makes a database of one page, marked deleted', () => {
    const update = { pageNumbers: [1], images: image(1, 1, 0) };
    expect(sizeAfterUpdate(update, 9)).toEqual({ pages: 1, deleted: true });
    const h = new Harness();
    h.store.apply(update, 1, 1);
    expect(h.store.published.pages).toBe(1);
  });

  test('a builder makes a store that goes on counting changes, or leaves nothing behind', () => {
    const arena = new SlotArena({ poison: true });
    const images = (pages: number, said: number): Uint8Array => {
      const bytes = new Uint8Array(pages * PAGE_SIZE_BYTES);
      for (let page = 1; page <= pages; page++) {
        bytes.set(image(page, page + 100, said), (page - 1) * PAGE_SIZE_BYTES);
      }
      return bytes;
    };
    const free = arena.statistics().free;
    const short = new PageStoreBuilder(arena, 0);
    short.append(images(3, 4));
    expect(() => short.finish(1)).toThrow(/3 of 4 pages/);
    short.abandon();
    expect(arena.statistics().free).toBe(free);
    const builder = new PageStoreBuilder(arena, 41);
    builder.append(images(5, 3).subarray(0, 2 * PAGE_SIZE_BYTES));
    builder.append(images(5, 3).subarray(2 * PAGE_SIZE_BYTES));
    const store = builder.finish(77);
    expect(store.published).toMatchObject({ pages: 3, index: 77 });
    expect(store.published.change).toBeGreaterThan(41);
    expect(tagAt(store, store.published, 3)).toBe(103);
    expect(store.memory.find(store.published.root, 4)).toBe(0);
    store.close();
    expect(arena.statistics().free).toBe(arena.statistics().slots);
  });

  test('new slabs are announced before a version uses them; an unknown slab is asked for', () => {
    const h = new Harness();
    const slabs: SharedArrayBuffer[] = [...h.arena.slabs()];
    h.arena.onSlab = (index, buffer) => {
      expect(index).toBe(slabs.length);
      slabs.push(buffer);
    };
    const list = Array.from({ length: 600 }, (_, i) => i + 1);
    h.write(list, undefined, true);
    expect(slabs.length).toBeGreaterThan(2);
    expect(slabs.length).toBe(h.arena.slabCount);
  });
});
