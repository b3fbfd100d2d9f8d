import { ByteReader, ByteWriter, type Entry } from '../base/index.ts';
import { groupMark, markAt, readBatch } from './batch.ts';
import { type DamagePlace, formatUnsupported, logDamaged } from './errors.ts';

/** Length of the format word before the first batch. */
export const SEGMENT_HEADER_BYTES = 8;
const FORMAT = 1n;
/** The least that a disk writes whole. */
const SECTOR_BYTES = 512;
/** C makes a longer file while it writes to it; a shorter one has its length before its first entry. */
const ALLOCATED_BYTES = 8 * 1024 * 1024;

/** What the rest of an open segment is compared with: that is far faster than a loop. */
const ZEROES = new Uint8Array(64 * 1024);

/** The format word at the start of each segment that holds entries. */
export const SEGMENT_HEADER: Uint8Array = new ByteWriter(8).u64(FORMAT).finish();

/** What a segment holds. */
export interface ScannedSegment {
  readonly entries: readonly Entry[];
  /** Offset after the last good batch; 0 when the segment was never used. */
  readonly usedBytes: number;
  /** Something unfinished stood after it. */
  readonly torn: boolean;
}

const UNUSED: ScannedSegment = { entries: [], usedBytes: 0, torn: false };

/**
 * Reads a closed segment: every batch must be whole. Zeroes after the last batch are a truncation that a
 * crash took back. Throws LOG_DAMAGED or FORMAT_UNSUPPORTED.
 */
export function scanClosedSegment(
  bytes: Uint8Array,
  first: number,
  last: number,
  place: DamagePlace,
): ScannedSegment {
  const affected = `entries ${first} to ${last}`;
  if (bytes.length === 0) throw logDamaged(place, 'it is empty', affected);
  checkFormat(bytes, place, affected);
  const entries: Entry[] = [];
  const marks = new Marks();
  let offset = SEGMENT_HEADER_BYTES;
  while (offset < bytes.length && entries.length <= last - first) {
    const found = readBatch(bytes, offset);
    if (found.kind === 'unknown') throw formatUnsupported({ ...place, offset }, found.what);
    if (found.kind !== 'batch') {
      const what = found.kind === 'bad-data' ? 'the data of a batch is damaged' : found.what;
      const at = first + entries.length;
      throw logDamaged({ ...place, offset }, what, `entries ${at} to ${last}`);
    }
    marks.add(offset, found.mark);
    for (const entry of found.entries) entries.push(entry);
    offset = found.end;
  }
  marks.check(place, affected);
  if (entries.length !== last - first + 1) {
    const what = `it holds ${entries.length} entries, not the ${last - first + 1} of its name`;
    throw logDamaged(place, what, affected);
  }
  if (!isZero(bytes, offset)) {
    throw logDamaged({ ...place, offset }, 'bytes follow its last entry', `entries from ${last}`);
  }
  return { entries, usedBytes: offset, torn: offset < bytes.length };
}

/**
 * Reads an open segment up to its last good batch. An unfinished write at the end is what a crash leaves
 * and was never acknowledged; anything else is damage. They are told apart by what follows: a batch that
 * begins a later write group can only stand there if everything before it had been durable.
 * Throws LOG_DAMAGED or FORMAT_UNSUPPORTED.
 */
