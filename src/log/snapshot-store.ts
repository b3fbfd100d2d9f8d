import { assert, type Disk, type DiskFile } from '../base/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import { encodeSnapshotMeta, Lz4FrameEncoder } from '../wire/index.ts';
import {
  type SnapshotFile,
  snapshotMetaName,
  snapshotName,
  TEMPORARY_PREFIX,
} from './file-names.ts';
import {
  openSnapshotContent,
  type SnapshotContent,
  type StoredSnapshot,
} from './snapshot-reader.ts';
import { publish, writeTemporary } from './whole-file.ts';

/** Content compressed at a time, at most one block: between two of them other work gets its turn. */
const PIECE_BYTES = 128 * 1024;
/** Snapshots that stay on disk (disk-format.md §9). */
const KEPT = 2;

/** The snapshots of one directory: writing, reading, removing old ones. */
export class SnapshotStore {
  readonly #disk: Disk;
  /** Usable ones, newest last. */
  readonly #stored: StoredSnapshot[];
  /** Files of snapshots that cannot be used; they go when newer ones are safe. */
  #unusable: SnapshotFile[];
  readonly #readers = new Map<string, number>();

  constructor(disk: Disk, stored: readonly StoredSnapshot[], unusable: readonly SnapshotFile[]) {
    this.#disk = disk;
    this.#stored = [...stored];
    this.#unusable = [...unusable];
  }

  get newest(): StoredSnapshot | undefined {
    return this.#stored.at(-1);
  }

  get count(): number {
    return this.#stored.length;
  }

  get bytes(): number {
    return this.#stored.reduce((sum, each) => sum + each.file.sizeBytes, 0);
  }

  /** Starts writing; nothing is visible before `store`. */
  async begin(info: SnapshotInfo, contentBytes: number): Promise<SnapshotFileWriter> {
    // The timestamp only breaks ties between snapshots of the same entry (disk-format.md §1).
    let timestamp = 1n;
    for (const { timestamp: other } of this.#files()) {
      if (other >= timestamp) timestamp = other + 1n;
    }
    const name = snapshotName(info.term, info.index, timestamp);
    const temporary = TEMPORARY_PREFIX + name;
    await this.#disk.remove(temporary);
    const file = await this.#disk.open(temporary, 'create');
    return new SnapshotFileWriter(this.#disk, file, info, name, timestamp, contentBytes);
  }

  /** Makes a finished snapshot the newest one, in the order of disk-format.md §8.3. */
  async store(writer: SnapshotFileWriter): Promise<void> {
    const { name, info } = writer;
    await publish(this.#disk, snapshotMetaName(name));
    await publish(this.#disk, name);
    const { index, term } = info;
    const { timestamp, sizeBytes } = writer;
    const file = { name, metaName: snapshotMetaName(name), term, index, timestamp, sizeBytes };
    this.#stored.push({ ...info, file });
  }

  /** Removes all but the newest two; the metadata first, so that no half counts as a snapshot. */
  async removeOld(): Promise<void> {
    const old = this.#stored.slice(0, -KEPT).filter(({ file }) => !this.#readers.has(file.name));
    const files = old.map(({ file }) => file);
    const newest = this.newest;
    for (const file of this.#unusable) {
      if (newest !== undefined && file.index <= newest.index) files.push(file);
    }
    if (files.length === 0) return;
    for (const file of files) await this.#disk.remove(file.metaName);
    await this.#disk.syncDirectory();
    for (const file of files) await this.#disk.remove(file.name);
    await this.#disk.syncDirectory();
    for (const snapshot of old) this.#stored.splice(this.#stored.indexOf(snapshot), 1);
    this.#unusable = this.#unusable.filter((file) => !files.includes(file));
  }

  /** Opens the content; the file stays until the reader is done. undefined = there is no such snapshot. */
  async read(at: Pick<SnapshotInfo, 'index' | 'term'>): Promise<SnapshotContent | undefined> {
    const matches = (each: StoredSnapshot) => each.index === at.index && each.term === at.term;
    const snapshot = this.#stored.findLast(matches);
    if (snapshot === undefined) return undefined;
    const { name } = snapshot.file;
    this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
    return await openSnapshotContent(this.#disk, snapshot, () => {
      const left = (this.#readers.get(name) ?? 1) - 1;
      if (left > 0) this.#readers.set(name, left);
      else this.#readers.delete(name);
    });
  }

  #files(): SnapshotFile[] {
    return [...this.#stored.map(({ file }) => file), ...this.#unusable];
  }
}

/** Streams one snapshot into a temporary file, compressed. */
export class SnapshotFileWriter {
  readonly name: string;
  readonly info: SnapshotInfo;
  readonly timestamp: bigint;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #encoder: Lz4FrameEncoder;
  #offset = 0;
  #state: 'writing' | 'finished' | 'ended' = 'writing';

  constructor(
    disk: Disk,
    file: DiskFile,
    info: SnapshotInfo,
    name: string,
    timestamp: bigint,
    contentBytes: number,
  ) {
    this.#disk = disk;
    this.#file = file;
    this.info = info;
    this.name = name;
    this.timestamp = timestamp;
    this.#encoder = new Lz4FrameEncoder(contentBytes);
  }

  /** Length of the compressed file so far. */
  get sizeBytes(): number {
    return this.#offset;
  }

  async write(chunk: Uint8Array): Promise<void> {
    assert(this.#state === 'writing', 'the snapshot is no longer being written');
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      await this.#put(this.#encoder.write(chunk.subarray(at, at + PIECE_BYTES)));
    }
  }

  /** Both files are complete and durable under their temporary names when it resolves. */
  async finish(): Promise<void> {
    assert(this.#state === 'writing', 'the snapshot is no longer being written');
    await this.#put(this.#encoder.finish());
    await this.#file.sync();
    this.#state = 'finished';
    await this.#file.close();
    await writeTemporary(this.#disk, snapshotMetaName(this.name), [encodeSnapshotMeta(this.info)]);
  }

  /** Removes what was written. Does nothing after the snapshot was stored. */
  async discard(): Promise<void> {
    if (this.#state === 'writing') await this.#file.close();
    this.#state = 'ended';
    await this.#disk.remove(TEMPORARY_PREFIX + snapshotMetaName(this.name));
    await this.#disk.remove(TEMPORARY_PREFIX + this.name);
  }

  async #put(chunks: readonly Uint8Array[]): Promise<void> {
    const at = this.#offset;
    for (const chunk of chunks) this.#offset += chunk.length;
    if (chunks.length > 0) await this.#file.write(at, chunks);
  }
}
