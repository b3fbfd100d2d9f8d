const PARTIAL_BYTES_MIN = 64;
const PARTIAL_GROWTH_MIN = 64 * 1024;

/**
 * Cuts a stream that arrives in chunks of any size into fields of wanted lengths. Memory grows with the bytes that
 * really came, never with what a length field promises.
 */
export class FieldStream {
  #wantedBytes: number;
  #partial: Uint8Array<ArrayBuffer> = new Uint8Array(PARTIAL_BYTES_MIN);
  #partialBytes = 0;

  /** `firstBytes`: length of the first field. */
  constructor(firstBytes: number) {
    this.#wantedBytes = firstBytes;
  }

  /** True when no part of a field is waiting for its rest. */
  get atBoundary(): boolean {
    return this.#partialBytes === 0;
  }

  /** Bytes that are missing until the next field is complete. */
  get missingBytes(): number {
    return this.#wantedBytes - this.#partialBytes;
  }

  /**
   * Calls `take` with each complete field; it returns the length of the next one (≥ 1). The field is valid only
   * during the call: it lies in the chunk or in memory that is used again.
   */
  write(chunk: Uint8Array, take: (field: Uint8Array) => number): void {
    let at = 0;
    while (at < chunk.length) {
      const left = chunk.length - at;
      if (this.#partialBytes === 0 && left >= this.#wantedBytes) {
        const field = chunk.subarray(at, at + this.#wantedBytes);
        at += this.#wantedBytes;
        this.#wantedBytes = take(field);
        continue;
      }
      const count = Math.min(this.#wantedBytes - this.#partialBytes, left);
      this.#keep(chunk.subarray(at, at + count));
      at += count;
      if (this.#partialBytes < this.#wantedBytes) return;
      const field = this.#partial.subarray(0, this.#partialBytes);
      this.#partialBytes = 0;
      this.#wantedBytes = take(field);
    }
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#partialBytes + bytes.length;
    if (needed > this.#partial.length) {
      const capacity = Math.max(needed * 2, PARTIAL_GROWTH_MIN);
      const grown = new Uint8Array(Math.max(needed, Math.min(this.#wantedBytes, capacity)));
      grown.set(this.#partial.subarray(0, this.#partialBytes));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#partialBytes);
    this.#partialBytes = needed;
  }
}
