import { assert, ByteReader, ByteWriter, DecodeError, type Entry } from '../base/index.ts';
import {
  BATCH_ENTRIES_MAX,
  batchHeaderBytes,
  crc32,
  crc32All,
  ENTRY_HEADER_BYTES,
  entriesDataBytes,
  entriesFromPayload,
  headersDataBytes,
  readBatchHeader,
  writeBatchHeader,
} from '../wire/index.ts';

/** Two checksums before the batch header (disk-format.md §4.2). */
const CHECKSUM_BYTES = 8;
/** Offset in a batch of the three unused bytes of its first entry header. */
const MARK_OFFSET = CHECKSUM_BYTES + 8 + 9;

/** Length of a batch on disk. */
export function batchBytes(entries: readonly Entry[]): number {
  return CHECKSUM_BYTES + batchHeaderBytes(entries.length) + entriesDataBytes(entries);
}

/**
 * A batch as it stands on disk (disk-format.md §4.2): its header, then the data of the entries, uncopied.
 * `mark` goes into the three unused bytes of the first entry header, which readers ignore; 0 = none.
 */
export function encodeBatch(entries: readonly Entry[], mark = 0): Uint8Array[] {
  assert(entries.length > 0 && entries.length <= BATCH_ENTRIES_MAX, 'a batch has a bad count');
  assert(mark >= 0 && mark < 2 ** 24, 'a mark has 24 bits');
  const writer = new ByteWriter(CHECKSUM_BYTES + batchHeaderBytes(entries.length));
  writer.zeros(CHECKSUM_BYTES);
  writeBatchHeader(writer, entries);
  const header = writer.finish();
  header[MARK_OFFSET] = mark;
  header[MARK_OFFSET + 1] = mark >>> 8;
  header[MARK_OFFSET + 2] = mark >>> 16;
  const data = entries.map((entry) => entry.data);
  writer.patchU32(0, crc32(header.subarray(CHECKSUM_BYTES)));
  writer.patchU32(4, crc32All(data));
  return [header, ...data];
}

/**
 * The mark of the first batch of a write group that begins at this offset of a segment. It proves that
 * everything before it was durable when it was written, since groups are written one after another; the
 * offset in it keeps a copy of a segment inside a database from being taken for the real thing.
 */
export function groupMark(offset: number): number {
  return (Math.imul((offset >>> 3) + 1, 0x9e3779b1) >>> 8) | 1;
}

/** What stands at an offset of a segment. */
export type FoundBatch =
  | {
      readonly kind: 'batch';
      readonly entries: readonly Entry[];
      readonly mark: number;
      /** Offset after the batch. */
      readonly end: number;
    }
  /** The header is whole but the data is not: the next batch, if any, begins at `end`. */
  | { readonly kind: 'bad-data'; readonly end: number }
  | { readonly kind: 'bad-header'; readonly what: string }
  /** It is longer than what is left of the file. */
  | { readonly kind: 'past-end'; readonly what: string }
  /** Checksums hold, but the entries cannot be understood: written by a newer version. */
  | { readonly kind: 'unknown'; readonly what: string };

/** Reads the batch at `offset`; its entries share memory with `bytes`. Never throws. */
export function readBatch(bytes: Uint8Array, offset: number): FoundBatch {
  const bad = (what: string): FoundBatch => ({ kind: 'bad-header', what });
  if (bytes.length - offset < CHECKSUM_BYTES + batchHeaderBytes(1)) {
    return { kind: 'past-end', what: `only ${bytes.length - offset} bytes are left for a batch` };
  }
  const reader = new ByteReader(bytes, offset);
  const headerSum = reader.u32();
  const dataSum = reader.u32();
  const low = reader.u32();
  if (reader.u32() !== 0 || low === 0 || low > BATCH_ENTRIES_MAX) return bad('the count is wrong');
  const start = offset + CHECKSUM_BYTES;
  const dataStart = start + batchHeaderBytes(low);
  const fits =
    dataStart > bytes.length
      ? 'past-end'
      : headersFit(bytes, start + 8, low, bytes.length - dataStart);
  if (fits === 'bad-length') return bad('the length of an entry is wrong');
  if (fits === 'past-end') return { kind: fits, what: 'a batch runs past the end of the file' };
  if (crc32(bytes.subarray(start, dataStart)) !== headerSum) return bad('its header is damaged');
  try {
    const headers = readBatchHeader(new ByteReader(bytes, start), BATCH_ENTRIES_MAX);
    const end = dataStart + headersDataBytes(headers);
    const payload = bytes.subarray(dataStart, end);
    if (crc32(payload) !== dataSum) return { kind: 'bad-data', end };
    const mark = markAt(bytes, offset);
    return { kind: 'batch', entries: entriesFromPayload(headers, payload), mark, end };
  } catch (error) {
    if (error instanceof DecodeError) return { kind: 'unknown', what: error.message };
    throw error;
  }
}

/** The mark that stands at the offset of a batch, whether or not the batch can be read. */
export function markAt(bytes: Uint8Array, offset: number): number {
  const at = offset + MARK_OFFSET;
  return at + 3 > bytes.length ? 0 : bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
}

/** A quick look before the checksum: cheap enough to be tried at every offset of a damaged segment. */
function headersFit(
  bytes: Uint8Array,
  offset: number,
  count: number,
  room: number,
): 'fits' | 'past-end' | 'bad-length' {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(offset + i * ENTRY_HEADER_BYTES + 12, true);
    sum += length;
    if (length % 8 !== 0) return 'bad-length';
    if (sum > room) return 'past-end';
  }
  return 'fits';
}
