import { assert } from './assert.ts';

declare const brand: unique symbol;

/** Position in the replicated log, from 1; 0 = before the first entry. A safe integer. */
export type LogIndex = number & { readonly [brand]: 'LogIndex' };
/** Raft term, from 1; 0 = none yet. A safe integer. */
export type Term = number & { readonly [brand]: 'Term' };
/** Id of a node: a non-zero unsigned 64-bit integer. 0n = nobody. */
export type NodeId = bigint;

/** Checks a number that becomes a log index. Throws AssertionError unless it is a safe integer ≥ 0. */
export function logIndex(value: number): LogIndex {
  assert(Number.isSafeInteger(value) && value >= 0, () => `not a log index: ${value}`);
  return value as LogIndex;
}

/** Checks a number that becomes a term. Throws AssertionError unless it is a safe integer ≥ 0. */
export function term(value: number): Term {
  assert(Number.isSafeInteger(value) && value >= 0, () => `not a term: ${value}`);
  return value as Term;
}

/** What a member of the cluster does: vote and replicate, only replicate, or wait in reserve. */
export type Role = 'voter' | 'stand-by' | 'spare';

/** A member of a configuration. The address is the node's identity towards clients. */
export interface Member {
  readonly id: NodeId;
  readonly address: string;
  readonly role: Role;
}

/** Members in the order in which they were added; the order is part of the replicated bytes. */
export interface Configuration {
  readonly members: readonly Member[];
}

/** Log entries: a command for the state machine, an empty barrier, a complete new configuration. */
export type EntryType = 'command' | 'barrier' | 'configuration';

/** One entry of the replicated log. `data.length` is a multiple of 8. The bytes are never changed. */
export interface Entry {
  readonly term: Term;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** An SQL value as it travels through the system. */
export type Value = null | number | bigint | string | Uint8Array;

/** Page size of every database, in bytes; fixed by the replicated format (fsm.md §1). */
export const PAGE_SIZE_BYTES = 4096;
