import {
  DecodeError,
  type Disk,
  DiskError,
  type DiskFile,
  logIndex,
  QuorateError,
  term,
} from '../base/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import { decodeSnapshotMeta, isLz4Frame, Lz4FrameDecoder, SnapshotDecoder } from '../wire/index.ts';
import { diskFailure, formatUnsupported, logDamaged } from './errors.ts';
import type { SnapshotFile } from './file-names.ts';
import { readWhole } from './whole-file.ts';

/** Bytes of the file read at a time: for compressed content the less, the more content comes out. */
const READ_BYTES_MIN = 1024;
const READ_BYTES_MAX = 256 * 1024;
/** Decoded at a time: what compresses best of all becomes 255 times as long. */
const PIECE_BYTES = 16 * 1024;
/** Content to get from one read: decoding it takes about a millisecond, and consensus runs on the same thread. */
const CONTENT_BYTES = 256 * 1024;
const META_BYTES_MAX = 2 * 1024 * 1024;

/** A snapshot that is on disk. */
export interface StoredSnapshot extends SnapshotInfo {
  readonly file: SnapshotFile;
}

/** Content of a snapshot as a stream. */
export interface SnapshotContent {
  /** Exact length of what `chunks` yields, in bytes. */
  readonly contentBytes: number;
  /**
   * May be used once; leaving the loop early closes the file. Throws LOG_DAMAGED at the damage, DISK_FAILED. The memory of a
   * chunk belongs to who takes it.
   */
  readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Gives the file back; needed when `chunks` is not read. Never throws. */
  close(): Promise<void>;
}

/** Reads the metadata of a snapshot. Throws LOG_DAMAGED when it cannot be used. */
export async function loadSnapshotInfo(
  disk: Disk,
  file: SnapshotFile,
  metaBytes: number,
): Promise<StoredSnapshot> {
  const place = { directory: disk.path, file: file.metaName };
  const affected = `the snapshot at entry ${file.index}`;
  if (metaBytes > META_BYTES_MAX) throw logDamaged(place, `it has ${metaBytes} bytes`, affected);
  const bytes = await readWhole(disk, file.metaName, metaBytes);
  if (bytes[0] > 1 && bytes.subarray(1, 8).every((byte) => byte === 0)) {
    throw formatUnsupported(place, `its format is ${bytes[0]}`);
  }
  try {
    const meta = decodeSnapshotMeta(bytes);
    return { ...meta, index: logIndex(file.index), term: term(file.term), file };
  } catch (error) {
    if (error instanceof DecodeError) throw logDamaged(place, error.message, affected);
    throw error;
  }
}

/**
 * Opens the content of a snapshot, compressed or raw (disk-format.md §8.2). `closed` is called when the
 * file is no longer needed.
 */
export async function openSnapshotContent(
  disk: Disk,
  snapshot: StoredSnapshot,
  closed: () => void = () => undefined,
): Promise<SnapshotContent> {
  const place = { directory: disk.path, file: snapshot.file.name };
  const affected = `the snapshot at entry ${snapshot.index}`;
  const file = await disk.open(snapshot.file.name, 'read');
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    closed();
    // A file that was only read loses nothing.
    await file.close().catch(() => undefined);
  };
  try {
    const start = new Uint8Array(Math.min(64, snapshot.file.sizeBytes));
    await file.read(0, start);
    if (!isLz4Frame(start)) {
      const { sizeBytes } = snapshot.file;
      return {
        contentBytes: sizeBytes,
        chunks: rawChunks(file, sizeBytes, close, asReported),
        close,
      };
    }
    const probe = new Lz4FrameDecoder();
    probe.write(start.subarray(0, 15), () => undefined);
    if (probe.contentBytes === undefined) throw new DecodeError('lz4: no content size');
    return { contentBytes: probe.contentBytes, chunks: lz4Chunks(file, close, asReported), close };
  } catch (error) {
    await close();
    throw asReported(error);
  }

  function asReported(error: unknown): unknown {
    if (error instanceof DecodeError) return logDamaged(place, error.message, affected);
    return diskFailure(error, 'reading a snapshot');
  }
}

