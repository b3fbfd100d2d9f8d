import { assert, fromUtf8, QuorateError, type Value } from '../base/index.ts';
import { COLUMN_TYPE, type Statement } from './contract.ts';
import { SQLITE } from './result-codes.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import type { Pointer, SqliteExports } from './sqlite-exports.ts';
import { SCRATCH_BYTES, type SqliteLibrary } from './sqlite-library.ts';

/** SQLITE_TRANSIENT: SQLite copies the bytes at once. */
const TRANSIENT = -1;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** UTF-8 bytes that one UTF-16 code unit needs at most. */
const BYTES_PER_UNIT = 3;
/** Below this length a loop beats the call that decodes a text. */
const SHORT_TEXT_BYTES = 24;
/** And below this one the loop that copies ASCII beats the call that copies any text. */
const ASCII_LOOP_BYTES = 256;

/** SQLITE_STMTSTATUS_REPREPARE. */
const STATUS_REPREPARE = 5;

/** Names and declared types of the columns of one compilation of a statement. */
interface Columns {
  /** How often SQLite had compiled the statement again by itself. */
  readonly compilation: number;
  readonly names: readonly string[];
  readonly types: readonly string[];
}

/** A compiled statement of one connection. */
export class SqliteStatement implements Statement {
  readonly sql: string;
  readonly tail: number;
  readonly readonly: boolean;
  readonly makesSessionState: boolean;
  readonly definesSchema: boolean;
  readonly parameterCount: number;
  /** The text under which the connection's cache knows it. */
  cacheKey: string | undefined;
  /** When the cache gave it out last; later ones are larger. */
  lastUse = 0;
  /** Handed out by `prepare` and not given back: not to be handed out again. */
  inUse = true;
  readonly #connection: SqliteConnection;
  readonly #library: SqliteLibrary;
  readonly #exports: SqliteExports;
  #at: Pointer;
  #running = false;
  #parameterNames: readonly string[] | undefined;
  #columns: Columns | undefined;

  constructor(
    connection: SqliteConnection,
    library: SqliteLibrary,
    at: Pointer,
    text: Pick<Statement, 'sql' | 'makesSessionState' | 'definesSchema'> & {
      readonly tail: number;
    },
  ) {
    this.#connection = connection;
    this.#library = library;
    this.#exports = library.exports;
    this.#at = at;
    this.sql = text.sql;
    this.tail = text.tail;
    this.makesSessionState = text.makesSessionState;
    this.definesSchema = text.definesSchema;
    this.readonly = this.#exports.sqlite3_stmt_readonly(at) !== 0;
    this.parameterCount = this.#exports.sqlite3_bind_parameter_count(at);
  }

  get finalized(): boolean {
    return this.#at === 0;
  }

  get isExplain(): boolean {
    return this.#exports.sqlite3_stmt_isexplain(this.#pointer) !== 0;
  }

