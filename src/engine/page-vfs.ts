import {
  assert,
  fillRandom,
  LIMITS,
  must,
  PAGE_SIZE_BYTES,
  QuorateError,
  type Random,
} from '../base/index.ts';
import type { Pin } from '../pages/index.ts';
import type { EngineOptions } from './contract.ts';
import { type FileHandle, LOCK } from './file-handle.ts';
import { answerPragma } from './pragmas.ts';
import { SQLITE } from './result-codes.ts';
import type { Pointer } from './sqlite-exports.ts';
import type { SqliteLibrary } from './sqlite-library.ts';

const FCNTL_PRAGMA = 14;
const FCNTL_SYNC = 21;
const FCNTL_COMMIT_PHASETWO = 22;
const OPEN_MAIN_DB = 0x100;
/** UNDELETABLE | POWERSAFE_OVERWRITE | SUBPAGE_READ: no whole sectors in a transaction, parts of pages readable. */
const DEVICE_CHARACTERISTICS = 0x9800;
const SECTOR_BYTES = 512;
const FILE_BYTES = 8;
const PATH_BYTES = 512;
const LETTER_E = 0x65;
const LETTER_X = 0x78;
const VFS_NAME = 'quorate';
/** Julian day of 1970-01-01 in milliseconds. */
const JULIAN_EPOCH_MS = 210_866_760_000_000;
const DAY_MS = 86_400_000;

/** Bytes of page 1 that say "WAL" in the stored image and "rollback journal" to SQLite. */
const FORMAT_BYTES = [18, 19] as const;
const CHANGE_COUNTER = 24;
const HEADER_TAIL = 28;
const VERSION_VALID_FOR = 92;
const CONTENT = 100;

/**
 * SQLite's file layer over page sources: one VFS per WASM instance, in rollback-journal mode with the journal
 * in memory. Pages that SQLite writes collect in the store's write set;
 * COMMIT_PHASETWO moves them into head, SYNC is where a commit is refused, and dropping the lock without either
 * is a rollback, so that cache spills are harmless.
 */
export class PageVfs {
  readonly name = VFS_NAME;
  readonly #library: SqliteLibrary;
  readonly #clock: EngineOptions['clock'];
  readonly #random: Random;
  readonly #transactionPages: number;
  readonly #files: (FileHandle | undefined)[] = [undefined];
  readonly #freeIds: number[] = [];
  #methods: Pointer = 0;
  #opening: FileHandle | undefined;

  constructor(library: SqliteLibrary, options: EngineOptions) {
    this.#library = library;
    this.#clock = options.clock;
    this.#random = options.random;
    const bytes = options.transactionBytes ?? LIMITS.transactionBytes;
    this.#transactionPages = Math.floor(bytes / PAGE_SIZE_BYTES);
    this.#register();
  }

  /** Runs `open`, during which SQLite opens exactly one database file: this one. */
  opening<T>(handle: FileHandle, open: () => T): T {
    assert(this.#opening === undefined, 'an open inside an open');
    this.#opening = handle;
    try {
      return open();
    } finally {
      this.#opening = undefined;
    }
  }

  // ---- files ----

  #file(at: Pointer): FileHandle {
    return must(this.#files[this.#library.words[(at + 4) >> 2]], 'a file that is not open');
  }

  #open(name: Pointer, at: Pointer, flags: number, flagsOut: Pointer): number {
    const { words } = this.#library;
    words[at >> 2] = 0;
    const handle = this.#opening;
    // Journals and temporary files live in SQLite's memory: nothing else is ever opened.
    if (name === 0 || (flags & OPEN_MAIN_DB) === 0 || handle === undefined) return SQLITE.CANTOPEN;
    this.#opening = undefined;
    const id = this.#freeIds.pop() ?? this.#files.length;
    this.#files[id] = handle;
    words[at >> 2] = this.#methods;
    words[(at + 4) >> 2] = id;
    if (flagsOut !== 0) words[flagsOut >> 2] = flags;
    return SQLITE.OK;
  }

