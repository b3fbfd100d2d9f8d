import { assert, QuorateError } from '../base/index.ts';
import type { Statement } from '../engine/index.ts';
import { RAW_CODE } from './failure.ts';
import type { RowFormat } from './messages.ts';
import { COLUMNLESS_ROWS, type RowEncoder, rowEncoder } from './row-encoder.ts';

/** What happens with rows: encoded, refused (dqlite's Exec), or stepped over. */
export type RowMode = 'send' | 'refuse' | 'drop';

/**
 * One execution of a bound statement, with its rows encoded straight from the engine's memory into batches. It can stop after
 * each batch and go on later, so a slow consumer costs one batch of memory and no more.
 */
export class StatementRun {
  readonly statement: Statement;
  readonly #format: RowFormat;
  readonly #inBatch: boolean;
  /** Made for the first batch: most statements that write have none. */
  #encoder: RowEncoder | undefined;
  readonly #mode: RowMode;
  #open = false;
  #stepped = false;
  #done = false;

  constructor(statement: Statement, format: RowFormat, mode: RowMode, inBatch: boolean) {
    this.statement = statement;
    this.#format = format;
    this.#inBatch = inBatch;
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
      const encoder = this.#begin();
      encoder.row(statement);
      if (encoder.full) return this.#end(encoder, true);
    }
    this.#done = true;
    if (this.#mode !== 'send') return undefined;
    // An empty result still tells the names of its columns.
    const none = this.#encoder === undefined && statement.columnCount === 0;
    if (none && this.#format === 'extension') return this.#inBatch ? COLUMNLESS_ROWS : undefined;
    return this.#end(this.#begin(), false);
  }

  #step(statement: Statement): boolean {
    const row = statement.step();
    this.#stepped = true;
    return row;
  }

  #begin(): RowEncoder {
    const first = this.#encoder === undefined;
    this.#encoder ??= rowEncoder(this.#format);
    if (!this.#open) this.#encoder.begin(this.statement, first);
    this.#open = true;
    return this.#encoder;
  }

  #end(encoder: RowEncoder, more: boolean): Uint8Array {
    this.#open = false;
    return encoder.end(more);
  }

  /** Names and declared types of the columns; after the last step. */
  get columns(): readonly string[] {
    if (this.#encoder !== undefined) return this.#encoder.columns;
    return this.statement.columnCount === 0 ? [] : this.statement.columnNames;
  }
  get columnTypes(): readonly string[] {
    if (this.#encoder !== undefined) return this.#encoder.columnTypes;
    return this.statement.columnCount === 0 ? [] : this.statement.columnTypes;
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
