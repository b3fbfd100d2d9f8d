/** Numbers that lie so close together have places of their own. */
const RECENT = 256;

/**
 * What is under way, by its number: numbers rise one by one, and most things end in the order in which they began. A `Map` of such things makes
 * a new table for every few dozen of them, and an old table keeps alive what it held.
 */
export class Numbered<T> {
  /** Empty until something begins: there are many tables in which nothing ever does. */
  #numbers: number[] = [];
  #recent: (T | undefined)[] = [];
  /** Those whose place a later number needed. */
  readonly #older = new Map<number, T>();
  #size = 0;
  #last = 0;

  get size(): number {
    return this.#size;
  }

  get(number: number): T | undefined {
    const at = number % RECENT;
    return this.#numbers[at] === number ? this.#recent[at] : this.#older.get(number);
  }

  /** Adds under the next number and gives it. Not together with `set`. */
  add(value: T): number {
    this.set(++this.#last, value);
    return this.#last;
  }

  /** Adds or replaces. Numbers are integers above 0. */
  set(number: number, value: T): void {
    if (this.#recent.length === 0) {
      this.#numbers = new Array<number>(RECENT).fill(0);
      this.#recent = new Array<T | undefined>(RECENT).fill(undefined);
    }
    if (this.get(number) === undefined) this.#size++;
    else if (this.#older.has(number)) {
      this.#older.set(number, value);
      return;
    }
    const at = number % RECENT;
    const before = this.#recent[at];
    if (before !== undefined && this.#numbers[at] !== number) {
      this.#older.set(this.#numbers[at], before);
    }
    this.#numbers[at] = number;
    this.#recent[at] = value;
  }

  delete(number: number): boolean {
    const at = number % RECENT;
    if (this.#numbers[at] === number && this.#recent[at] !== undefined) {
      this.#recent[at] = undefined;
      this.#numbers[at] = 0;
    } else if (!this.#older.delete(number)) return false;
    this.#size--;
    return true;
  }

  /** In the order of their numbers. */
  values(): T[] {
    const all: [number, T][] = [...this.#older];
    for (let at = 0; at < this.#recent.length && all.length < this.#size; at++) {
      const value = this.#recent[at];
      if (value !== undefined) all.push([this.#numbers[at], value]);
    }
    return all.sort(([a], [b]) => a - b).map(([, value]) => value);
  }

  clear(): void {
    this.#numbers.fill(0);
    this.#recent.fill(undefined);
    this.#older.clear();
    this.#size = 0;
  }
}
