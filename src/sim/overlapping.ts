/** A fault that may begin again before it has ended: of those that last, the worst counts, and each ends by itself. */
export class Overlapping {
  readonly #worst: (values: readonly number[]) => number;
  readonly #lasting = new Map<symbol, number>();

  /** `worst` of none is the value without any fault. */
  constructor(worst: (values: readonly number[]) => number) {
    this.#worst = worst;
  }

  get value(): number {
    return this.#worst([...this.#lasting.values()]);
  }

  /** Returns what ends it; that may be called again, and after `clear`. */
  begin(value: number): () => void {
    const own = Symbol('fault');
    this.#lasting.set(own, value);
    return () => {
      this.#lasting.delete(own);
    };
  }

  clear(): void {
    this.#lasting.clear();
  }
}
