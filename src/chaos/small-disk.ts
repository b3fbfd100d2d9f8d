import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import process from 'node:process';

const BALLOON = 'balloon';
const CHUNK_BYTES = 1 << 20;

/** True when this process may mount file systems. */
export function canMount(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/bin/mount');
}

/** A tmpfs at the directory of one node, which can be filled up. Throws when it cannot be mounted. */
export class SmallDisk {
  readonly #path: string;
  #full = false;

  get isFull(): boolean {
    return this.#full;
  }

  constructor(path: string, megabytes: number) {
    this.#path = path;
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], {
      stdio: 'pipe',
    });
  }

  /** Writes until nothing more fits. The last chunks are small, so that not even a page is left. */
  fill(): void {
    this.#full = true;
    const file = openSync(`${this.#path}/${BALLOON}`, 'w');
    let chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      try {
        if (writeSync(file, chunk) < chunk.length && chunk.length === 1) break;
      } catch {
        if (chunk.length === 1) break;
        chunk = chunk.subarray(0, Math.max(1, chunk.length >> 4));
      }
    }
    closeSync(file);
  }

  relieve(): void {
    this.#full = false;
    rmSync(`${this.#path}/${BALLOON}`, { force: true });
  }

  /** Lazily: a process that is about to end may still have files open. */
  unmount(): void {
    try {
      execFileSync('/bin/umount', ['-l', this.#path], { stdio: 'pipe' });
    } catch {
      // It was not mounted any more.
    }
  }
}
