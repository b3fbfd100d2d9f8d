/** A prepared statement: its own text, without what followed it (M11). */
export interface PreparedStatement {
  readonly sql: string;
}

/** Prepared statements of one connection by id; the lowest free id is given out (client-protocol.md §8.5). */
export class StatementTable {
  readonly #statements: (PreparedStatement | undefined)[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(statement: PreparedStatement): number {
    const free = this.#statements.indexOf(undefined);
    const id = free < 0 ? this.#statements.length : free;
    this.#statements[id] = statement;
    this.#count++;
    return id;
  }

  get(id: number): PreparedStatement | undefined {
    return this.#statements[id];
  }

  /** False when there is none. */
  remove(id: number): boolean {
    if (this.#statements[id] === undefined) return false;
    this.#statements[id] = undefined;
    this.#count--;
    return true;
  }
}
