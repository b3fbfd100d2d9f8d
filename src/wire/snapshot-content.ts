import {
  assert,
  ByteReader,
  ByteWriter,
  DecodeError,
  LIMITS,
  PAGE_SIZE_BYTES,
  pad8,
  utf8,
} from '../base/index.ts';
import { DATABASE_NAME_BYTES_MAX, readDatabaseName } from './command.ts';
import { FieldStream } from './field-stream.ts';

const FORMAT = 1;
const HEADER_BYTES = 16;
const WAL_HEADER_BYTES = 32;
const WAL_FRAME_HEADER_BYTES = 24;
/** The magic number without its last bit, which tells the byte order of the checksums. */
const WAL_MAGIC = 0x377f0682;

/** A database in a snapshot: `pages` images follow its header, pages 1 to `pages` without gaps. */
export interface SnapshotDatabase {
  readonly name: string;
  readonly pages: number;
}

/** Exact length of a snapshot's content in bytes (fsm.md §5). */
export function snapshotContentBytes(databases: readonly SnapshotDatabase[]): number {
  let bytes = HEADER_BYTES;
  for (const { name, pages } of databases) {
    bytes += pad8(utf8(name).length + 1) + 16 + pages * PAGE_SIZE_BYTES;
  }
  return bytes;
}

/** What stands at the beginning of the content. Each database's header and page images follow. */
export function encodeSnapshotHeader(databaseCount: number): Uint8Array<ArrayBuffer> {
  return new ByteWriter(HEADER_BYTES).safe(FORMAT).safe(databaseCount).finish();
}

/** What stands before the page images of a database; the WAL part is always empty. */
export function encodeSnapshotDatabase(database: SnapshotDatabase): Uint8Array<ArrayBuffer> {
  assert(database.pages >= 1, 'a database without pages does not belong into a snapshot');
  assert(database.name !== '' && !database.name.includes('\0'), 'a bad database name');
  return new ByteWriter(64)
    .text(database.name)
    .safe(database.pages * PAGE_SIZE_BYTES)
    .safe(0)
    .finish();
}

/** What a SnapshotDecoder tells its user, in order. */
export interface SnapshotDecoderEvents {
  /** A database begins. */
  database(name: string): void;
  /**
   * An image of a page (from 1). Pages of the WAL part, which old C nodes write, come after those of the main image
   * and replace them. `image` has 4096 bytes and is valid only during the call.
   */
  page(pageNumber: number, image: Uint8Array): void;
  /** The database is complete: it consists of pages 1 to `pages`; what came for higher numbers is to be dropped. */
  end(pages: number): void;
}

type Step = 'header' | 'name' | 'sizes' | 'page' | 'wal-header' | 'wal-frame' | 'done';

/**
 * Decodes a snapshot's content that arrives in chunks of any size, merging the WAL part that dqlite before 1.17
 * writes. Nothing is kept but the field at hand. Throws DecodeError on anything malformed; that every page from 1
 * to `pages` came is checked, too.
 */
export class SnapshotDecoder {
  readonly #events: SnapshotDecoderEvents;
  readonly #fields = new FieldStream(HEADER_BYTES);
  readonly #names = new Set<string>();
  #step: Step = 'header';
  #databasesLeft = 0;
  readonly #name = new Uint8Array(DATABASE_NAME_BYTES_MAX + 8);
  #nameBytes = 0;
  #mainPages = 0;
  #pagesDone = 0;
  #walFrames = 0;
  #framesDone = 0;
  /** Size of the database according to the frame read last; 0 = inside a transaction. */
  #walPages = 0;
  /** Pages above the main image that the WAL part brought. */
  readonly #walNumbers = new Set<number>();

  constructor(events: SnapshotDecoderEvents) {
    this.#events = events;
  }

  write(chunk: Uint8Array): void {
    this.#fields.write(chunk, (field) => this.#take(field));
  }

  /** Must be called after the last byte. Throws DecodeError when content is missing. */
  finish(): void {
    if (this.#step !== 'done') throw new DecodeError('the snapshot content is cut off');
  }

  #want(step: Step, bytes: number): number {
    this.#step = step;
    return bytes;
  }

