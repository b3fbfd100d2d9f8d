/** Texts remembered. */
const TEXTS = 256;
/** How often each is left alone: what was long or failed once may have had to do with that moment. */
const RESTS = 64;

/** Texts that a quick way was tried for in vain: the next times they go the other way at once. */
export class RestingTexts {
  /** How often each of them is still to be left alone. */
  readonly #rests = new Map<string, number>();

  /** The quick way did not lead to the end. */
  add(text: string): void {
    if (this.#rests.size >= TEXTS) this.#rests.clear();
    this.#rests.set(text, RESTS);
  }

  /** Whether the text is to be left alone this time. */
  skip(text: string): boolean {
    const left = this.#rests.get(text);
    if (left === undefined) return false;
    if (left > 1) this.#rests.set(text, left - 1);
    else this.#rests.delete(text);
    return true;
  }
}
