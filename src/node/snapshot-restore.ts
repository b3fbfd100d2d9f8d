import type { DurableLog } from '../log/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import type { MachineCalls } from './machine-calls.ts';

/** Content that may wait in the SQL thread's inbox. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** Loads a snapshot from disk into the machine. Throws LOG_DAMAGED, RESTORE_FAILED. */
export async function restoreSnapshot(
  calls: MachineCalls,
  log: DurableLog,
  info: SnapshotInfo,
): Promise<void> {
  const { chunks } = await log.readSnapshot(info);
  const id = calls.nextId();
  calls.beginRestore(id, info.index);
  let ahead = 0;
  for await (const chunk of chunks) {
    ahead += chunk.length;
    calls.restoreChunk(id, chunk, [chunk.buffer]);
    if (ahead < WINDOW_BYTES) continue;
    ahead = 0;
    await calls.statistics();
  }
  await calls.endRestore(id, true);
}
