import type { Random } from '../../src/base/index.ts';

/**
 * Something that takes bytes from somebody else. The same bytes always do the same: where a target needs choices
 * (how to cut a stream, what a peer answers) it draws them from the bytes.
 */
export interface Target {
  /** Also the name of its folder in `testdata/fuzz`. */
  readonly name: string;
  /** Good inputs to be damaged: captured ones and generated ones. */
  corpus(random: Random): readonly Uint8Array[];
  /** Makes checksums right again, so that damage gets past them. */
  repair?(bytes: Uint8Array): void;
  /** Throws when the bytes did what they must not; refusing them in the proper way is no error. */
  run(bytes: Uint8Array): void | Promise<void>;
  /** Bytes that may be asked for at once, and in all, by an input of this length. Default `usualMemory`. */
  memory?(length: number): MemoryBound;
  /** Inputs of `npm test`; slow targets take fewer than the usual 300. */
  readonly quickInputs?: number;
}

export interface MemoryBound {
  readonly atOnce: number;
  readonly total: number;
}

const FIXED_BYTES = 1024 * 1024;

/** A few times what came, and a fixed part: never what a length field promises. */
export function usualMemory(length: number): MemoryBound {
  return { atOnce: FIXED_BYTES + 4 * length, total: 4 * FIXED_BYTES + 64 * length };
}
