import { isDeepStrictEqual } from 'node:util';
import { DecodeError, SeededRandom } from '../../../src/base/index.ts';
import { crc32 } from '../../../src/wire/index.ts';

/** Choices that belong to these bytes. */
export function randomOf(bytes: Uint8Array): SeededRandom {
  return new SeededRandom(crc32(bytes));
}

/** Runs a decoder: what it returns, or undefined when it refused the bytes as it should. */
export function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** Throws unless both are the same down to the last byte. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: ${show(actual)} instead of ${show(expected)}`);
}

export function demand(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : part,
  );
  return (text ?? String(value)).slice(0, 200);
}

/** Calls `take` with pieces of the bytes, cut anywhere. */
export function inPieces(
  bytes: Uint8Array,
  random: SeededRandom,
  take: (piece: Uint8Array) => void,
): void {
  const longest =
    [bytes.length > 10_000 ? 100 : 1, 7, 64, 5000, bytes.length + 1][random.uint32() % 5] ?? 1;
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + (random.uint32() % longest);
    // Connections use their memory again: nobody may keep what it was given.
    const piece = bytes.slice(at, at + length);
    take(piece);
    piece.fill(0xa5);
    at += length;
  }
}
