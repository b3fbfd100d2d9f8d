import { expect, it } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { SegmentPool } from './segment-pool.ts';

it('while a snapshot gets the room the disk counts as full, also when a preparation was under way', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) });
  const pool = new SegmentPool(disk.mount(), 4096);
  pool.refill();
  await pool.hold();
  expect(disk.names()).toEqual([]);
  await expect(pool.take(false)).rejects.toMatchObject({ code: 'DISK_FULL' });
  await expect(pool.take(true)).rejects.toMatchObject({ code: 'DISK_FULL' });
  pool.resume();
  const segment = await pool.take(false);
  expect(segment.sizeBytes).toBe(4096);
  await segment.file.close();
  await pool.close();
});
