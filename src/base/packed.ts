import { assert } from './assert.ts';
import type { Value } from './types.ts';

/** What structured clone carries at little cost: objects have the names of all their properties written and looked up. */
export type Packable = Value | boolean | undefined;

/** Takes values in a row. */
export interface PackedWriter {
  push(...values: Packable[]): number;
}

/** Writes a message as values in a row, the first of which is a number; false = it crosses as it is. */
export type Pack<Message> = (message: Message, into: PackedWriter) => boolean;
export type Unpack<Message> = (from: PackedReader) => Message;

/** Reads values in the order in which they were written. Throws AssertionError when they are not what was expected. */
export class PackedReader {
  readonly #values: readonly unknown[];
  #at: number;

  constructor(values: readonly unknown[], at: number) {
    this.#values = values;
    this.#at = at;
  }

  /** Where the next value is. */
  get at(): number {
    return this.#at;
  }

  /** Passes over the number that says what follows. */
  expect(tag: number): void {
    assert(this.#values[this.#at++] === tag, 'another message');
  }

  number(): number {
    const value = this.#values[this.#at++];
    assert(typeof value === 'number', 'not a number');
    return value;
  }

  bigint(): bigint {
    const value = this.#values[this.#at++];
    assert(typeof value === 'bigint', 'not a bigint');
    return value;
  }

  text(): string {
    const value = this.#values[this.#at++];
    assert(typeof value === 'string', 'not a text');
    return value;
  }

  textIfAny(): string | undefined {
    const value = this.#values[this.#at++];
    assert(typeof value === 'string' || value === undefined, 'not a text');
    return value;
  }

  flag(): boolean {
    const value = this.#values[this.#at++];
    assert(typeof value === 'boolean', 'not a flag');
    return value;
  }

  bytes(): Uint8Array {
    const value = this.#values[this.#at++];
    assert(value instanceof Uint8Array, 'not bytes');
    return value;
  }

  /** A value of SQL. */
  value(): Value {
    const value = this.#values[this.#at++];
    if (typeof value === 'number' || typeof value === 'string' || value === null) return value;
    if (typeof value === 'bigint') return value;
    assert(value instanceof Uint8Array, 'not a value');
    return value;
  }

  /** As many as the number before them says. */
  list<T>(read: (from: PackedReader) => T): T[] {
    const length = this.number();
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(read(this));
    return items;
  }
}
