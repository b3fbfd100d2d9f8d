import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

const CLOSED = /^(\d{16})-(\d{16})$/;
const OPEN = /^open-\d+$/;
const CHUNK = 256 * 1024;

/** What the segments of one data directory hold at a time. Quorate and C dqlite write the same files. */
export interface LogExtent {
  /** Used bytes of each segment, by the identity that it keeps when it is renamed. */
  readonly segments: ReadonlyMap<string, number>;
  /** Of the closed segments; undefined when there is none. */
  readonly first: number | undefined;
  readonly last: number;
}

/** Segments are allocated ahead: of an open one counts what comes before the zeros at its end. */
export function logExtent(directory: string): LogExtent {
  const segments = new Map<string, number>();
  let first: number | undefined;
  let last = 0;
  for (const name of readdirSync(directory)) {
    const closed = CLOSED.exec(name);
    if (closed === null && !OPEN.test(name)) continue;
    const path = join(directory, name);
    const info = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (info === undefined) continue;
    segments.set(
      `${info.ino}-${info.birthtimeNs}`,
      closed === null ? usedBytes(path) : Number(info.size),
    );
    if (closed === null) continue;
    first = Math.min(first ?? Number.MAX_SAFE_INTEGER, Number(closed[1]));
    last = Math.max(last, Number(closed[2]));
  }
  return { segments, first, last };
}

/** Bytes appended between two looks; undefined when segments that came in between are gone already. */
export function appendedBytes(before: LogExtent, after: LogExtent): number | undefined {
  if (after.first !== undefined && before.last > 0 && after.first > before.last + 1) {
    return undefined;
  }
  let bytes = 0;
  for (const [id, used] of after.segments) {
    bytes += Math.max(0, used - (before.segments.get(id) ?? 0));
  }
  return bytes;
}

function usedBytes(path: string): number {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // Closed and renamed since the directory was read; it counts at the next look.
    return 0;
  }
  try {
    const chunk = Buffer.alloc(CHUNK);
    let end = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    while (end > 0) {
      const start = Math.max(0, end - CHUNK);
      const length = readSync(file, chunk, 0, end - start, start);
      for (let i = length - 1; i >= 0; i--) if (chunk[i] !== 0) return start + i + 1;
      end = start;
    }
    return 0;
  } finally {
    closeSync(file);
  }
}