export function scanOpenSegment(
  bytes: Uint8Array,
  first: number,
  place: DamagePlace,
): ScannedSegment {
  if (bytes.length < SEGMENT_HEADER_BYTES || isZero(bytes, 0)) return UNUSED;
  const format = new ByteReader(bytes).u64();
  if (format === 0n && !isZero(bytes.subarray(0, SECTOR_BYTES), 0)) {
    throw logDamaged({ ...place, offset: 0 }, 'its format word is 0', `entries from ${first}`);
  }
  if (format === 0n) {
    // The format word is written together with the first group: of a torn write its sector may be the one that is missing.
    const later = findLaterGroup(bytes, SEGMENT_HEADER_BYTES, true);
    if (later === undefined) return { ...UNUSED, torn: true };
    throw damagedBefore(place, 0, later, first);
  }
  checkFormat(bytes, place, `entries from ${first}`);
  const entries: Entry[] = [];
  const marks = new Marks();
  let offset = SEGMENT_HEADER_BYTES;
  // The sector with the format word holds this mark, too: a crash cannot have torn one from the other.
  const ours = markAt(bytes, SEGMENT_HEADER_BYTES) === groupMark(SEGMENT_HEADER_BYTES);
  while (!isZeroAtEnd(bytes, offset)) {
    const found = readBatch(bytes, offset);
    if (found.kind === 'unknown') throw formatUnsupported({ ...place, offset }, found.what);
    if (found.kind === 'past-end' && bytes.length < ALLOCATED_BYTES) {
      const affected = `entries from ${first + entries.length}`;
      throw logDamaged({ ...place, offset }, `${found.what}, which was allocated first`, affected);
    }
    if (found.kind !== 'batch') break;
    marks.add(offset, found.mark);
    for (const entry of found.entries) entries.push(entry);
    offset = found.end;
  }
  marks.check(place, `entries from ${first}`);
  if (isZero(bytes, offset)) {
    return { entries, usedBytes: entries.length === 0 ? 0 : offset, torn: false };
  }
  const later = findLaterGroup(bytes, offset, ours);
  if (later !== undefined) throw damagedBefore(place, offset, later, first + entries.length);
  return { entries, usedBytes: entries.length === 0 ? 0 : offset, torn: true };
}

/**
 * The marks of a segment. Where one is right, the segment is ours: then a batch with the mark of another offset is a write that the disk put
 * into the wrong place, sound in itself, over what belongs there. C leaves there what was in memory before.
 */
class Marks {
  #ours = false;
  #misplaced: number | undefined;

  add(offset: number, mark: number): void {
    if (mark === 0) return;
    if (mark === groupMark(offset)) this.#ours = true;
    else this.#misplaced ??= offset;
  }

  check(place: DamagePlace, affected: string): void {
    if (!this.#ours || this.#misplaced === undefined) return;
    const offset = this.#misplaced;
    throw logDamaged({ ...place, offset }, 'a batch was written for another place', affected);
  }
}

/**
 * Offset of a good batch after the bad one at `offset` that proves the bad one to have been durable. In
 * segments that C wrote no batch is marked, so any good one counts: rather stop than lose entries.
 */
function findLaterGroup(bytes: Uint8Array, offset: number, ours: boolean): number | undefined {
  let at = offset;
  while (at < bytes.length) {
    const found = readBatch(bytes, at);
    if (found.kind === 'batch') {
      const proves = !ours || found.mark === groupMark(at);
      if (proves && at !== SEGMENT_HEADER_BYTES) return at;
      at = found.end;
    } else if (found.kind === 'bad-data') at = found.end;
    else at += 8;
  }
  return undefined;
}

function damagedBefore(place: DamagePlace, offset: number, later: number, index: number) {
  return logDamaged(
    { ...place, offset },
    `a batch cannot be read, but what was written after it, at byte ${later}, can`,
    `entries from ${index}`,
  );
}

function checkFormat(bytes: Uint8Array, place: DamagePlace, affected: string): void {
  if (bytes.length < SEGMENT_HEADER_BYTES) {
    throw logDamaged(place, `it has only ${bytes.length} bytes`, affected);
  }
  const format = new ByteReader(bytes).u64();
  if (format === FORMAT) return;
  // Small numbers are formats of other versions; the rest is not a format at all.
  if (format > FORMAT && format < 256n) throw formatUnsupported(place, `its format is ${format}`);
  throw logDamaged(place, `its format word is ${format}`, affected);
}

/** True when no byte from `offset` on is set. */
function isZero(bytes: Uint8Array, offset: number): boolean {
  for (let at = offset; at < bytes.length; at += ZEROES.length) {
    const part = bytes.subarray(at, at + ZEROES.length);
    if (Buffer.compare(part, ZEROES.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

/** A quick form of isZero for the usual end of a segment: a zero word is no batch. */
function isZeroAtEnd(bytes: Uint8Array, offset: number): boolean {
  const end = Math.min(bytes.length, offset + 16);
  for (let at = offset; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
