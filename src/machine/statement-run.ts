import { assert, QuorateError } from '../base/index.ts';
import type { Statement } from '../engine/index.ts';
import { RAW_CODE } from './failure.ts';
import type { RowEncoder } from './row-encoder.ts';

/** What happens with rows: encoded, refused (dqlite's Exec), or stepped over. */
export type RowMode = 'send' | 'refuse' | 'drop';

/**
 * One execution of a bound statement, with its rows encoded straight from the engine's memory into batches. It can stop after
 * each batch and go on later, so a slow consumer costs one batch of memory and no more.
 */
export class StatementRun {
  readonly statement: Statement;
  readonly #encoder: RowEncoder;
  readonly #mode: RowMode;
  #first = true;
  #open = false;
  #stepped = false;
  #done = false;

  constructor(statement: Statement, encoder: RowEncoder, mode: RowMode) {
    this.statement = statement;
    this.#encoder = encoder;
    this.#mode = mode;
  }

  /** The statement has finished; its last batch, if it has one, was returned. */
  get done(): boolean {
    return this.#done;
  }

  /** At least one step was made: SQLite has pinned what the statement sees. */
  get stepped(): boolean {
    return this.#stepped;
  }

  /**
   * Steps until a batch is complete or the statement has finished, and returns the batch, if any. Throws QuorateError: SQLite's
   * errors, and ROWS_NOT_EXPECTED.
   */
  advance(): Uint8Array | undefined {
    assert(!this.#done, 'a finished statement was advanced');
    const { statement } = this;
    while (this.#step(statement)) {
      if (this.#mode === 'drop') continue;
      if (this.#mode === 'refuse') throw rowsNotExpected();
      this.#begin();
      this.#encoder.row(statement);
      if (this.#encoder.full) return this.#end(true);
    }
    this.#done = true;
    if (this.#mode !== 'send') return undefined;
    // An empty result still tells the names of its columns.
    if (this.#first && this.#encoder.skipsColumnless && statement.columnCount === 0)
      return undefined;
    this.#begin();
    return this.#end(false);
  }

  #step(statement: Statement): boolean {
    const row = statement.step();
    this.#stepped = true;
    return row;
  }

  #begin(): void {
    if (this.#open) return;
    this.#encoder.begin(this.statement, this.#first);
    this.#open = true;
    this.#first = false;
  }

  #end(more: boolean): Uint8Array {
    this.#open = false;
    return this.#encoder.end(more);
  }

  /** Resets the statement and gives it back to its connection. */
  release(): void {
    this.#done = true;
    this.statement.release();
  }
}

export function rowsNotExpected(): QuorateError {
  return new QuorateError('ROWS_NOT_EXPECTED', 'rows yielded when none expected for EXEC request', {
    rawCode: RAW_CODE.error,
  });
}
