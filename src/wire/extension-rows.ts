import { assert, ByteWriter, DecodeError, pad8, utf8, type Value } from '../base/index.ts';
import { EXTENSION_VALUE, writeBytes, writeString } from './extension-value.ts';
import { KnownTexts } from './known-texts.ts';

const ROWS_END = 0xff;
const ROWS_MORE = 0xee;
const COLUMNS_PER_HALF_WORD = 8;
/** Most results are small; a second batch means a large one. */
const NEXT_CAPACITY = 32 * 1024;

/** Writes row batches of our extension value by value (docs/protocol-extensions.md, "Row batch"). */
export class ExtensionRowsWriter {
  #writer = new ByteWriter(0);
  #columns = 0;
  #headerAt = 0;
  #column = 0;
  #types = 0;

  /** Bytes of the batch so far. */
  get length(): number {
    return this.#writer.length;
  }

  /** The first batch of a statement: with the names of its columns. */
  beginFirst(columns: readonly string[]): void {
    this.#writer = ByteWriter.pooled();
    this.#columns = columns.length;
    this.#writer.safe(columns.length);
    for (const column of columns) writeString(this.#writer, column);
  }

  /** A later batch of the same statement. */
  beginNext(): void {
    this.#writer = new ByteWriter(NEXT_CAPACITY);
    this.#writer.safe(0);
  }

  beginRow(): void {
    this.#headerAt = this.#writer.length;
    this.#column = 0;
    this.#types = 0;
    this.#writer.zeros(headerBytes(this.#columns));
  }

  #type(type: number): ByteWriter {
    assert(this.#column < this.#columns, 'a row has more values than columns');
    const nibble = this.#column % COLUMNS_PER_HALF_WORD;
    if (nibble === 0) this.#types = 0;
    this.#types |= type << (nibble * 4);
    const at = this.#headerAt + Math.floor(this.#column / COLUMNS_PER_HALF_WORD) * 4;
    this.#writer.patchU32(at, this.#types >>> 0);
    this.#column++;
    return this.#writer;
  }

  integer(value: bigint): void {
    this.#type(EXTENSION_VALUE.integer).i64(value);
  }
  float(value: number): void {
    this.#type(EXTENSION_VALUE.float).f64(value);
  }
  text(bytes: Uint8Array): void {
    writeBytes(this.#type(EXTENSION_VALUE.text), bytes);
  }
  blob(bytes: Uint8Array): void {
    writeBytes(this.#type(EXTENSION_VALUE.blob), bytes);
  }
  null(): void {
    this.#type(EXTENSION_VALUE.null);
  }

  /** A value that is not in the engine's memory any more: numbers are integers when they are safe ones. */
  value(value: Value): void {
    if (value === null) this.null();
    else if (typeof value === 'bigint') this.integer(value);
    else if (typeof value === 'string') this.text(utf8(value));
    else if (typeof value !== 'number') this.blob(value);
    else if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(BigInt(value));
    else this.float(value);
  }

  /** Ends the batch and gives its bytes. */
  end(more: boolean): Uint8Array {
    const marker = more ? ROWS_MORE : ROWS_END;
    for (let i = 0; i < 8; i++) this.#writer.u8(marker);
    return this.#writer.finish();
  }
}

/** How integers become values: 'auto' numbers when safe, else bigint; 'number' and 'bigint' always that. */
export type IntegerReader = (high: number, low: number) => Value;

/** `high` is the signed upper half, `low` the unsigned lower half of a 64-bit integer. */
export const readIntegerAuto: IntegerReader = (high, low) =>
  high >= -0x200000 && high < 0x200000 && !(high === -0x200000 && low === 0)
    ? high * 2 ** 32 + low
    : readIntegerBigint(high, low);

export const readIntegerBigint = (high: number, low: number): bigint =>
  (BigInt(high) << 32n) | BigInt(low);

/** Reads the batches of one statement after another; keeps the columns of the first. */
export class ExtensionRowsReader {
  #columns: readonly string[] | undefined;
  readonly #integer: IntegerReader;
  #ended = false;

  constructor(integer: IntegerReader = readIntegerAuto) {
    this.#integer = integer;
  }

  /** Undefined before the first batch. */
  get columns(): readonly string[] | undefined {
    return this.#columns;
  }

  /** True after the batch that had the end marker. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The values of each row of a batch, in order.
   * Throws DecodeError for malformed bytes, and whatever the reader of integers throws.
   */
  batch(bytes: Uint8Array): Value[][] {
    if (this.#ended) throw new DecodeError('rows after the end of a row set');
    const cursor = new Cursor(bytes, this.#integer);
    const count = cursor.length();
    if (count > bytes.length / 8) throw new DecodeError(`${count} columns do not fit the message`);
    if (this.#columns === undefined) {
      const columns: string[] = [];
      for (let i = 0; i < count; i++) columns.push(cursor.name());
      this.#columns = columns;
    } else if (count !== 0) throw new DecodeError('columns in a later batch of a row set');
    const columns = this.#columns.length;
    const rows: Value[][] = [];
    for (;;) {
      const marker = cursor.peek();
      if (marker === ROWS_END || marker === ROWS_MORE) {
        this.#ended = marker === ROWS_END;
        cursor.skip(8);
        if (cursor.remaining !== 0) throw new DecodeError('bytes after the end of a row batch');
        return rows;
      }
      if (columns === 0) throw new DecodeError('a row without columns');
      rows.push(cursor.row(columns));
    }
  }
}

function headerBytes(columns: number): number {
  return Math.ceil(columns / 16) * 8;
}

const names = new KnownTexts();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const SHORT_TEXT_BYTES = 32;

/** Like ByteReader, without a bigint for each integer. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #integer: IntegerReader;
  #at = 0;

  constructor(bytes: Uint8Array, integer: IntegerReader) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#integer = integer;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  skip(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) {
      throw new DecodeError(`a field of ${count} bytes at ${at} of a row batch runs past its end`);
    }
    this.#at = at + count;
    return at;
  }

  peek(): number {
    if (this.remaining < 8) throw new DecodeError('a row batch without end marker');
    return this.#bytes[this.#at];
  }

  length(): number {
    const at = this.skip(8);
    const high = this.#view.getUint32(at + 4, true);
    if (high !== 0) throw new DecodeError('a length above 4 GiB in a row batch');
    return this.#view.getUint32(at, true);
  }

  name(): string {
    const length = this.length();
    const at = this.skip(pad8(length));
    return names.decode(this.#bytes.subarray(at, at + length));
  }

  text(): string {
    const length = this.length();
    const at = this.skip(pad8(length));
    const bytes = this.#bytes;
    // A call of TextDecoder costs more than most column values are long.
    if (length <= SHORT_TEXT_BYTES) {
      let text = '';
      let i = at;
      for (; i < at + length && bytes[i] < 128; i++) text += String.fromCharCode(bytes[i]);
      if (i === at + length) return text;
    }
    return decoder.decode(bytes.subarray(at, at + length));
  }

  row(columns: number): Value[] {
    const header = this.skip(headerBytes(columns));
    const values: Value[] = [];
    for (let i = 0; i < columns; i++) {
      const pair = this.#bytes[header + (i >> 1)];
      values.push(this.#value((i & 1) === 0 ? pair & 15 : pair >> 4));
    }
    return values;
  }

  #value(type: number): Value {
    switch (type) {
      case EXTENSION_VALUE.integer: {
        const at = this.skip(8);
        return this.#integer(this.#view.getInt32(at + 4, true), this.#view.getUint32(at, true));
      }
      case EXTENSION_VALUE.float:
        return this.#view.getFloat64(this.skip(8), true);
      case EXTENSION_VALUE.text:
        return this.text();
      case EXTENSION_VALUE.blob: {
        const length = this.length();
        const at = this.skip(pad8(length));
        return this.#bytes.slice(at, at + length);
      }
      case EXTENSION_VALUE.null:
        return null;
      default:
        throw new DecodeError(`unknown type of value ${type} in a row`);
    }
  }
}
