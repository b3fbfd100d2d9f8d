import { assert, ByteReader, DecodeError, PAGE_SIZE_BYTES, utf8 } from '../base/index.ts';

const FORMAT = 1;
const TYPE_OPEN = 1;
const TYPE_FRAMES = 2;
const TYPE_UNDO = 3;
const TYPE_CHECKPOINT = 4;
const PAGE_NUMBER_MAX = 2 ** 31 - 1;
/** Greatest length of a database name in the replicated formats, in bytes (fsm.md §1). */
export const DATABASE_NAME_BYTES_MAX = 504;

/** Pages of one transaction of one database (fsm.md §2). */
export interface FramesCommand {
  readonly kind: 'frames';
  readonly database: string;
  /** From 1. A number may occur several times: the last occurrence wins. */
  readonly pageNumbers: Uint32Array;
  /** The images in the order of `pageNumbers`, 4096 bytes each, sharing memory with the command. */
  readonly images: Uint8Array;
}

/** Data of a log entry of type command. The other kinds come from old leaders and have no effect. */
export type Command =
  | FramesCommand
  | { readonly kind: 'open' | 'checkpoint'; readonly database: string }
  | { readonly kind: 'undo'; readonly transaction: bigint };

/** Length of a FRAMES command in bytes. */
export function framesBytes(database: string, pageCount: number): number {
  return framesHeaderBytes(utf8(database).length, pageCount) + pageCount * PAGE_SIZE_BYTES;
}

function framesHeaderBytes(nameBytes: number, pageCount: number): number {
  return 8 + Math.ceil((nameBytes + 1) / 8) * 8 + 16 + 8 + pageCount * 8;
}

/**
 * Encodes a FRAMES command into one buffer of exact size. `copyPage` is called once per page number, in order, and
 * writes the 4096 bytes of that page into `target`: the only copy that is made.
 */
export function encodeFrames(
  database: string,
  pageNumbers: ArrayLike<number>,
  copyPage: (pageNumber: number, target: Uint8Array) => void,
): Uint8Array<ArrayBuffer> {
  const name = utf8(database);
  const count = pageNumbers.length;
  assert(count > 0, 'a FRAMES command without pages');
  assert(name.length > 0 && name.length <= DATABASE_NAME_BYTES_MAX, 'a bad database name');
  assert(!name.includes(0), 'a database name with NUL');
  const headerBytes = framesHeaderBytes(name.length, count);
  const bytes = new Uint8Array(headerBytes + count * PAGE_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = FORMAT;
  bytes[1] = TYPE_FRAMES;
  bytes.set(name, 8);
  let at = headerBytes - count * 8 - 16;
  // The transaction id, truncate and the unused fields are zero.
  bytes[at + 4] = 1;
  view.setUint32(at + 8, count, true);
  view.setUint16(at + 12, PAGE_SIZE_BYTES, true);
  at += 16;
  for (let i = 0; i < count; i++) {
    const page = pageNumbers[i];
    assert(page >= 1 && page <= PAGE_NUMBER_MAX, () => `page number ${page}`);
    view.setUint32(at, page, true);
    at += 8;
  }
  for (let i = 0; i < count; i++) {
    copyPage(pageNumbers[i], bytes.subarray(at, at + PAGE_SIZE_BYTES));
    at += PAGE_SIZE_BYTES;
  }
  return bytes;
}

/** Image `index` of a FRAMES command (from 0), sharing memory. */
export function frameImage(frames: FramesCommand, index: number): Uint8Array {
  return frames.images.subarray(index * PAGE_SIZE_BYTES, (index + 1) * PAGE_SIZE_BYTES);
}

/** Decodes the data of a command entry without copying pages. Throws DecodeError on anything unknown. */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  const type = reader.u8();
  reader.skip(6);
  if (format !== FORMAT) throw new DecodeError(`command format ${format} is not known`);
  switch (type) {
    case TYPE_FRAMES:
      return decodeFrames(reader);
    case TYPE_OPEN:
      return { kind: 'open', database: readDatabaseName(reader) };
    case TYPE_CHECKPOINT:
      return { kind: 'checkpoint', database: readDatabaseName(reader) };
    case TYPE_UNDO:
      return { kind: 'undo', transaction: reader.u64() };
    default:
      throw new DecodeError(`command type ${type} is not known`);
  }
}

function decodeFrames(reader: ByteReader): FramesCommand {
  const database = readDatabaseName(reader);
  reader.skip(8 + 4);
  const isCommit = reader.u8();
  // C-1.11 leaves garbage behind the flag.
  reader.skip(3);
  const count = reader.u32();
  const pageBytes = reader.u16();
  reader.skip(2);
  if (isCommit === 0) throw new DecodeError('pages without a commit are not supported');
  if (pageBytes !== PAGE_SIZE_BYTES) throw new DecodeError(`pages of ${pageBytes} bytes`);
  if (count === 0 || reader.remaining !== count * (8 + PAGE_SIZE_BYTES)) {
    throw new DecodeError(`${count} pages in ${reader.remaining} bytes`);
  }
  const pageNumbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const page = reader.safe();
    if (page === 0 || page > PAGE_NUMBER_MAX) throw new DecodeError(`page number ${page}`);
    pageNumbers[i] = page;
  }
  return { kind: 'frames', database, pageNumbers, images: reader.take(count * PAGE_SIZE_BYTES) };
}

/**
 * Reads a database name. C allows any bytes; two names that differ only in bytes that are not UTF-8 would become one
 * database here, so those are refused.
 */
export function readDatabaseName(reader: ByteReader): string {
  const start = reader.offset;
  const end = reader.bytes.indexOf(0, start);
  const name = reader.text();
  const bytes = end - start;
  if (bytes === 0 || bytes > DATABASE_NAME_BYTES_MAX) {
    throw new DecodeError(`a database name of ${bytes} bytes`);
  }
  if (name.includes('\ufffd') && !equalBytes(utf8(name), reader.bytes.subarray(start, end))) {
    throw new DecodeError('a database name that is not UTF-8');
  }
  return name;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
