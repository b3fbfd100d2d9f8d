import type { Entry } from '../base/index.ts';

const PRIME = 0x01000193;
const START = 0x811c9dc5;

/** Joins a number to a hash. */
export function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, PRIME);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** Hash of an entry's type and data, word by word: it runs for every entry on every node. */
export function hashEntry(entry: Entry): number {
  const { data, type } = entry;
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
  let hash = mix(START, data.length * 8 + type.length);
  for (const word of words) {
    hash = Math.imul(hash ^ word, PRIME);
    hash ^= hash >>> 15;
  }
  for (let i = words.length * 4; i < data.length; i++) hash = mix(hash, data[i]);
  return hash >>> 0;
}
