import { type Disk, DiskError } from '../base/index.ts';
import type { Cleanup } from './load-directory.ts';

/** Read and written at a time. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Makes the directory what was loaded. Every step may be the last one before a crash: the next start then
 * loads the same log and goes on.
 */
export async function applyCleanup(disk: Disk, cleanup: Cleanup): Promise<void> {
  for (const name of cleanup.leftovers) await disk.remove(name);
  // Names and contents that a killed process left in caches are durable before anything builds on them.
  await disk.syncDirectory();
  for (const { name, sizeBytes } of cleanup.rewrite) await rewrite(disk, name, sizeBytes);
  for (const name of cleanup.segments) {
    await disk.remove(name);
    await disk.syncDirectory();
  }
  for (const segment of cleanup.shorten) await shortenTo(disk, segment.name, segment.sizeBytes);
  for (const { name, closed } of cleanup.close) {
    await rewrite(disk, name, closed.sizeBytes);
    await disk.rename(name, closed.name);
    // In order: a later segment under its final name would leave a gap before it.
    await disk.syncDirectory();
  }
}

async function shortenTo(disk: Disk, name: string, sizeBytes: number): Promise<void> {
  const file = await disk.open(name, 'write');
  try {
    await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes what was read durable, and cuts off the rest. A sync would not do: when one has failed in the last process, the system may
 * show bytes that never reached the medium and that it takes for written. Only writing them again brings them there.
 */
async function rewrite(disk: Disk, name: string, sizeBytes: number): Promise<void> {
  const file = await disk.open(name, 'write');
  try {
    for (let offset = 0; offset < sizeBytes; offset += PIECE_BYTES) {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, sizeBytes - offset));
      const count = await file.read(offset, piece);
      if (count !== piece.length) {
        throw new DiskError('EIO', `${name} ended after ${offset + count} of ${sizeBytes} bytes`);
      }
      await file.write(offset, [piece]);
    }
    await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
