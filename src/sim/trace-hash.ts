/**
 * A hash of everything that happens in a run, in order: log lines, deliveries, disk calls, events. Two runs
 * of one seed must give the same; else something outside the seed decides.
 */
export class TraceHash {
  #hash = 0x811c9dc5;

  /** Adds numbers; fractions count with their first 20 bits. */
  numbers(...values: readonly number[]): void {
    for (const value of values) {
      this.#mix(value | 0);
      this.#mix((value - Math.floor(value)) * 2 ** 20);
    }
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
  }

  /** Adds the length of some bytes and a few of them. */
  bytes(bytes: Uint8Array): void {
    this.#mix(bytes.length);
    const step = (bytes.length >> 4) + 1;
    for (let i = 0; i < bytes.length; i += step) this.#mix(bytes[i]);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }

  toString(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }
}