  get parameterNames(): readonly string[] {
    this.#parameterNames ??= Array.from({ length: this.parameterCount }, (_, i) =>
      this.#library.text(this.#exports.sqlite3_bind_parameter_name(this.#pointer, i + 1)),
    );
    return this.#parameterNames;
  }

  get columnCount(): number {
    return this.#exports.sqlite3_column_count(this.#pointer);
  }

  get columnNames(): readonly string[] {
    return this.columns.names;
  }

  get columnTypes(): readonly string[] {
    return this.columns.types;
  }

  /** Read once, and again when SQLite has compiled the statement anew for a changed schema. */
  get columns(): Columns {
    const at = this.#pointer;
    const compilation = this.#exports.sqlite3_stmt_status(at, STATUS_REPREPARE, 0);
    if (this.#columns?.compilation === compilation) return this.#columns;
    const texts = (read: (at: Pointer, column: number) => Pointer): readonly string[] =>
      Array.from({ length: this.columnCount }, (_, i) => this.#library.text(read(at, i)));
    this.#columns = {
      compilation,
      names: texts(this.#exports.sqlite3_column_name),
      types: texts(this.#exports.sqlite3_column_decltype),
    };
    return this.#columns;
  }

  get #pointer(): Pointer {
    assert(this.#at !== 0, 'the statement was released or its connection closed');
    return this.#at;
  }

  // ---- binding ----

  bind(index: number, value: Value): void {
    if (this.#running) this.reset();
    const code = this.#bind(this.#pointer, index, value);
    if (code !== SQLITE.OK) this.#connection.fail(code);
  }

  bindUtf8(index: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#running) this.reset();
    const length = end - start;
    if (length > ASCII_LOOP_BYTES || !this.#toScratch(bytes, start, length)) {
      this.bind(index, fromUtf8(bytes.subarray(start, end)));
      return;
    }
    const { scratch } = this.#library;
    const at = this.#pointer;
    const code = this.#exports.sqlite3_bind_text(at, index, scratch, length, TRANSIENT);
    if (code !== SQLITE.OK) this.#connection.fail(code);
  }

  /** Copies bytes if all are ASCII. */
  #toScratch(from: Uint8Array, start: number, length: number): boolean {
    const { bytes, scratch } = this.#library;
    for (let i = 0; i < length; i++) {
      const byte = from[start + i];
      if (byte > 127) return false;
      bytes[scratch + i] = byte;
    }
    return true;
  }

  bindDouble(index: number, value: number): void {
    if (this.#running) this.reset();
    const code = this.#exports.sqlite3_bind_double(this.#pointer, index, value);
    if (code !== SQLITE.OK) this.#connection.fail(code);
  }

  #bind(at: Pointer, index: number, value: Value): number {
    if (value === null) return this.#exports.sqlite3_bind_null(at, index);
    switch (typeof value) {
      case 'number':
        return this.#bindNumber(at, index, value);
      case 'string':
        return this.#bindText(at, index, value);
      case 'bigint':
        if (value < INT64_MIN || value > INT64_MAX) {
          throw new QuorateError('VALUE_OUT_OF_RANGE', `${value} does not fit into 64 bits`, {
            rawCode: SQLITE.RANGE,
          });
        }
        return this.#exports.sqlite3_bind_int64(at, index, value);
      default:
        return this.#bindBlob(at, index, value);
    }
  }

  #bindNumber(at: Pointer, index: number, value: number): number {
    // -0 is a float: as an integer it would lose its sign.
    if ((value | 0) === value && !Object.is(value, -0)) {
      return this.#exports.sqlite3_bind_int(at, index, value);
    }
    if (Number.isSafeInteger(value) && value !== 0) {
      return this.#library.bindSafeInteger(at, index, value);
    }
    return this.#exports.sqlite3_bind_double(at, index, value);
  }

  #bindText(at: Pointer, index: number, value: string): number {
    const library = this.#library;
    if (value.length * BYTES_PER_UNIT <= SCRATCH_BYTES) {
      const bytes = library.buffer.write(value, library.scratch, 'utf8');
      return this.#exports.sqlite3_bind_text(at, index, library.scratch, bytes, TRANSIENT);
    }
    const bytes = Buffer.byteLength(value);
    const copy = library.allocate(bytes);
    library.buffer.write(value, copy, 'utf8');
    const code = this.#exports.sqlite3_bind_text(at, index, copy, bytes, TRANSIENT);
    this.#exports.sqlite3_free(copy);
    return code;
  }

  #bindBlob(at: Pointer, index: number, value: Uint8Array): number {
    const library = this.#library;
    if (value.length <= SCRATCH_BYTES) {
      library.bytes.set(value, library.scratch);
      // The pointer is not null, so an empty blob stays a blob.
      return this.#exports.sqlite3_bind_blob(at, index, library.scratch, value.length, TRANSIENT);
    }
    const copy = library.allocate(value.length);
    library.bytes.set(value, copy);
    const code = this.#exports.sqlite3_bind_blob(at, index, copy, value.length, TRANSIENT);
    this.#exports.sqlite3_free(copy);
    return code;
  }

  clearBindings(): void {
    this.#exports.sqlite3_clear_bindings(this.#pointer);
  }

  // ---- execution ----

  step(): boolean {
    const at = this.#pointer;
    if (!this.#running) {
      this.#connection.beginStatement(this);
      this.#running = true;
    }
    const code = this.#exports.sqlite3_step(at);
    if (code === SQLITE.ROW) return true;
    this.#running = false;
    if (code === SQLITE.DONE) {
      // Ends an implicit transaction and its pin; a failing commit has been reported by the step already.
      this.#exports.sqlite3_reset(at);
      this.#library.throwFailure();
      return false;
    }
    const error = this.#connection.errorOf(code);
    this.#exports.sqlite3_reset(at);
    throw error;
  }

  reset(): void {
    if (this.#at === 0) return;
    this.#running = false;
    this.#exports.sqlite3_reset(this.#at);
    // What a callback threw while a half-run statement was given up must not surface in an unrelated call.
    this.#library.takeFailure();
  }

  release(): void {
    if (this.#at === 0) return;
    this.reset();
    this.#connection.giveBack(this);
  }

  /** Frees the statement; for the connection. */
  finalize(): void {
    const at = this.#at;
    if (at === 0) return;
    this.#at = 0;
    this.#exports.sqlite3_finalize(at);
  }

  // ---- the current row ----

  type(column: number): number {
    return this.#exports.sqlite3_column_type(this.#at, column);
  }

  double(column: number): number {
    return this.#exports.sqlite3_column_double(this.#at, column);
  }

  bigint(column: number): bigint {
    return this.#exports.sqlite3_column_int64(this.#at, column);
  }

  integer(column: number): number | bigint {
    const value = this.#library.columnDoubleOfInteger(this.#at, column);
    return Number.isSafeInteger(value) ? value : this.bigint(column);
  }

  textBytes(column: number): Uint8Array {
    const at = this.#exports.sqlite3_column_text(this.#at, column);
    const length = this.#exports.sqlite3_column_bytes(this.#at, column);
    return this.#library.bytes.subarray(at, at + length);
  }

  blobBytes(column: number): Uint8Array {
    const at = this.#exports.sqlite3_column_blob(this.#at, column);
    const length = this.#exports.sqlite3_column_bytes(this.#at, column);
    return this.#library.bytes.subarray(at, at + length);
  }

  text(column: number): string {
    const at = this.#exports.sqlite3_column_text(this.#at, column);
    const length = this.#exports.sqlite3_column_bytes(this.#at, column);
    if (length < SHORT_TEXT_BYTES) {
      const { bytes } = this.#library;
      let text = '';
      let i = at;
      for (; i < at + length && bytes[i] < 128; i++) text += String.fromCharCode(bytes[i]);
      if (i === at + length) return text;
    }
    return this.#library.buffer.toString('utf8', at, at + length);
  }

  value(column: number): Value {
    switch (this.type(column)) {
      case COLUMN_TYPE.integer:
        return this.integer(column);
      case COLUMN_TYPE.float:
        return this.double(column);
      case COLUMN_TYPE.text:
        return this.text(column);
      case COLUMN_TYPE.blob:
        return this.blobBytes(column).slice();
      default:
        return null;
    }
  }
}
