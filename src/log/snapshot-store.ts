import { assert, type Disk, DiskError, type DiskFile, QuorateError } from '../base/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import { encodeSnapshotMeta, Lz4FrameEncoder } from '../wire/index.ts';
import {
  type SnapshotFile,
  snapshotMetaName,
  snapshotName,
  TEMPORARY_PREFIX,
} from './file-names.ts';
import {
  isDamage,
  openSnapshotContent,
  type SnapshotContent,
  type StoredSnapshot,
  verifySnapshot,
} from './snapshot-reader.ts';
import { publish, withRoom, writeTemporary } from './whole-file.ts';

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
  /** The snapshot that was read to its end last, and whether it is sound. */
  #verified: { readonly name: string | undefined; readonly sound: boolean };

  constructor(disk: Disk, stored: readonly StoredSnapshot[], unusable: readonly SnapshotFile[]) {
    this.#disk = disk;
    this.#stored = [...stored];
    this.#unusable = [...unusable];
    // The newest one is read whenever a directory is opened.
    this.#verified = { name: this.newest?.file.name, sound: true };
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

  /** Whether the newest one was read to its end and is sound. */
  get newestVerified(): boolean {
    const { name, sound } = this.#verified;
    return this.newest !== undefined && this.newest.file.name === name && sound;
  }

  /** Reads the newest one to its end, unless that was done. False when it is not sound or was replaced meanwhile. */
  async verifyNewest(): Promise<boolean> {
    const { newest } = this;
    if (newest !== undefined && newest.file.name !== this.#verified.name) {
      const { name } = newest.file;
      this.#verified = { name, sound: await this.#isSound(newest) };
    }
    return this.newestVerified;
  }

  /** When it is not, nothing may be given up for it; whoever needs its content will report what is wrong. */
  async #isSound(snapshot: StoredSnapshot): Promise<boolean> {
    try {
      await verifySnapshot(this.#disk, snapshot);
      return true;
    } catch (error) {
      if (isDamage(error) || error instanceof DiskError) return false;
      if (error instanceof QuorateError && error.code === 'DISK_FAILED') return false;
      throw error;
    }
  }

  /** Starts writing; nothing is visible before `store`. `makeRoom` is asked when the disk is full. */
  async begin(
    info: SnapshotInfo,
    contentBytes: number,
    makeRoom: () => Promise<boolean>,
  ): Promise<SnapshotFileWriter> {
    // The timestamp only breaks ties between snapshots of the same entry (disk-format.md §1).
    let timestamp = 1n;
    for (const { timestamp: other } of this.#files()) {
      if (other >= timestamp) timestamp = other + 1n;
    }
    const name = snapshotName(info.term, info.index, timestamp);
    const temporary = TEMPORARY_PREFIX + name;
    await this.#disk.remove(temporary);
    const create = () => this.#disk.open(temporary, 'create');
    const file = await withRoom(create, makeRoom);
    const disk = this.#disk;
    return new SnapshotFileWriter({ disk, file, info, name, timestamp, contentBytes, makeRoom });
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

  /** Removes all but the newest ones; the metadata first, so that no half counts as a snapshot. Returns how many went. */
  async removeOld(kept: number = KEPT): Promise<number> {
    const old = this.#stored.slice(0, -kept).filter(({ file }) => !this.#readers.has(file.name));
    const files = old.map(({ file }) => file);
    const newest = this.newest;
    for (const file of this.#unusable) {
      if (newest !== undefined && file.index <= newest.index) files.push(file);
    }
    if (files.length === 0) return 0;
    for (const file of files) await this.#disk.remove(file.metaName);
    await this.#disk.syncDirectory();
    for (const file of files) await this.#disk.remove(file.name);
    await this.#disk.syncDirectory();
    for (const snapshot of old) this.#stored.splice(this.#stored.indexOf(snapshot), 1);
    this.#unusable = this.#unusable.filter((file) => !files.includes(file));
    return files.length;
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

interface SnapshotFileOptions {
  readonly disk: Disk;
  readonly file: DiskFile;
  readonly info: SnapshotInfo;
  readonly name: string;
  readonly timestamp: bigint;
  readonly contentBytes: number;
  /** Asked when the disk is full; false = there is nothing more to remove. */
  makeRoom(): Promise<boolean>;
}

/** Streams one snapshot into a temporary file, compressed. */
export class SnapshotFileWriter {
  readonly name: string;
  readonly info: SnapshotInfo;
  readonly timestamp: bigint;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #encoder: Lz4FrameEncoder;
  readonly #makeRoom: () => Promise<boolean>;
  #offset = 0;
  #state: 'writing' | 'finished' | 'ended' = 'writing';

  constructor(options: SnapshotFileOptions) {
    this.#disk = options.disk;
    this.#file = options.file;
    this.info = options.info;
    this.name = options.name;
    this.timestamp = options.timestamp;
    this.#encoder = new Lz4FrameEncoder(options.contentBytes);
    this.#makeRoom = options.makeRoom;
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
    const meta = [encodeSnapshotMeta(this.info)];
    const write = () => writeTemporary(this.#disk, snapshotMetaName(this.name), meta);
    await withRoom(write, this.#makeRoom);
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
    if (chunks.length > 0) await withRoom(() => this.#file.write(at, chunks), this.#makeRoom);
  }
}
