import { type Random, randomBelow } from '../../src/base/index.ts';

/** Values at which length fields and counters turn over. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  7n,
  8n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x1fff_ffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_fff8n,
  0xffff_ffffn,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const LENGTH_MAX = 256 * 1024;

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBits,
  setByte,
  setEdge,
  setEdge,
  setEdge,
  nudge,
  (bytes, random) => bytes.slice(0, randomBelow(random, bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  repeatRange,
  splice,
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return bytes.slice().fill(randomBelow(random, 2) * 255, from, to);
  },
];

/** A damaged copy: one to six mutations, each anywhere. `other` is a second good input to take parts of. */
export function mutate(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  let mutated: Uint8Array = bytes.slice();
  for (let left = 1 + randomBelow(random, 6); left > 0; left--) {
    const mutation = MUTATIONS[randomBelow(random, MUTATIONS.length)];
    mutated = mutation(mutated, random, other);
    if (mutated.length > LENGTH_MAX) mutated = mutated.slice(0, LENGTH_MAX);
  }
  return mutated;
}

function flipBits(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return bytes;
  for (let left = 1 + randomBelow(random, 8); left > 0; left--) {
    bytes[randomBelow(random, bytes.length)] ^= 1 << randomBelow(random, 8);
  }
  return bytes;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[randomBelow(random, bytes.length)] = random.uint32() & 255;
  return bytes;
}

/** An edge value into a field of 1, 2, 4 or 8 bytes, mostly an aligned one near the start. */
function setEdge(bytes: Uint8Array, random: Random): Uint8Array {
  const width = 1 << randomBelow(random, 4);
  const near = randomBelow(random, 2) === 0 ? Math.min(bytes.length, 64) : bytes.length;
  let at = randomBelow(random, near);
  if (randomBelow(random, 4) > 0) at -= at % width;
  const value = EDGES[randomBelow(random, EDGES.length)];
  for (let i = 0; i < width && at + i < bytes.length; i++) {
    bytes[at + i] = Number((value >> BigInt(8 * i)) & 255n);
  }
  return bytes;
}

/** Adds a little to a byte: lengths that are off by one. */
function nudge(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) {
    bytes[randomBelow(random, bytes.length)] += randomBelow(random, 17) - 8;
  }
  return bytes;
}

function repeatRange(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to] = range(bytes, random);
  const times = 1 + randomBelow(random, randomBelow(random, 8) === 0 ? 500 : 3);
  const part = bytes.subarray(from, Math.min(to, from + Math.floor(LENGTH_MAX / times)));
  const parts: Uint8Array[] = [bytes.subarray(0, to)];
  for (let i = 0; i < times; i++) parts.push(part);
  return concat([...parts, bytes.subarray(to)]);
}

function splice(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const [from, to] = range(other, random);
  const at = randomBelow(random, bytes.length + 1);
  const skip = randomBelow(random, 2) * (to - from);
  return concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at + skip)]);
}

function range(bytes: Uint8Array, random: Random): [number, number] {
  const from = randomBelow(random, bytes.length + 1);
  const longest = randomBelow(random, 2) === 0 ? 32 : bytes.length - from;
  return [from, Math.min(bytes.length, from + randomBelow(random, longest + 1))];
}

/** All parts one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
