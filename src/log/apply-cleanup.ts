import type { Disk } from '../base/index.ts';
import type { Cleanup } from './load-directory.ts';

/**
 * Makes the directory what was loaded. Every step may be the last one before a crash: the next start then
 * loads the same log and goes on.
 */
export async function applyCleanup(disk: Disk, cleanup: Cleanup): Promise<void> {
  for (const name of cleanup.leftovers) await disk.remove(name);
  // Names and contents that a killed process left in caches are durable before anything builds on them.
  await disk.syncDirectory();
  for (const name of cleanup.sync) await shortenTo(disk, name, undefined);
  for (const name of cleanup.segments) {
    await disk.remove(name);
    await disk.syncDirectory();
  }
  for (const segment of cleanup.shorten) await shortenTo(disk, segment.name, segment.sizeBytes);
  for (const { name, closed } of cleanup.close) {
    await shortenTo(disk, name, closed.sizeBytes);
    await disk.rename(name, closed.name);
    // In order: a later segment under its final name would leave a gap before it.
    await disk.syncDirectory();
  }
}

async function shortenTo(disk: Disk, name: string, sizeBytes: number | undefined): Promise<void> {
  const file = await disk.open(name, 'write');
  try {
    if (sizeBytes !== undefined) await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
