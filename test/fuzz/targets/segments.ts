import { type Entry, QuorateError, term } from '../../../src/base/index.ts';
import { encodeBatch, groupMark, readBatch } from '../../../src/log/batch.ts';
import {
  SEGMENT_HEADER,
  scanClosedSegment,
  scanOpenSegment,
} from '../../../src/log/segment-scan.ts';
import { crc32, encodeConfiguration } from '../../../src/wire/index.ts';
import { directories } from '../captures.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { demand, same } from './check.ts';

const PLACE = { directory: 'd', file: 'f' };
const CODES = new Set(['LOG_DAMAGED', 'FORMAT_UNSUPPORTED']);

/** Segment files: as closed ones, and as open ones with whatever a crash may leave at their end. */
export const segmentsTarget: Target = {
  name: 'segments',
  corpus: () => [
    ...directories().flatMap((files) =>
      [...files].flatMap(([name, bytes]) =>
        /^open-|^\d{16}-/.test(name) ? [bytes.subarray(0, 40_000)] : [],
      ),
    ),
    ...[1, 3, 8].map(ownSegment),
  ],
  repair: repairBatches,
  run(bytes) {
    for (const first of [1, 49]) {
      const open = scanned(() => scanOpenSegment(bytes, first, PLACE));
      if (open === undefined || open.entries.length === 0) continue;
      const { entries, usedBytes } = open;
      demand(usedBytes <= bytes.length && usedBytes % 8 === 0, 'a bad end of the used part');
      // What an open segment holds must be readable as the closed one that the start makes of it.
      const last = first + entries.length - 1;
      const closed = scanned(() =>
        scanClosedSegment(bytes.subarray(0, usedBytes), first, last, PLACE),
      );
      same(closed?.entries, entries, 'as a closed segment');
    }
    const count = countOf(bytes);
    for (const last of [0, count, count + 1]) {
      if (last > 0) scanned(() => scanClosedSegment(bytes, 1, last, PLACE));
    }
  },
};

function scanned<T>(scan: () => T): T | undefined {
  try {
    return scan();
  } catch (error) {
    if (error instanceof QuorateError && CODES.has(error.code)) return undefined;
    throw error;
  }
}

function countOf(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 8; at < bytes.length; ) {
    const found = readBatch(bytes, at);
    if (found.kind !== 'batch') break;
    count += found.entries.length;
    at = found.end;
  }
  return count;
}

/** Batches of one to three entries, marked as the log marks them. */
export function ownSegment(batches: number): Uint8Array {
  const parts: Uint8Array[] = [SEGMENT_HEADER];
  let offset = SEGMENT_HEADER.length;
  for (let i = 0; i < batches; i++) {
    const entries: Entry[] = Array.from({ length: 1 + (i % 3) }, (_, k) => ({
      term: term(1 + i),
      type: 'command',
      data: new Uint8Array(8 * (1 + ((i * 7 + k) % 40))).fill(i + 1),
    }));
    if (i === 1) {
      const members = [{ id: 1n, address: 'a:1', role: 'voter' as const }];
      entries.push({
        term: term(2),
        type: 'configuration',
        data: encodeConfiguration({ members }),
      });
    }
    const batch = encodeBatch(entries, i % 2 === 0 ? groupMark(offset) : 0);
    parts.push(...batch);
    for (const part of batch) offset += part.length;
  }
  return concat(parts);
}

/** Makes the checksums of one batch after another right again, as far as they can be followed. */
export function repairBatches(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 8; at + 32 <= bytes.length; ) {
    const count = view.getUint32(at + 8, true);
    const data = at + 16 + 16 * count;
    if (count === 0 || count > 1000 || data > bytes.length) return;
    let end = data;
    for (let i = 0; i < count; i++) end += view.getUint32(at + 16 + 16 * i + 12, true);
    if (end > bytes.length) return;
    view.setUint32(at, crc32(bytes.subarray(at + 8, data)), true);
    view.setUint32(at + 4, crc32(bytes.subarray(data, end)), true);
    at = end;
  }
}
