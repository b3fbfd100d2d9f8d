import { assert, ByteReader, ByteWriter, DecodeError, pad8, type Value } from '../base/index.ts';
import { type IntegerReader, readIntegerAuto } from './extension-rows.ts';
import { readWireBlob, WIRE_VALUE, writeWireBlob } from './tuple.ts';

const MARKER_DONE = 0xff;
const MARKER_MORE = 0xee;
const CAPACITY = 8192;
const COLUMNS_PER_PATCH = 8;

/** Writes a result value by value; the same for dqlite's row sets and for our extension's. */
export interface RowsWriter {
  /** Bytes of the batch so far, without message header. */
  readonly length: number;
  /** Begins the first batch of a statement. `declaredTypes` has one text per column, '' for an expression. */
  beginFirst(columns: readonly string[], declaredTypes: readonly string[]): void;
  /** Begins a later batch of the same statement. */
  beginNext(): void;
  beginRow(): void;
  integer(value: bigint): void;
  float(value: number): void;
  /** UTF-8 bytes, copied. */
  text(bytes: Uint8Array): void;
  /** Copied. */
  blob(bytes: Uint8Array): void;
  null(): void;
  /** Ends the batch and gives its bytes, in memory of its own. `more`: a further batch follows. */
  end(more: boolean): Uint8Array;
}

type ColumnKind = 'plain' | 'time' | 'boolean';

/** How the declared type of a column changes what is sent: the whole name counts, in any case (client-protocol.md §7.2). */
function columnKind(declaredType: string): ColumnKind {
  switch (declaredType.toUpperCase()) {
    case 'DATETIME':
    case 'DATE':
    case 'TIMESTAMP':
      return 'time';
    case 'BOOLEAN':
      return 'boolean';
    default:
      return 'plain';
  }
}

/** Writes row sets as C does, type codes by declared type included. */
export class RowSetWriter implements RowsWriter {
  #writer = new ByteWriter(0);
  #columns: readonly string[] = [];
  #kinds: readonly ColumnKind[] = [];
  #rowAt = 0;
  #column = 0;
  #codes = 0;

  get length(): number {
    return this.#writer.length;
  }

  beginFirst(columns: readonly string[], declaredTypes: readonly string[]): void {
    this.#columns = columns;
    this.#kinds = columns.map((_, i) => columnKind(declaredTypes[i] ?? ''));
    this.#column = columns.length;
    // Most results are small; a second batch means a large one.
    this.#begin(ByteWriter.pooled());
  }

  beginNext(): void {
    this.#assertRowComplete();
    this.#begin(new ByteWriter(CAPACITY));
  }

  #begin(writer: ByteWriter): void {
    this.#writer = writer;
    this.#writer.safe(this.#columns.length);
    for (const column of this.#columns) this.#writer.text(column);
  }

