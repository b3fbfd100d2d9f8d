const POLYNOMIAL = 0x04c11db7;
const SLICES = 16;

/** TABLES[k * 256 + i] = remainder of byte i followed by k zero bytes. One flat array: one bounds check fewer. */
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(SLICES * 256);
  for (let i = 0; i < 256; i++) {
    let remainder = i << 24;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder < 0 ? (remainder << 1) ^ POLYNOMIAL : remainder << 1;
    }
    tables[i] = remainder;
  }
  for (let k = 1; k < SLICES; k++) {
    for (let i = 0; i < 256; i++) {
      const previous = tables[(k - 1) * 256 + i];
      tables[k * 256 + i] = (previous << 8) ^ tables[previous >>> 24];
    }
  }
  return tables;
}

/**
 * CRC-32 of the log and of snapshot metadata (disk-format.md §2): polynomial 0x04C11DB7, most significant bit
 * first, no final inversion. Not zlib's. Pass the previous result as `start` to chain over several buffers.
 */
export function crc32(bytes: Uint8Array, start = 0): number {
  const t = TABLES;
  const length = bytes.length;
  let crc = start | 0;
  let i = 0;
  for (; i + 16 <= length; i += 16) {
    crc =
      t[3840 + (bytes[i] ^ (crc >>> 24))] ^
      t[3584 + (bytes[i + 1] ^ ((crc >>> 16) & 255))] ^
      t[3328 + (bytes[i + 2] ^ ((crc >>> 8) & 255))] ^
      t[3072 + (bytes[i + 3] ^ (crc & 255))] ^
      t[2816 + bytes[i + 4]] ^
      t[2560 + bytes[i + 5]] ^
      t[2304 + bytes[i + 6]] ^
      t[2048 + bytes[i + 7]] ^
      t[1792 + bytes[i + 8]] ^
      t[1536 + bytes[i + 9]] ^
      t[1280 + bytes[i + 10]] ^
      t[1024 + bytes[i + 11]] ^
      t[768 + bytes[i + 12]] ^
      t[512 + bytes[i + 13]] ^
      t[256 + bytes[i + 14]] ^
      t[bytes[i + 15]];
  }
  for (; i < length; i++) crc = (crc << 8) ^ t[(crc >>> 24) ^ bytes[i]];
  return crc >>> 0;
}

/** `crc32` over several buffers as if they were one. */
export function crc32All(chunks: readonly Uint8Array[], start = 0): number {
  let crc = start;
  for (const chunk of chunks) crc = crc32(chunk, crc);
  return crc;
}
