import { assert, ByteReader, ByteWriter, DecodeError, LIMITS } from '../base/index.ts';

/** Words in the body, type, schema, reserved (client-protocol.md §3). */
export const MESSAGE_HEADER_BYTES = 8;
/** First word of a connection. The legacy protocol differs only in the answer to Leader. */
export const PROTOCOL_VERSION = 1n;
export const PROTOCOL_VERSION_LEGACY = 0x86104dd760433fe5n;
const CAPACITY_MIN = 4096;

/** A complete message of the client protocol. */
export interface WireMessage {
  readonly type: number;
  readonly schema: number;
  /** A whole number of words, at least one. Valid only until the reader is used again. */
  readonly body: Uint8Array;
}

/** Starts a message in an empty writer; the length is filled in by `finishWireMessage`. */
export function beginWireMessage(writer: ByteWriter, type: number, schema = 0): ByteWriter {
  assert(writer.length === 0, 'a message begins in an empty writer');
  return writer.u32(0).u8(type).u8(schema).u16(0);
}

/** Completes the message and gives its bytes; the writer is used no more. */
export function finishWireMessage(writer: ByteWriter): Uint8Array<ArrayBuffer> {
  const bodyBytes = writer.length - MESSAGE_HEADER_BYTES;
  assert(bodyBytes > 0 && bodyBytes % 8 === 0, 'the body of a message is not whole words');
  return writer.patchU32(0, bodyBytes / 8).finish();
}

/** Header of a message whose body is sent separately. `bodyBytes` is a multiple of 8 above 0. */
export function encodeMessageHeader(
  type: number,
  schema: number,
  bodyBytes: number,
): Uint8Array<ArrayBuffer> {
  assert(bodyBytes > 0 && bodyBytes % 8 === 0 && bodyBytes / 8 < 2 ** 32, 'a bad body length');
  return new ByteWriter(MESSAGE_HEADER_BYTES)
    .u32(bodyBytes / 8)
    .u8(type)
    .u8(schema)
    .u16(0)
    .finish();
}

/**
 * Collects bytes of a connection and cuts them into messages. Memory grows with the bytes that came, never with
 * what a header promises; who feeds it pauses the connection while messages wait.
 */
export class MessageReader {
  readonly #limitBytes: number;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(CAPACITY_MIN);
  #start = 0;
  #end = 0;

  /** `limitBytes`: greatest length of a message, header included. */
  constructor(limitBytes: number = LIMITS.clientMessageBytes) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes that came and were not taken yet. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** Adds bytes as they come; they are copied. */
  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  #makeRoom(count: number): void {
    const pending = this.#bytes.subarray(this.#start, this.#end);
    const needed = pending.length + count;
    const fits = needed <= this.#bytes.length && this.#start >= pending.length;
    const target = fits ? this.#bytes : new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    target.set(pending);
    this.#bytes = target;
    this.#end = pending.length;
    this.#start = 0;
  }

  /** Takes one word, such as the protocol version at the start; undefined until it is complete. */
  word(): bigint | undefined {
    if (this.bufferedBytes < 8) return undefined;
    const word = new ByteReader(this.#bytes, this.#start).u64();
    this.#start += 8;
    return word;
  }

  /**
   * Takes the next message; undefined until it is complete. Throws DecodeError on an empty body, and on a message
   * above the limit as soon as its header is there. The connection is then to be closed.
   */
  next(): WireMessage | undefined {
    const buffered = this.bufferedBytes;
    if (buffered < MESSAGE_HEADER_BYTES) {
      if (buffered === 0) this.#shrink();
      return undefined;
    }
    const reader = new ByteReader(this.#bytes, this.#start);
    const bytes = MESSAGE_HEADER_BYTES + reader.u32() * 8;
    const type = reader.u8();
    const schema = reader.u8();
    if (bytes === MESSAGE_HEADER_BYTES) throw new DecodeError('a message without body');
    if (bytes > this.#limitBytes) {
      throw new DecodeError(`a message of ${bytes} bytes is above the limit ${this.#limitBytes}`);
    }
    if (buffered < bytes) return undefined;
    const body = this.#bytes.subarray(this.#start + MESSAGE_HEADER_BYTES, this.#start + bytes);
    this.#start += bytes;
    return { type, schema, body };
  }

  /** Takes everything that is left, a copy: what follows Connect belongs to the raft stream. */
  rest(): Uint8Array<ArrayBuffer> {
    const rest = this.#bytes.slice(this.#start, this.#end);
    this.#start = this.#end;
    this.#shrink();
    return rest;
  }

  /** Gives back the memory of a large message. */
  #shrink(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#bytes.length > 16 * CAPACITY_MIN) this.#bytes = new Uint8Array(CAPACITY_MIN);
  }
}
