import { LIMITS, type Random } from '../base/index.ts';
import { ByteSearch } from './byte-search.ts';
import type { Pointer } from './sqlite-exports.ts';
import type { SqliteLibrary } from './sqlite-library.ts';

/** SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS: as SQLite's own, allowed in indexes and schemas. */
const FLAGS = 1 | 0x800 | 0x200000;
const TYPE_BLOB = 4;
const TYPE_NULL = 5;
const TRANSIENT = -1;
/** A character of UTF-8 has no more bytes. */
const CHARACTER_BYTES_MAX = 4;

const SHORT_PIECE_BYTES = 32;

/** `values`: index among the heap's words of the first of the arguments, which are pointers. */
type Answer = (context: Pointer, values: number) => void;

/**
 * Replaces instr, replace and trim of SQLite, whose time is the product of the lengths of two arguments: two texts
 * of some megabytes would keep the thread busy for days, and nothing interrupts a function. These take time in
 * proportion to what they are given, with the same results.
 */
export class LinearFunctions {
  readonly #library: SqliteLibrary;
  readonly #random: Random;
  readonly #functions: { readonly name: Pointer; readonly arity: number; readonly call: number }[];

  constructor(library: SqliteLibrary, random: Random) {
    this.#library = library;
    this.#random = random;
    const define = (name: string, arity: number, answer: Answer) => ({
      name: library.allocateText(name),
      arity,
      call: library.guardedFunction('viii', (context, _count, values) => {
        answer(context, values >> 2);
        return 0;
      }),
    });
    this.#functions = [
      define('instr', 2, (context, values) => this.#instr(context, values)),
      define('replace', 3, (context, values) => this.#replace(context, values)),
      define('trim', 2, (context, values) => this.#trim(context, values, true, true)),
      define('ltrim', 2, (context, values) => this.#trim(context, values, true, false)),
      define('rtrim', 2, (context, values) => this.#trim(context, values, false, true)),
    ];
  }

  /** Returns SQLite's result code. */
  install(db: Pointer): number {
    const { exports } = this.#library;
    for (const { name, arity, call } of this.#functions) {
      const code = exports.sqlite3_create_function_v2(db, name, arity, FLAGS, 0, call, 0, 0, 0);
      if (code !== 0) return code;
    }
    return 0;
  }

  /** Where the bytes of a value lie; undefined = NULL. The conversion may move the heap. */
  #locate(value: Pointer): { readonly start: number; readonly end: number } | undefined {
    const { exports } = this.#library;
    const type = exports.sqlite3_value_type(value);
    if (type === TYPE_NULL) return undefined;
    const start =
      type === TYPE_BLOB ? exports.sqlite3_value_blob(value) : exports.sqlite3_value_text(value);
    return { start, end: start + exports.sqlite3_value_bytes(value) };
  }

  #bytes(place: { readonly start: number; readonly end: number }): Buffer {
    return this.#library.buffer.subarray(place.start, place.end);
  }

  #instr(context: Pointer, values: number): void {
    const { exports, words } = this.#library;
    const haystack = words[values];
    const needle = words[values + 1];
    const where = this.#locate(haystack);
    const what = this.#locate(needle);
    if (where === undefined || what === undefined) return;
    const bytes = this.#bytes(where);
    const wanted = this.#bytes(what);
    const areBlobs =
      exports.sqlite3_value_type(haystack) === TYPE_BLOB &&
      exports.sqlite3_value_type(needle) === TYPE_BLOB;
    let position = 1;
    if (wanted.length > 0) {
      const at = this.#firstIn(bytes, wanted, areBlobs);
      position = at < 0 ? 0 : areBlobs ? at + 1 : 1 + charactersBefore(bytes, at);
    }
    exports.sqlite3_result_int(context, position);
  }

  /** In texts a match begins at a character; a needle that begins inside of one can only stand at the start. */
  #firstIn(bytes: Buffer, wanted: Buffer, areBlobs: boolean): number {
    if (areBlobs || !isContinuation(wanted[0])) {
      return new ByteSearch(wanted, this.#random).find(bytes, 0);
    }
    return bytes.subarray(0, wanted.length).equals(wanted) ? 0 : -1;
  }

  #replace(context: Pointer, values: number): void {
    const { exports } = this.#library;
    const where = this.#locate(this.#library.words[values]);
    const what = this.#locate(this.#library.words[values + 1]);
    const by = this.#locate(this.#library.words[values + 2]);
    if (where === undefined || what === undefined) return;
    // SQLite looks at the replacement only where there is a pattern, which ends at its first NUL if it begins with one.
    const wanted = this.#bytes(what);
    if (wanted.length === 0 || wanted[0] === 0) {
      this.#answerText(context, Buffer.from(this.#bytes(where)));
      return;
    }
    if (by === undefined) return;
    const bytes = this.#bytes(where);
    const inserted = this.#bytes(by);
    const search = new ByteSearch(wanted, this.#random);
    const next = (from: number): number => search.find(bytes, from);
    // Searched twice: a list of all places could be many times as long as the text.
    let count = 0;
    for (let at = next(0); at >= 0; at = next(at + wanted.length)) count++;
    const length = bytes.length + count * (inserted.length - wanted.length);
    if (length > LIMITS.valueBytes) {
      exports.sqlite3_result_error_toobig(context);
      return;
    }
    const result = Buffer.allocUnsafe(length);
    let from = 0;
    let to = 0;
    for (let at = next(0); at >= 0; at = next(from)) {
      to += copyTo(result, to, bytes, from, at);
      to += copyTo(result, to, inserted, 0, inserted.length);
      from = at + wanted.length;
    }
    copyTo(result, to, bytes, from, bytes.length);
    this.#answerText(context, result);
  }

  #trim(context: Pointer, values: number, left: boolean, right: boolean): void {
    const where = this.#locate(this.#library.words[values]);
    const what = this.#locate(this.#library.words[values + 1]);
    if (where === undefined || what === undefined) return;
    const bytes = this.#bytes(where);
    const characters = charactersOf(this.#bytes(what));
    let start = 0;
    let end = bytes.length;
    for (let length = 1; left && length > 0; start += length) {
      length = matchingLength(bytes, start, end, characters, false);
    }
    for (let length = 1; right && length > 0; end -= length) {
      length = matchingLength(bytes, start, end, characters, true);
    }
    this.#answerText(context, Buffer.from(bytes.subarray(start, end)));
  }

  /** The text must not lie in the heap, which the allocation may move. */
  #answerText(context: Pointer, text: Buffer): void {
    const { exports } = this.#library;
    const at = exports.sqlite3_malloc(Math.max(1, text.length));
    if (at === 0) {
      exports.sqlite3_result_error_nomem(context);
      return;
    }
    this.#library.bytes.set(text, at);
    exports.sqlite3_result_text(context, at, text.length, TRANSIENT);
    exports.sqlite3_free(at);
  }
}

