import {
  assert,
  type ByteReader,
  ByteWriter,
  DecodeError,
  type Entry,
  type EntryType,
  type Term,
  term,
} from '../base/index.ts';

/** Size of one entry header (raft-rpc.md §4.1), in messages and on disk. */
export const ENTRY_HEADER_BYTES = 16;
/** A batch on disk holds at most this many entries (disk-format.md §4.2). */
export const BATCH_ENTRIES_MAX = 262_144;

const TYPE_CODES: Readonly<Record<EntryType, number>> = {
  command: 1,
  barrier: 2,
  configuration: 3,
};
const TYPES: readonly (EntryType | undefined)[] = [
  undefined,
  'command',
  'barrier',
  'configuration',
];

/** What an entry header says. */
export interface EntryHeader {
  readonly term: Term;
  readonly type: EntryType;
  /** Length of the entry's data in bytes, a multiple of 8. */
  readonly dataBytes: number;
}

/** Sum of the data lengths of the entries, in bytes. */
export function entriesDataBytes(entries: readonly { readonly data: Uint8Array }[]): number {
  let sum = 0;
  for (const entry of entries) sum += entry.data.length;
  return sum;
}

/** Size of a batch header with `count` entries: the count word and the entry headers. */
export function batchHeaderBytes(count: number): number {
  return 8 + count * ENTRY_HEADER_BYTES;
}

/** Appends one entry header; the unused bytes are written as zero. */
function writeEntryHeader(writer: ByteWriter, entry: Entry): void {
  assert(entry.data.length % 8 === 0 && entry.data.length > 0, 'entry data is not whole words');
  assert(entry.data.length <= 0xffff_fff8, 'entry data is longer than 2^32');
  writer.safe(entry.term).u32(TYPE_CODES[entry.type]).u32(entry.data.length);
}

/** Reads one entry header; the unused bytes are ignored. Throws DecodeError on an unknown type or a bad length. */
function readEntryHeader(reader: ByteReader): EntryHeader {
  const entryTerm = reader.safe();
  const code = reader.u8();
  reader.skip(3);
  const dataBytes = reader.u32();
  const type = TYPES[code];
  if (type === undefined) throw new DecodeError(`entry type ${code} is not known`);
  if (dataBytes === 0) throw new DecodeError('an entry without data');
  if (dataBytes % 8 !== 0)
    throw new DecodeError(`entry data of ${dataBytes} bytes is not whole words`);
  return { term: term(entryTerm), type, dataBytes };
}

/** Appends a batch header: the count word and one header per entry. */
export function writeBatchHeader(writer: ByteWriter, entries: readonly Entry[]): void {
  writer.safe(entries.length);
  for (const entry of entries) writeEntryHeader(writer, entry);
}

/** A batch header in a buffer of its own. */
export function encodeBatchHeader(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(batchHeaderBytes(entries.length));
  writeBatchHeader(writer, entries);
  return writer.finish();
}

/**
 * Reads a batch header: the count word and the entry headers. On disk the checksum covers exactly the bytes that
 * this consumed, as they were written: take them from `reader.bytes` between the offsets before and after.
 * Throws DecodeError when the count is above `countMax` or the headers run past the end.
 */
export function readBatchHeader(reader: ByteReader, countMax: number): EntryHeader[] {
  const count = reader.safe();
  if (count > countMax) throw new DecodeError(`a batch of ${count} entries is above ${countMax}`);
  if (count * ENTRY_HEADER_BYTES > reader.remaining) {
    throw new DecodeError(`${count} entry headers run past the end`);
  }
  const headers: EntryHeader[] = [];
  for (let i = 0; i < count; i++) headers.push(readEntryHeader(reader));
  return headers;
}

/** Sum of the data lengths that the headers announce, in bytes. */
export function headersDataBytes(headers: readonly EntryHeader[]): number {
  let sum = 0;
  for (const header of headers) sum += header.dataBytes;
  return sum;
}

/** Cuts `payload`, the concatenated data, into entries without copying. Throws DecodeError unless it fits exactly. */
export function entriesFromPayload(headers: readonly EntryHeader[], payload: Uint8Array): Entry[] {
  const sum = headersDataBytes(headers);
  if (sum !== payload.length) {
    throw new DecodeError(`entry data of ${payload.length} bytes instead of ${sum}`);
  }
  const entries: Entry[] = [];
  let offset = 0;
  for (const { term: entryTerm, type, dataBytes } of headers) {
    entries.push({ term: entryTerm, type, data: payload.subarray(offset, offset + dataBytes) });
    offset += dataBytes;
  }
  return entries;
}
