import type { DiskFile, Entry } from '../base/index.ts';
import { BATCH_ENTRIES_MAX } from '../wire/index.ts';

/** The segment being written. */
export interface OpenSegment {
  readonly name: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
  readonly first: number;
  /** Offset after what is durable; SEGMENT_HEADER_BYTES at least. 0 = nothing written. */
  usedBytes: number;
  last: number;
  /** What is left to do to close it is a change of its name. */
  cut: boolean;
}

/** Entries of one append request; they become one batch on disk. */
export interface AppendBatch {
  readonly first: number;
  readonly entries: readonly Entry[];
}

/** What one call of `append` has collected, and where it began. */
export class WriteGroup {
  readonly startIndex: number;
  readonly startSegment: OpenSegment | undefined;
  readonly startUsedBytes: number;
  /** Index of the last entry collected or written. */
  lastIndex: number;
  /** Length of what waits to be written. */
  bytes = 0;
  /** A write was tried: parts of the group may be on disk. */
  written = false;
  #chunks: Uint8Array[] = [];

  constructor(lastIndex: number, segment: OpenSegment | undefined) {
    this.startIndex = lastIndex;
    this.lastIndex = lastIndex;
    this.startSegment = segment;
    this.startUsedBytes = segment?.usedBytes ?? 0;
  }

  add(chunks: readonly Uint8Array[], bytes: number, entries: number): void {
    for (const chunk of chunks) this.#chunks.push(chunk);
    this.bytes += bytes;
    this.lastIndex += entries;
  }

  take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.bytes = 0;
    this.written = true;
    return chunks;
  }
}

/** Splits what is too long for one batch. */
export function split(batch: AppendBatch): AppendBatch[] {
  const { first, entries } = batch;
  if (entries.length <= BATCH_ENTRIES_MAX) return [batch];
  const parts: AppendBatch[] = [];
  for (let at = 0; at < entries.length; at += BATCH_ENTRIES_MAX) {
    parts.push({ first: first + at, entries: entries.slice(at, at + BATCH_ENTRIES_MAX) });
  }
  return parts;
}
