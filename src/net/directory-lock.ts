import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { DiskError, type Logger } from '../base/index.ts';
import { call } from './file-call.ts';

/** Name of the lock file that C nodes since 1.16.5 lock too (disk-format.md §10). */
const LOCK_NAME = 'dqlite-lock';
/** open(2) flag of macOS and the BSDs: take a flock while opening. */
const O_EXLOCK_BSD = 0x20;
/** libuv's flag for Windows: open without sharing. */
const UV_O_EXLOCK_WINDOWS = 0x10000000;
/** What util-linux and busybox `flock -n` return when somebody else holds the lock. */
const FLOCK_CONFLICT = 1;

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Locks a directory for this process (disk-format.md §10): the BSD lock that C nodes take, so that
 * only one node of either kind runs on a directory. Node has no flock call; the program `flock` locks
 * the descriptor that it inherits, and the lock stays with our open file when the program ends.
 * Throws DiskError ELOCKED when another process (or this one) holds the lock.
 */
export async function lockDirectory(path: string, log: Logger): Promise<DirectoryLock> {
  const file = join(path, LOCK_NAME);
  if (process.platform !== 'linux') return lockByOpening(file, log);
  const descriptor = await openLockFile(file, 0);
  const release = () =>
    call<void>(`close ${file}`, (done) => fs.close(descriptor, done)).then(() => undefined);
  try {
    const status = await runFlock(descriptor);
    if (status === 0) return { release };
    if (status === FLOCK_CONFLICT) throw lockedError(path);
    log('warn', 'the program "flock" cannot be used: a dqlite C node could open this directory', {
      path,
    });
    return await lockBySocket(path, release);
  } catch (error) {
    await release();
    throw error;
  }
}

function openLockFile(file: string, extraFlags: number): Promise<number> {
  const flags = fs.constants.O_RDWR | fs.constants.O_CREAT | extraFlags;
  return call<number>(`open ${file}`, (done) => fs.open(file, flags, 0o600, done));
}

/** Exit status of `flock`, or undefined when the program is missing or failed in another way. */
function runFlock(descriptor: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const child = spawn('flock', ['-n', '-x', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
    });
    child.on('error', () => resolve(undefined));
    child.on('close', (status) =>
      resolve(status === 0 || status === FLOCK_CONFLICT ? status : undefined),
    );
  });
}

/** macOS, BSD and Windows can lock while opening. There are no C nodes on these systems. */
async function lockByOpening(file: string, log: Logger): Promise<DirectoryLock> {
  const flags =
    process.platform === 'win32'
      ? UV_O_EXLOCK_WINDOWS
      : O_EXLOCK_BSD | (fs.constants.O_NONBLOCK ?? 0);
  try {
    const descriptor = await openLockFile(file, flags);
    log('debug', 'the data directory is locked by opening its lock file exclusively', { file });
    return {
      release: () => call<void>(`close ${file}`, (done) => fs.close(descriptor, done)),
    };
  } catch (error) {
    if (error instanceof DiskError && ['EAGAIN', 'EWOULDBLOCK', 'EBUSY'].includes(error.code)) {
      throw lockedError(file);
    }
    throw error;
  }
}

/** Linux without `flock`: an abstract socket named after the directory, freed when the process ends. */
async function lockBySocket(path: string, release: () => Promise<void>): Promise<DirectoryLock> {
  const info = await call<fs.BigIntStats>(`look at ${path}`, (done) =>
    fs.stat(path, { bigint: true }, done),
  );
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? lockedError(path) : error),
    );
    server.listen(`\0quorate-lock-${info.dev}-${info.ino}`, resolve);
  });
  server.unref();
  return {
    release: async () => {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await release();
    },
  };
}

function lockedError(path: string): DiskError {
  return new DiskError(
    'ELOCKED',
    `another process uses the data directory ${path}: a directory belongs to one node at a time`,
  );
}
