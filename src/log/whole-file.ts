import { assert, type Disk, DiskError } from '../base/index.ts';
import { isFull } from './errors.ts';
import { TEMPORARY_PREFIX } from './file-names.ts';

/** Reads a file of known size. A shorter one is an error of the disk: the directory just said otherwise. */
export async function readWhole(disk: Disk, name: string, sizeBytes: number): Promise<Uint8Array> {
  const file = await disk.open(name, 'read');
  try {
    const bytes = new Uint8Array(sizeBytes);
    const count = await file.read(0, bytes);
    if (count !== sizeBytes) {
      throw new DiskError('EIO', `${name} ended after ${count} of ${sizeBytes} bytes`);
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** Writes a file under a temporary name and makes its content durable; it appears with `publish`. */
export async function writeTemporary(
  disk: Disk,
  name: string,
  chunks: readonly Uint8Array[],
): Promise<void> {
  const temporary = TEMPORARY_PREFIX + name;
  await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    await file.write(0, chunks);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    // On a full disk every block counts; the next start would remove it, too.
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/** Runs something that can be tried again after a full disk, as long as room can be made for it. */
export async function withRoom<T>(
  run: () => Promise<T>,
  makeRoom: () => Promise<boolean>,
): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!isFull(error) || !(await makeRoom())) throw error;
    }
  }
}

/** Gives a temporary file its name, durably. */
export async function publish(disk: Disk, name: string): Promise<void> {
  assert(!name.startsWith(TEMPORARY_PREFIX), 'publish takes the final name');
  await disk.rename(TEMPORARY_PREFIX + name, name);
  await disk.syncDirectory();
}

/**
 * Overwrites a small file in place, creating it if it is missing; durable when it resolves. It must fit
 * into one sector, so that a crash leaves the old or the new content.
 */
export async function writeInPlace(disk: Disk, name: string, bytes: Uint8Array): Promise<void> {
  assert(bytes.length <= 512, 'only what fits into a sector is written in place');
  try {
    const file = await disk.open(name, 'write');
    try {
      await file.writeDurable(0, [bytes]);
      return;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof DiskError && error.code === 'ENOENT')) throw error;
  }
  // A file that grows can have its new length but not its content after a crash; a renamed one is whole.
  await writeTemporary(disk, name, [bytes]);
  try {
    await publish(disk, name);
  } catch (error) {
    // A file that is found later is taken to have a durable name.
    await disk.remove(name);
    throw error;
  }
}
