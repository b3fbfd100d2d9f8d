import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import {
  assert,
  type Disk,
  DiskError,
  type DiskFile,
  type FileInfo,
  type Logger,
  type OpenMode,
  silent,
} from '../base/index.ts';
import { lockDirectory } from './directory-lock.ts';
import { call, notFound } from './file-call.ts';
import { RealDiskFile } from './real-disk-file.ts';

export interface DiskOptions {
  /** Hears about weaker guarantees of this platform, such as a lock that C nodes do not see. */
  readonly log?: Logger;
}

/**
 * Opens a data directory on a real file system, creating it (mode 0700) with its parents if it is
 * missing. All work is done by libuv's thread pool: no call blocks the event loop.
 * Throws DiskError: EACCES, ENOTDIR, EROFS, ENOSPC, …
 */
export async function openDisk(path: string, options: DiskOptions = {}): Promise<Disk> {
  await makeDirectory(path);
  const info = await call<fs.Stats>(`look at ${path}`, (done) => fs.stat(path, done));
  if (!info.isDirectory()) throw new DiskError('ENOTDIR', `${path} is not a directory`);
  return new RealDisk(path, options.log ?? silent);
}

/**
 * Creates a directory and the parents that are missing, each durable before what is in it. Not with `recursive`: where the system
 * answers ENOENT although the parent exists, as below /proc, Node 20 tries for ever.
 */
async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    await tryMakeDirectory(path);
  } catch (error) {
    if (await isDirectory(path)) return;
    if (!notFound(error) || parent === path || (await isDirectory(parent))) throw error;
    await makeDirectory(parent);
    await tryMakeDirectory(path);
  }
  await syncDirectoryAt(parent);
}

function tryMakeDirectory(path: string): Promise<void> {
  return call<void>(`create the directory ${path}`, (done) =>
    fs.mkdir(path, { mode: 0o700 }, done),
  );
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    const info = await call<fs.Stats>(`look at ${path}`, (done) => fs.stat(path, done));
    return info.isDirectory();
  } catch {
    return false;
  }
}

class RealDisk implements Disk {
  readonly path: string;
  readonly #log: Logger;

  constructor(path: string, log: Logger) {
    this.path = path;
    this.#log = log;
  }

  async list(): Promise<FileInfo[]> {
    const entries = await call<fs.Dirent[]>(`list ${this.path}`, (done) =>
      fs.readdir(this.path, { withFileTypes: true }, done),
    );
    const files: FileInfo[] = [];
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      try {
        const info = await call<fs.Stats>(`look at ${this.#at(entry.name)}`, (done) =>
          fs.stat(this.#at(entry.name), done),
        );
        files.push({ name: entry.name, sizeBytes: info.size });
      } catch (error) {
        if (!notFound(error)) throw error;
      }
    }
    return files;
  }

  async open(name: string, mode: OpenMode): Promise<DiskFile> {
    const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
    const flags =
      mode === 'read' ? O_RDONLY : mode === 'write' ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
    const path = this.#at(name);
    const descriptor = await call<number>(`open ${path}`, (done) =>
      fs.open(path, flags, 0o600, done),
    );
    return new RealDiskFile(path, descriptor);
  }

  async rename(from: string, to: string): Promise<void> {
    await call<void>(`rename ${this.#at(from)} to ${to}`, (done) =>
      fs.rename(this.#at(from), this.#at(to), done),
    );
  }

  async remove(name: string): Promise<void> {
    try {
      await call<void>(`remove ${this.#at(name)}`, (done) => fs.unlink(this.#at(name), done));
    } catch (error) {
      if (!notFound(error)) throw error;
    }
  }

  syncDirectory(): Promise<void> {
    return syncDirectoryAt(this.path);
  }

  lock(): Promise<{ release(): Promise<void> }> {
    return lockDirectory(this.path, this.#log);
  }

  #at(name: string): string {
    assert(!name.includes('/') && name !== '' && name !== '..', () => `not a file name: ${name}`);
    return join(this.path, name);
  }
}

async function syncDirectoryAt(path: string): Promise<void> {
  // Windows has no way to sync a directory: NTFS journals its changes in order by itself.
  if (process.platform === 'win32') return;
  const descriptor = await call<number>(`open the directory ${path}`, (done) =>
    fs.open(path, fs.constants.O_RDONLY, done),
  );
  try {
    await call<void>(`sync the directory ${path}`, (done) => fs.fsync(descriptor, done));
  } catch (error) {
    // Some network file systems refuse to sync directories; they have no cache of names to sync.
    if (!(error instanceof DiskError && error.code === 'EINVAL')) throw error;
  } finally {
    fs.close(descriptor, () => undefined);
  }
}
