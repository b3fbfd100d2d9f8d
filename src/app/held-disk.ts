import {
  type Disk,
  DiskError,
  type DiskFile,
  type FileInfo,
  type OpenMode,
  QuorateError,
} from '../base/index.ts';

/**
 * A directory that is locked from the first look at it on: what was read to decide how to start stays true
 * until the log is opened, and a directory in use is told from a damaged one.
 */
export class HeldDisk implements Disk {
  readonly #disk: Disk;
  readonly #lock: { release(): Promise<void> };
  #released: Promise<void> | undefined;

  private constructor(disk: Disk, lock: { release(): Promise<void> }) {
    this.#disk = disk;
    this.#lock = lock;
  }

  /** Throws DIRECTORY_LOCKED when another process has it. */
  static async hold(disk: Disk): Promise<HeldDisk> {
    try {
      return new HeldDisk(disk, await disk.lock());
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      if (cause.code === 'ELOCKED') {
        throw new QuorateError(
          'DIRECTORY_LOCKED',
          `${cause.message}. Stop that process first, or give this node another directory`,
          { cause },
        );
      }
      throw new QuorateError(
        'DIRECTORY_UNUSABLE',
        `the data directory cannot be used: ${cause.message}`,
        { cause },
      );
    }
  }

  get path(): string {
    return this.#disk.path;
  }

  list(): Promise<FileInfo[]> {
    return this.#disk.list();
  }

  open(name: string, mode: OpenMode): Promise<DiskFile> {
    return this.#disk.open(name, mode);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(name: string): Promise<void> {
    return this.#disk.remove(name);
  }

  syncDirectory(): Promise<void> {
    return this.#disk.syncDirectory();
  }

  /** Hands on the lock that is held already. */
  lock(): Promise<{ release(): Promise<void> }> {
    return Promise.resolve({ release: () => this.release() });
  }

  /** Idempotent. */
  release(): Promise<void> {
    this.#released ??= this.#lock.release();
    return this.#released;
  }
}
