import { QuorateError } from './error.ts';

/** Bytes that do not mean what they should: from a peer, a client or a file. */
export class DecodeError extends QuorateError {
  constructor(message: string) {
    super('MALFORMED', message);
  }

  /** Without this the inherited check would take every QuorateError for a DecodeError. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof QuorateError && value.code === 'MALFORMED';
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Reads little-endian fields from a buffer; throws DecodeError when a field runs past the end. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Made when it is needed: most messages hold only what is put together from bytes, and are read at once. */
  #view: DataView | undefined;
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get #viewed(): DataView {
    const { buffer, byteOffset, byteLength } = this.bytes;
    this.#view ??= new DataView(buffer, byteOffset, byteLength);
    return this.#view;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  #take(count: number): number {
    const at = this.offset;
    if (count < 0 || at + count > this.bytes.length) {
      throw new DecodeError(
        `a field of ${count} bytes at ${at} runs past the end (${this.bytes.length})`,
      );
    }
    this.offset = at + count;
    return at;
  }

  u8(): number {
    return this.bytes[this.#take(1)];
  }
  u16(): number {
    const at = this.#take(2);
    return this.bytes[at] | (this.bytes[at + 1] << 8);
  }
  u32(): number {
    return u32At(this.bytes, this.#take(4));
  }
  u64(): bigint {
    const at = this.#take(8);
    const high = u32At(this.bytes, at + 4);
    if (high < 0x200000) return BigInt(high * 2 ** 32 + u32At(this.bytes, at));
    return this.#viewed.getBigUint64(at, true);
  }
  i64(): bigint {
    const at = this.#take(8);
    const high = u32At(this.bytes, at + 4) | 0;
    if (high < 0x200000 && high >= -0x200000) {
      return BigInt(high * 2 ** 32 + u32At(this.bytes, at));
    }
    return this.#viewed.getBigInt64(at, true);
  }
  /** An i64, as a number where that is exact. */
  integer(): number | bigint {
    const at = this.#take(8);
    const high = u32At(this.bytes, at + 4) | 0;
    if (high < 0x200000 && high >= -0x1fffff) return high * 2 ** 32 + u32At(this.bytes, at);
    return this.#viewed.getBigInt64(at, true);
  }
  f64(): number {
    return this.#viewed.getFloat64(this.#take(8), true);
  }

  /** A u64 that must be a safe integer: an index, a term, a count or a length. */
  safe(): number {
    const at = this.#take(8);
    const high = u32At(this.bytes, at + 4);
    if (high >= 0x200000) throw new DecodeError(`the number at ${at} is above 2^53`);
    return high * 2 ** 32 + u32At(this.bytes, at);
  }

  /** `count` bytes, sharing memory with the buffer. */
  take(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** Zero-terminated UTF-8, without padding. */
  cstring(): string {
    const end = this.bytes.indexOf(0, this.offset);
    if (end < 0) throw new DecodeError(`the text at ${this.offset} has no terminator`);
    const text = decoder.decode(this.bytes.subarray(this.offset, end));
    this.offset = end + 1;
    return text;
  }

  /** Zero-terminated UTF-8, padded to a multiple of 8 counted from the field's start (client-protocol.md §2). */
  text(): string {
    const start = this.offset;
    const text = this.cstring();
    this.offset = Math.min(this.bytes.length, start + pad8(this.offset - start));
    return text;
  }
}

function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Longer texts are encoded by the platform. */
const SHORT_TEXT = 256;

/** Memory that pooled writers share; what they wrote keeps all of it alive. */
const POOL_BYTES = 8 * 1024;
/** What a pooled writer gets of it; one that needs more goes on in a buffer of its own. */
const POOLED_BYTES = 512;

const EMPTY = new Uint8Array(0);

class Pool {
  readonly bytes = new Uint8Array(POOL_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  taken = 0;
}

let pool = new Pool();

/** Appends little-endian fields to a buffer that grows by doubling. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  /** Of the buffer, made when it is needed. */
  #view: DataView | undefined;
  /** Where this writer's part of the buffer begins. */
  #start = 0;
  #end = 0;
  #limit: number;

  constructor(capacity = 256) {
    this.#bytes = capacity === 0 ? EMPTY : new Uint8Array(capacity);
    this.#limit = capacity;
  }

  /**
   * A writer of a short message in memory that it shares with others: a buffer of its own for each costs more than most messages. For what is
   * copied or sent soon; its `buffer` must not be transferred to another thread, nor kept for long.
   */
  static pooled(): ByteWriter {
    if (pool.taken + POOLED_BYTES > POOL_BYTES) pool = new Pool();
    const writer = new ByteWriter(0);
    writer.#bytes = pool.bytes;
    writer.#view = pool.view;
    writer.#start = pool.taken;
    writer.#end = pool.taken;
    pool.taken += POOLED_BYTES;
    writer.#limit = pool.taken;
    return writer;
  }

  get #viewed(): DataView {
    this.#view ??= new DataView(this.#bytes.buffer);
    return this.#view;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Call it before naming the buffer or its view: it may replace both. */
  #reserve(count: number): number {
    if (this.#end + count > this.#limit) this.#grow(count);
    const at = this.#end;
    this.#end = at + count;
    return at;
  }

  #grow(count: number): void {
    const { length } = this;
    const grown = new Uint8Array(Math.max((this.#limit - this.#start) * 2, length + count));
    grown.set(this.#bytes.subarray(this.#start, this.#end));
    this.#bytes = grown;
    this.#view = undefined;
    this.#start = 0;
    this.#end = length;
    this.#limit = grown.length;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }
  u16(value: number): this {
    const at = this.#reserve(2);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
    return this;
  }
  u32(value: number): this {
    const at = this.#reserve(4);
    putU32(this.#bytes, at, value);
    return this;
  }
  u64(value: bigint): this {
    const at = this.#reserve(8);
    this.#viewed.setBigUint64(at, value, true);
    return this;
  }
  i64(value: bigint): this {
    const at = this.#reserve(8);
    this.#viewed.setBigInt64(at, value, true);
    return this;
  }
  f64(value: number): this {
    const at = this.#reserve(8);
    this.#viewed.setFloat64(at, value, true);
    return this;
  }

  /** A u64 from a safe integer ≥ 0. */
  safe(value: number): this {
    const at = this.#reserve(8);
    putU32(this.#bytes, at, value >>> 0);
    putU32(this.#bytes, at + 4, Math.floor(value / 2 ** 32));
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  zeros(count: number): this {
    const at = this.#reserve(count);
    const bytes = this.#bytes;
    for (let i = at; i < at + count; i++) bytes[i] = 0;
    return this;
  }

  /** UTF-8 without anything around it; returns its length in bytes. */
  utf8(text: string): number {
    const { length } = text;
    if (length > SHORT_TEXT) {
      const bytes = encoder.encode(text);
      this.raw(bytes);
      return bytes.length;
    }
    // Most short texts are ASCII: a loop is faster than a call that makes an array.
    const at = this.#reserve(length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) {
        this.#end = at;
        const encoded = encoder.encode(text);
        this.raw(encoded);
        return encoded.length;
      }
      bytes[at + i] = unit;
    }
    return length;
  }

  /** Zero-terminated UTF-8 without padding. */
  cstring(text: string): this {
    this.utf8(text);
    return this.u8(0);
  }

  /** Zero-terminated UTF-8 padded to a multiple of 8 (client-protocol.md §2). */
  text(text: string): this {
    const length = this.utf8(text);
    return this.zeros(pad8(length + 1) - length);
  }

  /** Overwrites a u32 written earlier. */
  patchU32(at: number, value: number): this {
    putU32(this.#bytes, this.#start + at, value);
    return this;
  }

  /** What has been written, sharing memory with the writer: take it, then use the writer no more. */
  finish(): Uint8Array<ArrayBuffer> {
    // What the newest pooled writer did not need is the next one's.
    if (this.#bytes === pool.bytes && this.#limit === pool.taken) pool.taken = pad8(this.#end);
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** A copy of exact size in a buffer of its own, fit to be transferred to another thread. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(this.#start, this.#end);
  }

  /** Forgets what was written and starts again in the same memory. */
  clear(): void {
    this.#end = this.#start;
  }
}

/** The next multiple of 8. */
export function pad8(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of UTF-8 bytes; invalid sequences become U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
