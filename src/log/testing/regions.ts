import { ByteReader } from '../../base/index.ts';
import { ENTRY_HEADER_BYTES } from '../../wire/index.ts';

/** A named range of bytes of a file, by the format and not by the code that reads it. */
export interface Region {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Batches looked into at each end of a segment; the others are like them. */
const BATCHES = 3;
const ENTRIES = 2;

/** The regions of a file of a data directory; none for files that the log does not read. */
export function regionsOf(name: string, bytes: Uint8Array): readonly Region[] {
  if (bytes.length === 0) return [];
  if (/^metadata[12]$/.test(name)) return words(['format', 'version', 'term', 'vote']);
  if (name === 'quorate-floor') {
    const fields = ['format', 'index', 'term', 'metadata version', 'metadata term', 'vote', 'crc'];
    return words(fields);
  }
  if (/^(open-\d+|\d{16}-\d{16})$/.test(name)) return segmentRegions(bytes);
  if (/^snapshot-.*\.meta$/.test(name)) {
    const head = words(['format', 'crc', 'configuration index', 'configuration length']);
    return [...head, { name: 'configuration', start: 32, end: bytes.length }];
  }
  return /^snapshot-/.test(name) ? frameRegions(bytes) : [];
}

function words(names: readonly string[]): Region[] {
  return names.map((name, at) => ({ name, start: at * 8, end: at * 8 + 8 }));
}

/** Format word, batches (disk-format.md §4.2), and what follows the last one. */
function segmentRegions(bytes: Uint8Array): Region[] {
  const batches: Region[][] = [];
  let offset = 8;
  while (offset + 32 <= bytes.length) {
    const count = Number(new ByteReader(bytes, offset + 8).u64());
    if (count === 0) break;
    const data = offset + 16 + count * ENTRY_HEADER_BYTES;
    let end = data;
    const headers: Region[] = [];
    for (let entry = 0; entry < count; entry++) {
      const at = offset + 16 + entry * ENTRY_HEADER_BYTES;
      end += new ByteReader(bytes, at + 12).u32();
      if (entry >= ENTRIES) continue;
      headers.push({ name: 'entry term', start: at, end: at + 8 });
      headers.push({ name: 'entry type', start: at + 8, end: at + 9 });
      headers.push({ name: 'entry padding', start: at + 9, end: at + 12 });
      headers.push({ name: 'entry length', start: at + 12, end: at + 16 });
    }
    batches.push([
      { name: 'header crc', start: offset, end: offset + 4 },
      { name: 'data crc', start: offset + 4, end: offset + 8 },
      { name: 'batch count', start: offset + 8, end: offset + 16 },
      ...headers,
      { name: 'entry data', start: data, end },
    ]);
    offset = end;
  }
  const last = batches.pop()?.map((region) => ({ ...region, name: `last ${region.name}` })) ?? [];
  const looked = [...batches.slice(0, BATCHES), ...batches.slice(BATCHES).slice(-1)].flat();
  const regions = [{ name: 'format', start: 0, end: 8 }, ...looked, ...last];
  if (offset < bytes.length)
    regions.push({ name: 'after the end', start: offset, end: bytes.length });
  return regions.filter(({ start, end }) => end > start);
}

/** An LZ4 frame with content size (disk-format.md §8.2); raw content is one region. */
function frameRegions(bytes: Uint8Array): Region[] {
  if (new ByteReader(bytes).u32() !== 0x184d2204) {
    return [{ name: 'raw content', start: 0, end: bytes.length }];
  }
  const regions: Region[] = [
    { name: 'magic', start: 0, end: 4 },
    { name: 'descriptor', start: 4, end: 6 },
    { name: 'content size', start: 6, end: 14 },
    { name: 'descriptor checksum', start: 14, end: 15 },
  ];
  let offset = 15;
  for (;;) {
    const word = new ByteReader(bytes, offset).u32();
    const length = word % 2 ** 31;
    if (length === 0) break;
    regions.push({ name: 'block size', start: offset, end: offset + 4 });
    regions.push({ name: 'block', start: offset + 4, end: offset + 4 + length });
    offset += 4 + length;
  }
  regions.push({ name: 'end mark', start: offset, end: offset + 4 });
  regions.push({ name: 'content checksum', start: offset + 4, end: offset + 8 });
  return regions;
}
