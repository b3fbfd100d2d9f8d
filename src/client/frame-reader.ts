import { ByteReader, DecodeError, LIMITS } from '../base/index.ts';

const HEADER_BYTES = 8;

/** Cuts the stream of a server into messages; each body is a buffer of its own that the receiver may keep. */
export class FrameReader {
  readonly #deliver: (type: number, schema: number, body: Uint8Array) => void;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #body: Uint8Array | undefined;
  #bodyBytes = 0;

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
        this.#body = new Uint8Array(this.#bodyLength());
        this.#bodyBytes = 0;
      }
      const part = bytes.subarray(at, at + this.#body.length - this.#bodyBytes);
      this.#body.set(part, this.#bodyBytes);
      this.#bodyBytes += part.length;
      at += part.length;
      if (this.#bodyBytes < this.#body.length) return;
      const body = this.#body;
      this.#body = undefined;
      this.#headerBytes = 0;
      this.#deliver(this.#header[4], this.#header[5], body);
    }
  }

  #bodyLength(): number {
    const length = new ByteReader(this.#header).u32() * 8;
    if (length === 0) throw new DecodeError('a message without a body');
    if (length > LIMITS.clientMessageBytes) {
      throw new DecodeError(`a message of ${length} bytes is above the limit`);
    }
    return length;
  }
}
