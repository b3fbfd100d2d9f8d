import { ByteReader, DecodeError, LIMITS } from '../base/index.ts';

const HEADER_BYTES = 8;
/** Memory that a message gets before any of its body is there; more comes as bytes come. */
const BODY_BYTES_AT_ONCE = 64 * 1024;

/** Cuts the stream of a server into messages; each body is a buffer of its own that the receiver may keep. */
export class FrameReader {
  readonly #deliver: (type: number, schema: number, body: Uint8Array) => void;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #body: Uint8Array<ArrayBuffer> | undefined;
  #bodyBytes = 0;
  #bodyLength = 0;

  constructor(deliver: (type: number, schema: number, body: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  /** Takes bytes as they come. Throws DecodeError for a message above the limit or without a body. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#body === undefined) {
        const part = bytes.subarray(at, at + HEADER_BYTES - this.#headerBytes);
        this.#header.set(part, this.#headerBytes);
        this.#headerBytes += part.length;
        at += part.length;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#bodyLength = this.#announced();
        this.#body = new Uint8Array(Math.min(this.#bodyLength, BODY_BYTES_AT_ONCE));
        this.#bodyBytes = 0;
      }
      const part = bytes.subarray(at, at + this.#bodyLength - this.#bodyBytes);
      const body = this.#roomFor(this.#body, part.length);
      body.set(part, this.#bodyBytes);
      this.#bodyBytes += part.length;
      at += part.length;
      if (this.#bodyBytes < this.#bodyLength) return;
      this.#body = undefined;
      this.#headerBytes = 0;
      this.#deliver(this.#header[4], this.#header[5], body);
    }
  }

  /** The body's memory with room for `count` more bytes; in the end it is exactly as long as the body. */
  #roomFor(body: Uint8Array<ArrayBuffer>, count: number): Uint8Array<ArrayBuffer> {
    const needed = this.#bodyBytes + count;
    if (needed <= body.length) return body;
    // With a quarter of it there, room for all of it: the last step is of the exact length.
    const length = needed * 4 >= this.#bodyLength ? this.#bodyLength : needed * 2;
    const grown = new Uint8Array(length);
    grown.set(body.subarray(0, this.#bodyBytes));
    this.#body = grown;
    return grown;
  }

  #announced(): number {
    const length = new ByteReader(this.#header).u32() * 8;
    if (length === 0) throw new DecodeError('a message without a body');
    if (length > LIMITS.clientMessageBytes) {
      throw new DecodeError(`a message of ${length} bytes is above the limit`);
    }
    return length;
  }
}
