import { type ByteReader, ByteWriter } from '../base/index.ts';
import { readCount, readName, writeString } from './extension-value.ts';

interface Columns {
  readonly columns: readonly string[];
  readonly columnTypes: readonly string[];
}

/** Counters and columns of one statement. */
export interface ExtensionResult extends Columns {
  readonly rowsAffected: number;
  readonly lastInsertRowid: bigint;
}

const NO_COLUMNS: Columns = { columns: [], columnTypes: [] };

/** Encodes *results* one by one, so that a thread can hand on those of many statements as bytes. */
export class ResultsWriter {
  readonly #writer = new ByteWriter().safe(0);
  #count = 0;

  add(rowsAffected: number, lastInsertRowid: bigint, columns = NO_COLUMNS): void {
    writeResult(this.#writer, rowsAffected, lastInsertRowid, columns);
    this.#count++;
  }

  /** What was added, in memory of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#writer.patchU32(0, this.#count).copy();
  }
}

export function writeResults(writer: ByteWriter, results: readonly ExtensionResult[]): void {
  writer.safe(results.length);
  for (const result of results) {
    writeResult(writer, result.rowsAffected, result.lastInsertRowid, result);
  }
}

function writeResult(
  writer: ByteWriter,
  rowsAffected: number,
  lastInsertRowid: bigint,
  { columns, columnTypes }: Columns,
): void {
  writer.safe(rowsAffected).i64(lastInsertRowid);
  writeColumns(writer, columns, columnTypes);
}

export function readResults(reader: ByteReader): ExtensionResult[] {
  const results: ExtensionResult[] = [];
  for (let count = readCount(reader); count > 0; count--) {
    const rowsAffected = reader.safe();
    const lastInsertRowid = reader.i64();
    const { columns, columnTypes } = readColumns(reader);
    results.push({ rowsAffected, lastInsertRowid, columns, columnTypes });
  }
  return results;
}

/** Appends the names and declared types of columns. */
export function writeColumns(
  writer: ByteWriter,
  columns: readonly string[],
  types: readonly string[],
): void {
  writer.safe(columns.length);
  for (let i = 0; i < columns.length; i++) {
    writeString(writer, columns[i]);
    writeString(writer, types[i] ?? '');
  }
}

/** Counterpart of `writeColumns`. */
export function readColumns(reader: ByteReader): Columns {
  const count = readCount(reader);
  if (count === 0) return NO_COLUMNS;
  const columns: string[] = [];
  const columnTypes: string[] = [];
  for (let i = 0; i < count; i++) {
    columns.push(readName(reader));
    columnTypes.push(readName(reader));
  }
  return { columns, columnTypes };
}
