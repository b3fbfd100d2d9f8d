import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { LogDriver, SEGMENT_BYTES } from './testing/log-driver.ts';

/** A disk with a snapshot, segments before it and an open segment behind it. */
async function superseded(seed: number): Promise<{ disk: SimulatedDisk; driver: LogDriver }> {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
  const driver = await LogDriver.open(disk);
  await driver.bootstrap();
  for (let count = 0; count < 4; count++) await driver.persist([3000]);
  await driver.snapshot(driver.lastIndex - 2, 100);
  await driver.snapshot(driver.lastIndex, 100);
  await driver.persist([8]);
  return { disk, driver };
}

/** Appends until the disk refuses; returns how many it took. */
async function fill(driver: LogDriver): Promise<number> {
  for (let count = 0; ; count++) {
    try {
      await driver.persist([3000]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DISK_FULL' });
      driver.refused();
      return count;
    }
  }
}

function snapshots(disk: SimulatedDisk): string[] {
  return disk.names().filter((name) => /^snapshot.*\d$/.test(name));
}

describe('a disk that the log itself has filled', () => {
  it('takes a snapshot in the place of the older one, and entries again after it', async () => {
    const { disk, driver } = await superseded(1);
    await driver.onFullDisk(3 * SEGMENT_BYTES, async () => {
      for (let round = 0; round < 5; round++) {
        expect(await fill(driver)).toBeGreaterThan(0);
        await driver.snapshot(driver.lastIndex, 100);
        await driver.log.makeRoom();
      }
      expect(await fill(driver)).toBeGreaterThan(0);
      expect(snapshots(disk).length).toBe(1);
    });
    await driver.close();
    const after = await LogDriver.open(disk, driver);
    await after.close();
  });

  it('truncates inside a segment, and can do it later when there was no room at all', async () => {
    const { disk, driver } = await superseded(2);
    await driver.persist([800, 800], [800]);
    await driver.log.makeRoom();
    disk.setFault(({ kind, name }) =>
      kind === 'create' && /^tmp-\d/.test(name) ? { kind: 'error', code: 'ENOSPC' } : undefined,
    );
    await expect(driver.truncate(driver.lastIndex - 1)).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    disk.setFault(undefined);
    expect(driver.log.statistics().state).toBe('full');
    driver.refused();
    await driver.truncate(driver.lastIndex - 1);
    await driver.persist([16]);
    await driver.close();
    await (await LogDriver.open(disk, driver)).close();
  });

  it('gives nothing up for a newest snapshot that is damaged', async () => {
    const { disk, driver } = await superseded(3);
    const [older, newest] = snapshots(disk);
    const { content } = disk.image(newest ?? '');
    const bytes = new Uint8Array(content);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    disk.put(newest ?? '', bytes);
    const before = disk.names();
    expect(await driver.log.makeRoom()).toBe(false);
    expect(disk.names()).toEqual(before);
    expect(snapshots(disk)).toEqual([older, newest]);
    await driver.log.close();
  });

  it('loses power when it has given up everything before the open segment', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { disk, driver } = await superseded(seed);
      const last = disk.names().findLast((name) => /^\d/.test(name));
      disk.setFault(({ kind, name }) =>
        kind === 'remove' && name === last ? { kind: 'crash-after' } : undefined,
      );
      await expect(driver.log.makeRoom()).rejects.toThrow('dead');
      disk.setFault(undefined);
      await driver.log.close().catch(() => undefined);
      await (await LogDriver.open(disk, driver)).close();
    }
  });
});
