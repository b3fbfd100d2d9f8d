import * as fs from 'node:fs';
import process from 'node:process';
import { assert, DiskError, type DiskFile } from '../base/index.ts';
import { call } from './file-call.ts';

const ZERO_BYTES = 256 * 1024;
/** Shared by all files: writev takes the same buffer many times. Never written to. */
const ZEROS = new Uint8Array(ZERO_BYTES);
const ZERO_CHUNKS_PER_WRITE = 16;

/**
 * A file of the real file system. Calls are queued so that they run in the order in which they were
 * made. Durable writes go through a second descriptor opened with O_DSYNC, so that a write and its
 * sync are one system call; elsewhere than on Linux they are a write and an fdatasync, since there
 * O_DSYNC does not reach the medium (macOS) or does not exist (Windows).
 */
export class RealDiskFile implements DiskFile {
  readonly #path: string;
  readonly #descriptor: number;
  #durable: number | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  read(offset: number, target: Uint8Array): Promise<number> {
    return this.#inOrder(async () => {
      let done = 0;
      while (done < target.length) {
        const at = done;
        const count = await call<number>(`read ${this.#path}`, (callback) =>
          fs.read(this.#descriptor, target, at, target.length - at, offset + at, callback),
        );
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#inOrder(() => this.#writeAll(this.#descriptor, offset, chunks));
  }

  writeDurable(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#inOrder(async () => {
      if (process.platform === 'linux') {
        this.#durable ??= await this.#openDurable();
        await this.#writeAll(this.#durable, offset, chunks);
      } else {
        await this.#writeAll(this.#descriptor, offset, chunks);
        await this.#sync();
      }
    });
  }

  sync(): Promise<void> {
    return this.#inOrder(() => this.#sync());
  }

  allocate(sizeBytes: number): Promise<void> {
    return this.#inOrder(async () => {
      const info = await call<fs.Stats>(`look at ${this.#path}`, (done) =>
        fs.fstat(this.#descriptor, done),
      );
      // Zeroes are really written: later writes then change neither size nor extents of the file,
      // and no file system can find out only then that it is full.
      for (let at = info.size; at < sizeBytes; ) {
        const chunks: Uint8Array[] = [];
        let end = at;
        while (end < sizeBytes && chunks.length < ZERO_CHUNKS_PER_WRITE) {
          const count = Math.min(ZERO_BYTES, sizeBytes - end);
          chunks.push(count === ZERO_BYTES ? ZEROS : ZEROS.subarray(0, count));
          end += count;
        }
        await this.#writeAll(this.#descriptor, at, chunks);
        at = end;
      }
    });
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#inOrder(() =>
      call<void>(`truncate ${this.#path}`, (done) =>
        fs.ftruncate(this.#descriptor, sizeBytes, done),
      ),
    );
  }

  close(): Promise<void> {
    const closed = this.#inOrder(async () => {
      const durable = this.#durable;
      this.#durable = undefined;
      if (durable !== undefined) {
        await call<void>(`close ${this.#path}`, (done) => fs.close(durable, done));
      }
      await call<void>(`close ${this.#path}`, (done) => fs.close(this.#descriptor, done));
    });
    this.#closed = true;
    return closed;
  }

  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new DiskError('EBADF', `${this.#path} is closed`));
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #sync(): Promise<void> {
    await call<void>(`sync ${this.#path}`, (done) => fs.fdatasync(this.#descriptor, done));
  }

  /** The second descriptor is opened by name at the first use, so the name must not have changed. */
  async #openDurable(): Promise<number> {
    const { O_DSYNC, O_WRONLY } = fs.constants;
    const descriptor = await call<number>(`open ${this.#path}`, (done) =>
      fs.open(this.#path, O_WRONLY | O_DSYNC, done),
    );
    const [mine, other] = await Promise.all(
      [this.#descriptor, descriptor].map((each) =>
        call<fs.BigIntStats>(`look at ${this.#path}`, (done) =>
          fs.fstat(each, { bigint: true }, done),
        ),
      ),
    );
    assert(
      mine?.ino === other?.ino && mine?.dev === other?.dev,
      () => `${this.#path} was renamed before its first durable write`,
    );
    return descriptor;
  }

  /** Writes everything: the system may take less than was offered, also in the middle of a chunk. */
  async #writeAll(
    descriptor: number,
    offset: number,
    chunks: readonly Uint8Array[],
  ): Promise<void> {
    let rest = chunks.filter((chunk) => chunk.length > 0);
    let at = offset;
    while (rest.length > 0) {
      const position = at;
      const buffers = rest;
      const count = await call<number>(`write ${this.#path}`, (done) =>
        fs.writev(descriptor, buffers, position, done),
      );
      if (count === 0) throw new DiskError('EIO', `cannot write ${this.#path}: nothing was taken`);
      rest = withoutFirst(rest, count);
      at += count;
    }
  }
}

/** What remains of the chunks after their first `count` bytes. */
function withoutFirst(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  let first = 0;
  while (first < chunks.length && left >= (chunks[first]?.length ?? 0)) {
    left -= chunks[first]?.length ?? 0;
    first++;
  }
  const rest = chunks.slice(first);
  const partial = rest[0];
  if (left > 0 && partial) rest[0] = partial.subarray(left);
  return rest;
}