  beginRow(): void {
    this.#assertRowComplete();
    assert(this.#columns.length > 0, 'a row without columns');
    this.#rowAt = this.#writer.length;
    this.#column = 0;
    this.#codes = 0;
    this.#writer.zeros(rowHeaderBytes(this.#columns.length));
  }

  #assertRowComplete(): void {
    assert(this.#column === this.#columns.length, 'a row is not complete');
  }

  #value(code: number): ByteWriter {
    const column = this.#column++;
    assert(column < this.#columns.length, 'a row has more values than columns');
    const shift = (column % COLUMNS_PER_PATCH) * 4;
    this.#codes = shift === 0 ? code : this.#codes | (code << shift);
    const patchAt = this.#rowAt + Math.floor(column / COLUMNS_PER_PATCH) * 4;
    return this.#writer.patchU32(patchAt, this.#codes >>> 0);
  }

  integer(value: bigint): void {
    const kind = this.#kinds[this.#column];
    if (kind === 'time') this.#value(WIRE_VALUE.unixTime).i64(value);
    else if (kind === 'boolean') this.#value(WIRE_VALUE.boolean).i64(value);
    else this.#value(WIRE_VALUE.integer).i64(value);
  }

  float(value: number): void {
    this.#value(WIRE_VALUE.float).f64(value);
  }

  /** Text is cut at the first NUL: the protocol cannot carry one. */
  text(bytes: Uint8Array): void {
    const time = this.#kinds[this.#column] === 'time';
    const writer = this.#value(time ? WIRE_VALUE.iso8601 : WIRE_VALUE.text);
    const end = bytes.indexOf(0);
    const text = end < 0 ? bytes : bytes.subarray(0, end);
    writer.raw(text).zeros(pad8(text.length + 1) - text.length);
  }

  blob(bytes: Uint8Array): void {
    writeWireBlob(this.#value(WIRE_VALUE.blob), bytes);
  }

  /** C sends an empty text for NULL in a time column and 0 in a boolean one; clients know no better. */
  null(): void {
    const kind = this.#kinds[this.#column];
    const code =
      kind === 'time'
        ? WIRE_VALUE.iso8601
        : kind === 'boolean'
          ? WIRE_VALUE.boolean
          : WIRE_VALUE.null;
    this.#value(code).safe(0);
  }

  end(more: boolean): Uint8Array {
    this.#assertRowComplete();
    const marker = more ? 0xeeee_eeee : 0xffff_ffff;
    const bytes = this.#writer.u32(marker).u32(marker).finish();
    this.#writer = new ByteWriter(0);
    return bytes;
  }
}

function rowHeaderBytes(columns: number): number {
  return Math.ceil(columns / 16) * 8;
}

/** Reads one batch of a row set: the body of a Rows message. */
export class RowSetReader {
  readonly columns: readonly string[];
  /** Type codes of the row read last, by column. */
  readonly types: Uint8Array;
  readonly #reader: ByteReader;
  readonly #view: DataView;
  readonly #integer: IntegerReader;
  #end: 'done' | 'more' | undefined;

  /** Throws DecodeError when the columns do not fit the body. */
  constructor(body: Uint8Array, integer: IntegerReader = readIntegerAuto) {
    this.#reader = new ByteReader(body);
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.#integer = integer;
    this.columns = readColumns(this.#reader);
    this.types = new Uint8Array(this.columns.length);
  }

  /** Known after the last row: 'more' when a further Rows message follows. */
  get end(): 'done' | 'more' | undefined {
    return this.#end;
  }

  /** Where the next row begins. */
  get offset(): number {
    return this.#reader.offset;
  }

  /**
   * The values of the next row, or undefined at the end marker. Types 9 and 11 come as integers, 10 as text.
   * Throws DecodeError on malformed bytes.
   */
  next(): Value[] | undefined {
    if (this.#end !== undefined) return undefined;
    const reader = this.#reader;
    if (reader.remaining < 8) throw new DecodeError('a row set without end marker');
    const first = reader.bytes[reader.offset];
    if (first === MARKER_DONE || first === MARKER_MORE) {
      const word = reader.take(8);
      if (reader.remaining !== 0 || word.some((byte) => byte !== first)) {
        throw new DecodeError('a malformed end of a row set');
      }
      this.#end = first === MARKER_DONE ? 'done' : 'more';
      return undefined;
    }
    const count = this.columns.length;
    if (count === 0) throw new DecodeError('a row without columns');
    const header = reader.take(rowHeaderBytes(count));
    const values: Value[] = [];
    for (let i = 0; i < count; i++) {
      const type = (header[i >> 1] >> ((i & 1) * 4)) & 15;
      this.types[i] = type;
      values.push(this.#value(type));
    }
    return values;
  }

  #value(type: number): Value {
    const reader = this.#reader;
    switch (type) {
      case WIRE_VALUE.integer:
      case WIRE_VALUE.unixTime:
      case WIRE_VALUE.boolean: {
        const at = reader.offset;
        reader.skip(8);
        return this.#integer(this.#view.getInt32(at + 4, true), this.#view.getUint32(at, true));
      }
      case WIRE_VALUE.float:
        return reader.f64();
      case WIRE_VALUE.text:
      case WIRE_VALUE.iso8601:
        return reader.text();
      case WIRE_VALUE.blob:
        return readWireBlob(reader);
      case WIRE_VALUE.null:
        reader.skip(8);
        return null;
      default:
        throw new DecodeError(`value type ${type} is not known`);
    }
  }
}

function readColumns(reader: ByteReader): string[] {
  const count = reader.safe();
  if (count > reader.remaining / 8)
    throw new DecodeError(`${count} columns do not fit the message`);
  const columns: string[] = [];
  for (let i = 0; i < count; i++) columns.push(reader.text());
  return columns;
}
