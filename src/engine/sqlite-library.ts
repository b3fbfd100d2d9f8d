import { QuorateError } from '../base/index.ts';
import type { EngineOptions } from './contract.ts';
import type { Pointer, SqliteExports } from './sqlite-exports.ts';
import { sqliteImports } from './sqlite-imports.ts';
import { doubleExports, type NumberFunction, TableFunctions } from './table-functions.ts';

const SQLITE_NOMEM = 7;
const SQLITE_IOERR = 10;
/** Size of the buffer through which short texts and blobs go. */
export const SCRATCH_BYTES = 65536;
const UNKNOWN = -1;

/**
 * One instance of sqlite3.wasm: its exports and its heap. The heap moves when it grows, which detaches views;
 * so views are taken from the getters each time and never kept across a call.
 */
export class SqliteLibrary {
  readonly exports: SqliteExports;
  readonly bindSafeInteger: NumberFunction;
  readonly columnDoubleOfInteger: NumberFunction;
  /** A buffer for arguments; its content is lost with the next use. */
  readonly scratch: Pointer;
  /** Two pointers for results. */
  readonly out: Pointer;
  readonly #memory: WebAssembly.Memory;
  readonly #functions: TableFunctions;
  #bytes = new Uint8Array(0);
  #buffer = Buffer.alloc(0);
  #words: Int32Array = new Int32Array(0);
  #failure: unknown;

  constructor(module: WebAssembly.Module, options: EngineOptions) {
    const { imports, memory } = sqliteImports(module, options);
    this.#memory = memory;
    const instance = new WebAssembly.Instance(module, imports);
    this.exports = instance.exports as unknown as SqliteExports;
    this.exports.__wasm_call_ctors();
    const code = this.exports.sqlite3_initialize();
    if (code !== 0) throw new QuorateError('SQLITE_ERROR', `SQLite does not start: ${code}`);
    this.#functions = new TableFunctions(this.exports.__indirect_function_table);
    const [bind, column] = doubleExports([
      { signature: 'iiik', call: instance.exports.sqlite3_bind_int64 },
      { signature: 'kii', call: instance.exports.sqlite3_column_int64 },
    ]);
    this.bindSafeInteger = bind;
    this.columnDoubleOfInteger = column;
    this.scratch = this.allocate(SCRATCH_BYTES);
    this.out = this.allocate(16);
  }

  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** The heap as bytes. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  /** The heap as a Buffer, for its fast comparison and text conversion. */
  get buffer(): Buffer {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#buffer;
  }

  /** The heap as 32-bit integers: index = address / 4. */
  get words(): Int32Array {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#words;
  }

  #refresh(): void {
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#buffer = Buffer.from(this.#memory.buffer);
    this.#words = new Int32Array(this.#memory.buffer);
  }

  /** Memory from SQLite's heap. Throws QuorateError SQLITE_NOMEM. */
  allocate(bytes: number): Pointer {
    const at = this.exports.sqlite3_malloc(Math.max(1, bytes));
    if (at === 0) {
      throw new QuorateError('SQLITE_NOMEM', 'out of memory', {
        rawCode: SQLITE_NOMEM,
        extendedCode: 'SQLITE_NOMEM',
      });
    }
    return at;
  }

  /** A zero-terminated copy of a text in the heap, to be freed by the caller. */
  allocateText(text: string): Pointer {
    const bytes = Buffer.byteLength(text);
    const at = this.allocate(bytes + 1);
    this.buffer.write(text, at, 'utf8');
    this.bytes[at + bytes] = 0;
    return at;
  }

  /** The zero-terminated text at an address; '' for the null pointer. */
  text(at: Pointer): string {
    if (at === 0) return '';
    const { bytes } = this;
    return this.buffer.toString('utf8', at, bytes.indexOf(0, at));
  }

  /** A C function pointer for a JavaScript function that must not throw; to be called after `link` only. */
  tableFunction(signature: string, call: (...args: number[]) => number): number {
    return this.#functions.add(signature, call);
  }

  /** Makes the C function pointers given out so far callable. */
  link(): void {
    this.#functions.link();
  }

  /**
   * A C function pointer for a function that may throw: the error is kept for `takeFailure`, and SQLite gets
   * `failureResult`, since an exception must not pass through its frames.
   */
  guardedFunction(
    signature: string,
    call: (...args: number[]) => number,
    failureResult = SQLITE_IOERR,
  ): number {
    return this.tableFunction(signature, (...args) => {
      try {
        return call(...args);
      } catch (error) {
        this.#failure ??= error ?? UNKNOWN;
        return failureResult;
      }
    });
  }

  /** Throws what a callback threw where SQLite pays no heed to its result, such as in unlocking. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.takeFailure();
  }

  /** What a callback threw during the last call, once. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