  /** Handles one field; returns the length of the next. */
  #take(field: Uint8Array): number {
    switch (this.#step) {
      case 'header':
        return this.#takeHeader(new ByteReader(field));
      case 'name':
        return this.#takeNameWord(field);
      case 'sizes':
        return this.#takeSizes(new ByteReader(field));
      case 'page':
        this.#pagesDone++;
        this.#events.page(this.#pagesDone, field);
        return this.#nextPage();
      case 'wal-header':
        return this.#takeWalHeader(field);
      case 'wal-frame':
        return this.#takeWalFrame(field);
      case 'done':
        throw new DecodeError('bytes after the end of the snapshot content');
    }
  }

  #takeHeader(reader: ByteReader): number {
    const format = reader.u64();
    if (format !== BigInt(FORMAT)) throw new DecodeError(`snapshot format ${format} is not known`);
    this.#databasesLeft = reader.safe();
    return this.#nextDatabase();
  }

  #nextDatabase(): number {
    if (this.#databasesLeft === 0) return this.#want('done', 1);
    this.#databasesLeft--;
    this.#nameBytes = 0;
    return this.#want('name', 8);
  }

  #takeNameWord(word: Uint8Array): number {
    if (this.#nameBytes + word.length > this.#name.length) {
      throw new DecodeError('a database name in the snapshot is too long');
    }
    this.#name.set(word, this.#nameBytes);
    this.#nameBytes += word.length;
    return word.includes(0) ? this.#want('sizes', 16) : this.#want('name', 8);
  }

  #takeSizes(reader: ByteReader): number {
    const name = readDatabaseName(new ByteReader(this.#name.subarray(0, this.#nameBytes)));
    if (this.#names.has(name)) throw new DecodeError(`the database ${name} occurs twice`);
    this.#names.add(name);
    const mainBytes = reader.safe();
    const walBytes = reader.safe();
    const frameBytes = WAL_FRAME_HEADER_BYTES + PAGE_SIZE_BYTES;
    const frames = walBytes === 0 ? 0 : (walBytes - WAL_HEADER_BYTES) / frameBytes;
    if (mainBytes % PAGE_SIZE_BYTES !== 0 || mainBytes / PAGE_SIZE_BYTES > LIMITS.databasePages) {
      throw new DecodeError(`a database of ${mainBytes} bytes in the snapshot`);
    }
    if (!Number.isInteger(frames) || frames < 0 || (walBytes !== 0 && frames === 0)) {
      throw new DecodeError(`a WAL of ${walBytes} bytes in the snapshot`);
    }
    if (mainBytes === 0 && frames === 0) throw new DecodeError('an empty database in the snapshot');
    this.#mainPages = mainBytes / PAGE_SIZE_BYTES;
    this.#walFrames = frames;
    this.#pagesDone = 0;
    this.#framesDone = 0;
    this.#walPages = 0;
    this.#walNumbers.clear();
    this.#events.database(name);
    return this.#nextPage();
  }

  #nextPage(): number {
    if (this.#pagesDone < this.#mainPages) return this.#want('page', PAGE_SIZE_BYTES);
    if (this.#walFrames > 0) return this.#want('wal-header', WAL_HEADER_BYTES);
    this.#events.end(this.#mainPages);
    return this.#nextDatabase();
  }

  #takeWalHeader(field: Uint8Array): number {
    const view = new DataView(field.buffer, field.byteOffset, field.length);
    if (((view.getUint32(0) ^ WAL_MAGIC) & ~1) !== 0) throw new DecodeError('not a WAL');
    if (view.getUint32(8) !== PAGE_SIZE_BYTES) throw new DecodeError('a WAL of other pages');
    return this.#want('wal-frame', WAL_FRAME_HEADER_BYTES + PAGE_SIZE_BYTES);
  }

  /** Salts and checksums are not looked at: a WAL in a snapshot has no stale frames (fsm.md §5). */
  #takeWalFrame(field: Uint8Array): number {
    const view = new DataView(field.buffer, field.byteOffset, field.length);
    const pageNumber = view.getUint32(0);
    this.#walPages = view.getUint32(4);
    if (pageNumber === 0 || pageNumber > LIMITS.databasePages) {
      throw new DecodeError(`page number ${pageNumber} in a WAL`);
    }
    if (pageNumber > this.#mainPages) this.#walNumbers.add(pageNumber);
    this.#events.page(pageNumber, field.subarray(WAL_FRAME_HEADER_BYTES));
    this.#framesDone++;
    if (this.#framesDone < this.#walFrames) return this.#want('wal-frame', field.length);
    this.#endWal();
    return this.#nextDatabase();
  }

  #endWal(): void {
    const pages = this.#walPages;
    if (pages === 0 || pages > LIMITS.databasePages) {
      throw new DecodeError('a WAL that does not end with a commit');
    }
    let present = Math.min(this.#mainPages, pages);
    for (const number of this.#walNumbers) if (number <= pages) present++;
    // SQLite never writes the page of the lock byte.
    const lockBytePage = 2 ** 30 / PAGE_SIZE_BYTES + 1;
    const absent = pages >= lockBytePage && this.#mainPages < lockBytePage ? 1 : 0;
    if (present < pages - absent) throw new DecodeError('pages are missing in a snapshot');
    this.#events.end(pages);
  }
}