async function* lz4Chunks(
  file: DiskFile,
  close: () => Promise<void>,
  asReported: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const source = new ReadAhead(file);
  try {
    const decoder = new Lz4FrameDecoder();
    for (;;) {
      const bytes = await source.next();
      if (bytes.length === 0) break;
      const ready: Uint8Array<ArrayBuffer>[] = [];
      let contentBytes = 0;
      let taken = 0;
      while (taken < bytes.length && contentBytes < CONTENT_BYTES) {
        const piece = bytes.subarray(taken, taken + PIECE_BYTES);
        // The decoder uses its memory again: what leaves this function must be a copy.
        decoder.write(piece, (content) => {
          contentBytes += content.length;
          ready.push(new Uint8Array(content));
        });
        taken += piece.length;
      }
      await source.took(taken, Math.round((CONTENT_BYTES * taken) / Math.max(contentBytes, 1)));
      yield* ready;
    }
    decoder.finish();
  } catch (error) {
    throw asReported(error);
  } finally {
    await close();
  }
}

/** Reads a file in order; the next part is under way while one is used. */
class ReadAhead {
  readonly #file: DiskFile;
  #current = new Uint8Array(READ_BYTES_MAX);
  #coming = new Uint8Array(READ_BYTES_MAX);
  #offset = 0;
  #count = 0;
  #readBytes = READ_BYTES_MIN;
  #reading: Promise<number>;

  constructor(file: DiskFile) {
    this.#file = file;
    this.#reading = this.#read();
  }

  /** The next part, valid until the call after `took`; empty at the end. */
  async next(): Promise<Uint8Array> {
    this.#count = await this.#reading;
    [this.#current, this.#coming] = [this.#coming, this.#current];
    this.#offset += this.#count;
    this.#reading = this.#read();
    return this.#current.subarray(0, this.#count);
  }

  /** Only so much of the part was used: the rest comes again. From now on `wanted` bytes are read at a time. */
  async took(bytes: number, wanted: number): Promise<void> {
    this.#readBytes = Math.min(READ_BYTES_MAX, Math.max(READ_BYTES_MIN, wanted));
    if (bytes === this.#count) return;
    // Both would be read into the same memory.
    await this.#reading;
    this.#offset -= this.#count - bytes;
    this.#reading = this.#read();
  }

  #read(): Promise<number> {
    const reading = this.#file.read(this.#offset, this.#coming.subarray(0, this.#readBytes));
    // Who stops reading does not hear what became of the part that was under way.
    reading.catch(() => undefined);
    return reading;
  }
}

async function* rawChunks(
  file: DiskFile,
  sizeBytes: number,
  close: () => Promise<void>,
  asReported: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      const buffer = new Uint8Array(Math.min(READ_BYTES_MAX, sizeBytes - offset));
      const count = await file.read(offset, buffer);
      if (count === 0) throw new DiskError('EIO', `a snapshot ended at byte ${offset}`);
      offset += count;
      yield buffer.subarray(0, count);
    }
  } catch (error) {
    throw asReported(error);
  } finally {
    await close();
  }
}

/** Takes the content of a snapshot while it is checked: what came counts only if the check finds it sound. */
export interface SnapshotSink {
  /** Content follows, in the place of any that came before. */
  begin(info: SnapshotInfo): void;
  /** The memory of the chunk is the sink's. The next one comes when it resolves. */
  chunk(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/**
 * Reads a snapshot to its end, so that damage is found before anything is built on it. Raw content has no
 * checksum: there only its structure can be checked.
 */
export async function verifySnapshot(
  disk: Disk,
  snapshot: StoredSnapshot,
  sink?: SnapshotSink,
): Promise<void> {
  const { contentBytes, chunks } = await openSnapshotContent(disk, snapshot);
  sink?.begin(snapshot);
  const ignore = (): void => undefined;
  const decoder = new SnapshotDecoder({ database: ignore, page: ignore, end: ignore });
  let length = 0;
  try {
    for await (const chunk of chunks) {
      length += chunk.length;
      decoder.write(chunk);
      await sink?.chunk(chunk);
    }
    decoder.finish();
    if (length !== contentBytes) throw new DecodeError(`${length} bytes, not ${contentBytes}`);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const place = { directory: disk.path, file: snapshot.file.name };
    throw logDamaged(place, error.message, `the snapshot at entry ${snapshot.index}`);
  }
}

/** True when an error means that the bytes are bad, as opposed to a disk that does not answer. */
export function isDamage(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'LOG_DAMAGED';
}
