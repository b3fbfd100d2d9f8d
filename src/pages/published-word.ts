import type { Version } from './contract.ts';

const SEQUENCE = 0;
const GENERATION = 1;
const ROOT = 3;
const PAGES = 4;
const CHANGE = 5;
const INDEX = 7;
const CLOSED = 9;
const WORDS = 10;

export function createPublishedWord(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * 4);
}

function store(words: Int32Array, at: number, value: number): void {
  Atomics.store(words, at, value | 0);
  Atomics.store(words, at + 1, Math.floor(value / 2 ** 32));
}

function load(words: Int32Array, at: number): number {
  return Atomics.load(words, at + 1) * 2 ** 32 + (Atomics.load(words, at) >>> 0);
}

/** Writes the published version under the sequence lock: odd while it changes. One thread only. */
export function storePublished(words: Int32Array, version: Version): void {
  Atomics.add(words, SEQUENCE, 1);
  store(words, GENERATION, version.generation);
  Atomics.store(words, ROOT, version.root);
  Atomics.store(words, PAGES, version.pages);
  store(words, CHANGE, version.change);
  store(words, INDEX, version.index);
  Atomics.add(words, SEQUENCE, 1);
}

/**
 * No pin counts any more: whoever looked before finds another sequence. Call it before the pins are looked at
 * for the last time, then the slots that nobody pins may go.
 */
export function storeClosed(words: Int32Array): void {
  Atomics.store(words, CLOSED, 1);
  Atomics.add(words, SEQUENCE, 2);
}

export function isClosed(words: Int32Array): boolean {
  return Atomics.load(words, CLOSED) !== 0;
}

/** The sequence to which `loadPublished` belongs; odd while the version is being written. */
export function publishedSequence(words: Int32Array): number {
  return Atomics.load(words, SEQUENCE);
}

/** The published version; only what was read between two equal, even `publishedSequence` is one version. */
export function loadPublished(words: Int32Array): Version {
  return {
    generation: load(words, GENERATION),
    root: Atomics.load(words, ROOT),
    pages: Atomics.load(words, PAGES),
    change: load(words, CHANGE),
    index: load(words, INDEX),
  };
}
