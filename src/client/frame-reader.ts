import { DecodeError, LIMITS } from '../base/index.ts';

const HEADER_BYTES = 8;
/** Memory that a message gets before any of its body is there; more comes as bytes come. */
const BODY_BYTES_AT_ONCE = 64 * 1024;

/** Cuts the stream of a server into messages. A body may share memory with the bytes that came: it is good until `deliver` returns. */
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
        const whole = this.#headerBytes === 0 ? this.#wholeAt(bytes, at) : 0;
        if (whole > 0) {
          const body = bytes.subarray(at + HEADER_BYTES, at + whole);
          this.#deliver(bytes[at + 4], bytes[at + 5], body);
          at += whole;
          continue;
        }
        const part = bytes.subarray(at, at + HEADER_BYTES - this.#headerBytes);
        this.#header.set(part, this.#headerBytes);
        this.#headerBytes += part.length;
        at += part.length;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#bodyLength = announced(this.#header, 0);
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

  /** The length of the message that begins here if all of it is here, else 0. */
  #wholeAt(bytes: Uint8Array, at: number): number {
    if (at + HEADER_BYTES > bytes.length) return 0;
    const length = HEADER_BYTES + announced(bytes, at);
    return at + length <= bytes.length ? length : 0;
  }
}

/** Bytes of the body that follows a header. */
function announced(bytes: Uint8Array, at: number): number {
  const words =
    (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  const length = words * 8;
  if (length === 0) throw new DecodeError('a message without a body');
  if (length > LIMITS.clientMessageBytes) {
    throw new DecodeError(`a message of ${length} bytes is above the limit`);
  }
  return length;
}