  #close(at: Pointer): number {
    const id = this.#library.words[(at + 4) >> 2];
    this.#file(at).unlock(LOCK.none);
    this.#files[id] = undefined;
    this.#freeIds.push(id);
    return SQLITE.OK;
  }

  // ---- reading ----

  #read(at: Pointer, target: Pointer, count: number, offset: number): number {
    const file = this.#file(at);
    if (file.pin !== undefined) return this.#readPinned(file, file.pin, target, count, offset);
    // Without a lock SQLite reads only the header, when it opens the file.
    const pin = file.source.pinPublished();
    try {
      return this.#readPinned(file, pin, target, count, offset);
    } finally {
      file.source.release(pin);
    }
  }

  #readPinned(file: FileHandle, pin: Pin, target: Pointer, count: number, offset: number): number {
    if (!pin.usable) {
      file.refusal = { kind: 'snapshot-too-old' };
      return SQLITE.ABORT;
    }
    if (file.hooks.pageRead?.() === true) return SQLITE.INTERRUPT;
    const writing = file.writing;
    // A revert took the write slot away: what this transaction wrote is gone.
    if (!writing && file.lock >= LOCK.reserved) return SQLITE.IOERR_READ;
    const { bytes } = this.#library;
    const pageNumber = Math.floor(offset / PAGE_SIZE_BYTES) + 1;
    const start = offset - (pageNumber - 1) * PAGE_SIZE_BYTES;
    if (start + count > PAGE_SIZE_BYTES) return SQLITE.IOERR_READ;
    const { version } = pin;
    let slot = 0;
    let size = version.pages;
    if (writing) {
      const set = must(file.store).writeSet;
      slot = set.find(pageNumber);
      size = set.pages;
      if (slot === 0 && pageNumber <= set.floor)
        slot = file.source.memory.find(version.root, pageNumber);
    } else slot = file.source.memory.find(version.root, pageNumber);
    if (slot === 0 || pageNumber > size) {
      bytes.fill(0, target, target + count);
      return pageNumber > size ? SQLITE.IOERR_SHORT_READ : SQLITE.OK;
    }
    const page = file.source.memory.page(slot);
    bytes.set(count === PAGE_SIZE_BYTES ? page : page.subarray(start, start + count), target);
    if (pageNumber === 1) patchHeader(bytes, version.change, target, start, count);
    return SQLITE.OK;
  }

  #fileSize(at: Pointer, out: Pointer): number {
    const file = this.#file(at);
    const pages = file.writing
      ? must(file.store).writeSet.pages
      : (file.pin?.version ?? file.source.published).pages;
    const { words } = this.#library;
    const size = pages * PAGE_SIZE_BYTES;
    words[out >> 2] = size | 0;
    words[(out + 4) >> 2] = Math.floor(size / 2 ** 32);
    return SQLITE.OK;
  }

  // ---- writing ----

  #write(at: Pointer, source: Pointer, count: number, offset: number): number {
    const file = this.#file(at);
    if (!file.writing) return SQLITE.IOERR_WRITE;
    const pageNumber = Math.floor(offset / PAGE_SIZE_BYTES) + 1;
    if (count !== PAGE_SIZE_BYTES || offset % PAGE_SIZE_BYTES !== 0) return SQLITE.IOERR_WRITE;
    if (pageNumber > LIMITS.databasePages) return SQLITE.FULL;
    const store = must(file.store);
    const set = store.writeSet;
    file.dirty = true;
    if (pageNumber === 1 && set.find(1) === 0 && this.#isPageOneUnchanged(file, source)) {
      return SQLITE.OK;
    }
    if (set.count >= this.#transactionPages && set.find(pageNumber) === 0)
      return this.#tooLarge(file);
    try {
      set.put(pageNumber, this.#library.bytes, source);
    } catch (error) {
      if (error instanceof QuorateError) return SQLITE.NOMEM;
      throw error;
    }
    if (pageNumber === 1) {
      const page = store.memory.page(set.find(1));
      for (const i of FORMAT_BYTES) page[i] = 2;
    }
    return SQLITE.OK;
  }

  #tooLarge(file: FileHandle): number {
    file.refusal = { kind: 'too-large' };
    return SQLITE.FULL;
  }

  /** True when only counters differ from page 1 as the writer sees it: then nothing has to be replicated. */
  #isPageOneUnchanged(file: FileHandle, source: Pointer): boolean {
    const { memory } = file.source;
    const slot = memory.find(must(file.pin).version.root, 1);
    if (slot === 0) return false;
    const { bytes, buffer } = this.#library;
    const page = memory.page(slot);
    // A call of `compare` takes longer than this loop.
    for (let i = 0; i < VERSION_VALID_FOR; i++) {
      if (page[i] !== bytes[source + i] && !isRewritten(i)) return false;
    }
    return (
      buffer.compare(page, CONTENT, PAGE_SIZE_BYTES, source + CONTENT, source + PAGE_SIZE_BYTES) ===
      0
    );
  }

  #truncate(at: Pointer, size: number): number {
    const file = this.#file(at);
    if (!file.writing) return SQLITE.IOERR_WRITE;
    file.dirty = true;
    must(file.store).writeSet.truncate(Math.ceil(size / PAGE_SIZE_BYTES));
    return SQLITE.OK;
  }

  // ---- locks ----

  #lock(at: Pointer, level: number): number {
    const file = this.#file(at);
    if (level <= file.lock) return SQLITE.OK;
    if (file.lock === LOCK.none) {
      try {
        file.pinNow();
      } catch (error) {
        if (error instanceof QuorateError) return SQLITE.BUSY;
        throw error;
      }
      file.lock = LOCK.shared;
    }
    if (level >= LOCK.reserved && file.lock < LOCK.reserved) {
      if (file.store === undefined) return SQLITE.READONLY;
      const answer = file.store.beginWrite(must(file.pin));
      if (answer === 'busy') return SQLITE.BUSY;
      if (answer === 'stale') return SQLITE.BUSY_SNAPSHOT;
    }
    file.lock = level;
    return SQLITE.OK;
  }

  // ---- commit ----

  /** The last point at which a commit can be refused: the code returned reaches the caller unchanged. */
  #beforeCommit(file: FileHandle): number {
    if (!file.writing) return file.lock >= LOCK.reserved ? SQLITE.IOERR_WRITE : SQLITE.OK;
    if (!file.dirty) return SQLITE.OK;
    const store = must(file.store);
    const set = store.writeSet;
    // Pages by which the database grows travel even when SQLite did not write them (M10).
    const growth = set.pages - must(file.pin).version.pages;
    if (Math.max(set.count, growth) > this.#transactionPages) return this.#tooLarge(file);
    // A database that shrinks is cut off between this point and the commit.
    if (!this.#isSound(file, false)) return SQLITE.CORRUPT;
    // All pages are here; BUSY is the one code after which SQLite keeps the transaction open.
    if (file.flushing) return SQLITE.BUSY;
    return file.hooks.beforeCommit?.() ?? SQLITE.OK;
  }

  #isSound(file: FileHandle, final: boolean): boolean {
    const detail = must(file.store).writeProblem(final);
    if (detail !== undefined) file.refusal = { kind: 'damage', detail };
    return detail === undefined;
  }

  #commit(file: FileHandle): number {
    if (!file.dirty) return SQLITE.OK;
    if (!file.writing || !this.#isSound(file, true)) return SQLITE.IOERR_WRITE;
    const changed = must(file.store).commit(must(file.pin));
    file.dirty = false;
    file.seen();
    file.hooks.committed?.(changed);
    return SQLITE.OK;
  }

  #fileControl(at: Pointer, operation: number, argument: Pointer): number {
    switch (operation) {
      case FCNTL_SYNC:
        return this.#beforeCommit(this.#file(at));
      case FCNTL_COMMIT_PHASETWO:
        return this.#commit(this.#file(at));
      case FCNTL_PRAGMA:
        return this.#pragma(this.#file(at), argument);
      default:
        return SQLITE.NOTFOUND;
    }
  }

  /** `argument` points to { result, name, argument } (SQLITE_FCNTL_PRAGMA). */
  #pragma(file: FileHandle, argument: Pointer): number {
    if (file.configuring) return SQLITE.NOTFOUND;
    const library = this.#library;
    const { bytes, words } = library;
    const name = words[(argument >> 2) + 1];
    const value = words[(argument >> 2) + 2];
    // SQLite 3.54 announces every write transaction with a pragma `experimental_…` of its own.
    if (bytes[name] === LETTER_E && bytes[name + 1] === LETTER_X) return SQLITE.NOTFOUND;
    const text = library.text(name).toLowerCase();
    const answer = answerPragma(text, value === 0 ? undefined : library.text(value), file.hooks);
    if (answer === undefined) return SQLITE.NOTFOUND;
    if (answer.kind === 'none') return SQLITE.OK;
    const at = library.allocateText(answer.kind === 'row' ? answer.text : answer.message);
    library.words[argument >> 2] = at;
    return answer.kind === 'row' ? SQLITE.OK : SQLITE.ERROR;
  }

  // ---- registration ----

  #register(): void {
    const library = this.#library;
    const methods = [
      1,
      library.guardedFunction('ii', (at) => this.#close(at)),
      library.guardedFunction('iiiik', (at, to, n, offset) => this.#read(at, to, n, offset)),
      library.guardedFunction('iiiik', (at, from, n, offset) => this.#write(at, from, n, offset)),
      library.guardedFunction('iik', (at, size) => this.#truncate(at, size)),
      library.tableFunction('iii', () => SQLITE.OK),
      library.guardedFunction('iii', (at, out) => this.#fileSize(at, out)),
      library.guardedFunction('iii', (at, level) => this.#lock(at, level)),
      library.guardedFunction('iii', (at, level) => {
        this.#file(at).unlock(level);
        return SQLITE.OK;
      }),
      library.guardedFunction('iii', (at, out) => {
        library.words[out >> 2] = this.#file(at).store?.hasWriter === true ? 1 : 0;
        return SQLITE.OK;
      }),
      library.guardedFunction('iiii', (at, op, arg) => this.#fileControl(at, op, arg)),
      library.tableFunction('ii', () => SECTOR_BYTES),
      library.tableFunction('ii', () => DEVICE_CHARACTERISTICS),
    ];
    this.#methods = this.#struct(methods);
    const name = library.allocateText(VFS_NAME);
    const vfs = this.#struct([2, FILE_BYTES, PATH_BYTES, 0, name, 0, ...this.#vfsFunctions()]);
    const code = library.exports.sqlite3_vfs_register(vfs, 0);
    assert(code === SQLITE.OK, () => `sqlite3_vfs_register: ${code}`);
  }

  /** xOpen, xDelete, xAccess, xFullPathname, 4 × dynamic loading, xRandomness … xCurrentTimeInt64. */
  #vfsFunctions(): number[] {
    const library = this.#library;
    return [
      library.guardedFunction('iiiiii', (_vfs, name, at, flags, out) =>
        this.#open(name, at, flags, out),
      ),
      library.tableFunction('iiii', () => SQLITE.OK),
      library.guardedFunction('iiiii', (_vfs, _name, _flags, out) => {
        library.words[out >> 2] = 0;
        return SQLITE.OK;
      }),
      library.guardedFunction('iiiii', (_vfs, name, count, out) => {
        const { bytes } = library;
        const end = bytes.indexOf(0, name) + 1;
        if (end - name > count) return SQLITE.CANTOPEN;
        bytes.copyWithin(out, name, end);
        return SQLITE.OK;
      }),
      ...[0, 0, 0, 0],
      library.guardedFunction('iiii', (_vfs, count, at) => {
        fillRandom(this.#random, library.bytes.subarray(at, at + count));
        return count;
      }),
      library.tableFunction('iii', (_vfs, microseconds) => microseconds),
      library.guardedFunction('iii', (_vfs, out) => {
        const days = (this.#clock.wallMs() + JULIAN_EPOCH_MS) / DAY_MS;
        library.buffer.writeDoubleLE(days, out);
        return SQLITE.OK;
      }),
      0,
      library.guardedFunction('iii', (_vfs, out) => {
        const milliseconds = Math.floor(this.#clock.wallMs()) + JULIAN_EPOCH_MS;
        library.buffer.writeBigInt64LE(BigInt(milliseconds), out);
        return SQLITE.OK;
      }),
    ];
  }

  /** A C struct of 32-bit fields that lives as long as the instance. */
  #struct(fields: readonly number[]): Pointer {
    const at = this.#library.allocate(fields.length * 4);
    this.#library.words.set(fields, at >> 2);
    return at;
  }
}

/** Whether SQLite is shown something else in this byte of the header than is stored. */
function isRewritten(i: number): boolean {
  return i === FORMAT_BYTES[0] || i === FORMAT_BYTES[1] || (i >= CHANGE_COUNTER && i < HEADER_TAIL);
}

/**
 * What SQLite is shown of page 1 differs from what is stored: rollback-journal format, and the change number of
 * the version as change counter and version-valid-for, so that its cache is valid exactly for that version. A read
 * may be of a part of the page.
 */
function patchHeader(
  bytes: Uint8Array,
  change: number,
  target: Pointer,
  start: number,
  count: number,
): void {
  if (start > VERSION_VALID_FOR + 3) return;
  const put = (offset: number, value: number): void => {
    if (offset >= start && offset < start + count) bytes[target + offset - start] = value;
  };
  for (const i of FORMAT_BYTES) put(i, 1);
  for (let i = 0; i < 4; i++) {
    const byte = (change >>> (24 - 8 * i)) & 255;
    put(CHANGE_COUNTER + i, byte);
    put(VERSION_VALID_FOR + i, byte);
  }
}