/** Short pieces byte by byte: there may be millions of them, and each call of the platform has its price. Returns the bytes copied. */
function copyTo(target: Buffer, at: number, source: Buffer, from: number, to: number): number {
  if (to - from > SHORT_PIECE_BYTES) return source.copy(target, at, from, to);
  for (let i = from; i < to; i++) target[at + i - from] = source[i];
  return to - from;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function charactersBefore(bytes: Uint8Array, end: number): number {
  let count = 0;
  for (let at = 1; at <= end; at++) if (!isContinuation(bytes[at])) count++;
  return count;
}

/** Characters up to the first NUL, as SQLite reads them: as numbers made of their bytes, one set for each length. */
function charactersOf(bytes: Uint8Array): readonly ReadonlySet<number>[] {
  const sets = Array.from({ length: CHARACTER_BYTES_MAX + 1 }, () => new Set<number>());
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const start = at++;
    if (bytes[start] >= 0xc0) while (at < bytes.length && isContinuation(bytes[at])) at++;
    sets[at - start]?.add(codeOf(bytes, start, at));
  }
  return sets;
}

function codeOf(bytes: Uint8Array, from: number, to: number): number {
  let code = 0;
  for (let at = from; at < to; at++) code = code * 256 + bytes[at];
  return code;
}

/** Bytes of the character of the set that begins at `start`, or ends at `end`; 0 = there is none. */
function matchingLength(
  bytes: Uint8Array,
  start: number,
  end: number,
  characters: readonly ReadonlySet<number>[],
  atEnd: boolean,
): number {
  for (let length = 1; length <= CHARACTER_BYTES_MAX && length <= end - start; length++) {
    const from = atEnd ? end - length : start;
    if (characters[length]?.has(codeOf(bytes, from, from + length)) === true) return length;
  }
  return 0;
}
