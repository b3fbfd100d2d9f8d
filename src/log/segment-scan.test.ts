import { describe, expect, test } from 'vitest';
import { type Entry, term, utf8 } from '../base/index.ts';
import { encodeBatch, groupMark } from './batch.ts';
import { SEGMENT_HEADER, scanClosedSegment, scanOpenSegment } from './segment-scan.ts';

const place = { directory: '/data', file: 'a segment' };
const GROUPS = 4;

function entry(text: string): Entry {
  return { term: term(1), type: 'command', data: utf8(text.padEnd(64, '.')) };
}

/** A segment of write groups of one length, and where they begin. */
function segment(marked: boolean): { bytes: Uint8Array; offsets: number[] } {
  const parts: Uint8Array[] = [SEGMENT_HEADER];
  const offsets: number[] = [];
  let offset = SEGMENT_HEADER.length;
  for (let i = 1; i <= GROUPS; i++) {
    offsets.push(offset);
    for (const mark of [marked ? groupMark(offset) : 0, 0]) {
      const batch = Buffer.concat(encodeBatch([entry(`entry ${i} ${mark === 0}`)], mark));
      parts.push(batch);
      offset += batch.length;
    }
  }
  return { bytes: Buffer.concat(parts), offsets };
}

const open = (bytes: Uint8Array) =>
  scanOpenSegment(Buffer.concat([bytes, Buffer.alloc(4096)]), 1, place);
const closed = (bytes: Uint8Array) => scanClosedSegment(bytes, 1, 2 * GROUPS, place);

describe('a write that a disk put where another one had been', () => {
  test.each([0, 1, 2])('the last group over the one at place %i', (victim) => {
    const { bytes, offsets } = segment(true);
    expect(open(bytes).entries).toHaveLength(2 * GROUPS);
    expect(closed(bytes).entries).toHaveLength(2 * GROUPS);
    bytes.copyWithin(offsets[victim], offsets[GROUPS - 1]);
    expect(() => closed(bytes)).toThrow(/written for another place/);
    expect(() => open(bytes)).toThrow(/written for another place/);
    // The disk never wrote where it should have.
    bytes.fill(0, offsets[GROUPS - 1]);
    expect(() => open(bytes)).toThrow(/written for another place/);
  });

  test('segments of C have no marks, or what was in memory before', () => {
    const { bytes } = segment(false);
    expect(open(bytes).entries).toHaveLength(2 * GROUPS);
    const garbage = Buffer.concat([
      SEGMENT_HEADER,
      ...encodeBatch([entry('x')], 77),
      ...encodeBatch([entry('y')], 78),
    ]);
    expect(open(garbage).entries).toHaveLength(2);
  });
});
