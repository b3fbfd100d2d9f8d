import type { Disk, DiskFile, FileInfo, OpenMode } from '../base/index.ts';
import { neverFull } from './errors.ts';

/** What was asked of the disk since the log was opened. */
export interface DiskCounters {
  /** Calls that wait for the medium: durable writes, file syncs, directory syncs. */
  syncs: number;
  writtenBytes: number;
}

/** A disk that counts what passes through it. */
export class CountingDisk implements Disk {
  readonly path: string;
  readonly counters: DiskCounters = { syncs: 0, writtenBytes: 0 };
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.path = disk.path;
  }

  list(): Promise<FileInfo[]> {
    return this.#disk.list();
  }

  async open(name: string, mode: OpenMode): Promise<DiskFile> {
    return new CountingFile(await this.#disk.open(name, mode), this.counters);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(name: string): Promise<void> {
    return this.#disk.remove(name);
  }

  syncDirectory(): Promise<void> {
    this.counters.syncs++;
    // A name may stand there or not: the log cannot go on as after a refused write.
    return neverFull(this.#disk.syncDirectory());
  }

  lock(): Promise<{ release(): Promise<void> }> {
    return this.#disk.lock();
  }
}

class CountingFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #counters: DiskCounters;

  constructor(file: DiskFile, counters: DiskCounters) {
    this.#file = file;
    this.#counters = counters;
  }

  read(offset: number, target: Uint8Array): Promise<number> {
    return this.#file.read(offset, target);
  }

  write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#countBytes(chunks);
    return this.#file.write(offset, chunks);
  }

  writeDurable(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#countBytes(chunks);
    this.#counters.syncs++;
    return this.#file.writeDurable(offset, chunks);
  }

  sync(): Promise<void> {
    this.#counters.syncs++;
    return this.#file.sync();
  }

  allocate(sizeBytes: number): Promise<void> {
    return this.#file.allocate(sizeBytes);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#file.truncate(sizeBytes);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #countBytes(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.#counters.writtenBytes += chunk.length;
  }
}
