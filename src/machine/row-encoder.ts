import { LIMITS } from '../base/index.ts';
import { COLUMN_TYPE, type Statement } from '../engine/index.ts';
import { ExtensionRowsWriter, RowSetWriter, type RowsWriter } from '../wire/index.ts';
import type { RowFormat } from './messages.ts';

/** Size at which a batch of our own format is closed: large enough to make the cost per message vanish. */
const EXTENSION_BATCH_BYTES = 32 * 1024;
/** Bytes of a message that come before the body, where C counts them (client-protocol.md §7.1). */
const MESSAGE_HEADER_BYTES = 8;

/** Writes rows of a statement, straight from the engine's memory, into batches of one format. */
export class RowEncoder {
  readonly #writer: RowsWriter;
  readonly #batchBytes: number;
  #columns: readonly string[] = [];
  #columnTypes: readonly string[] = [];

  constructor(writer: RowsWriter, batchBytes: number) {
    this.#writer = writer;
    this.#batchBytes = batchBytes;
  }

  get columns(): readonly string[] {
    return this.#columns;
  }
  get columnTypes(): readonly string[] {
    return this.#columnTypes;
  }

  /** The open batch has reached its size. */
  get full(): boolean {
    return this.#writer.length >= this.#batchBytes;
  }

  /** Opens a batch; `first` is true for the first one of the statement. */
  begin(statement: Statement, first: boolean): void {
    if (!first) {
      this.#writer.beginNext();
      return;
    }
    // Only now: a changed schema has recompiled the statement with its first step.
    this.#columns = statement.columnNames;
    this.#columnTypes = statement.columnTypes;
    this.#writer.beginFirst(this.#columns, this.#columnTypes);
  }

  /** Appends the current row. */
  row(statement: Statement): void {
    const writer = this.#writer;
    writer.beginRow();
    const { length } = this.#columns;
    for (let i = 0; i < length; i++) {
      switch (statement.type(i)) {
        case COLUMN_TYPE.integer:
          writer.integer(statement.bigint(i));
          break;
        case COLUMN_TYPE.float:
          writer.float(statement.double(i));
          break;
        case COLUMN_TYPE.text:
          writer.text(statement.textBytes(i));
          break;
        case COLUMN_TYPE.blob:
          writer.blob(statement.blobBytes(i));
          break;
        default:
          writer.null();
      }
    }
  }

  /** Closes the batch and gives its bytes, in memory of its own. */
  end(more: boolean): Uint8Array {
    return this.#writer.end(more);
  }
}

/** An encoder for one statement. */
export function rowEncoder(format: RowFormat): RowEncoder {
  return format === 'dqlite'
    ? new RowEncoder(new RowSetWriter(), LIMITS.rowsBatchBytes - MESSAGE_HEADER_BYTES)
    : new RowEncoder(new ExtensionRowsWriter(), EXTENSION_BATCH_BYTES);
}

/**
 * An empty row set of our own format, for a statement without result columns in a batch of statements: end markers count
 * statements there. In memory that nothing else shares; nobody writes into it.
 */
export const COLUMNLESS_ROWS = emptyRowSet();

function emptyRowSet(): Uint8Array {
  const writer = new ExtensionRowsWriter();
  writer.beginFirst([]);
  return writer.end(false).slice();
}
