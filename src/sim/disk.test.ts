import { describe, expect, it } from 'vitest';
import { type Disk, SeededRandom, utf8 } from '../base/index.ts';
import { type DiskFault, SimulatedDisk } from './disk.ts';
import { SECTOR_BYTES } from './disk-image.ts';

function make(seed = 1): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed) });
}

/** A file of `sectors` sectors, durable, all bytes `fill`. */
async function durableFile(disk: Disk, name: string, sectors: number, fill: number) {
  const file = await disk.open(name, 'create');
  await file.write(0, [new Uint8Array(sectors * SECTOR_BYTES).fill(fill)]);
  await file.sync();
  await disk.syncDirectory();
  return file;
}

function sectorsOf(disk: SimulatedDisk, name: string): number[] {
  const { content } = disk.image(name);
  return Array.from({ length: content.length / SECTOR_BYTES }, (_, at) => {
    const sector = content.subarray(at * SECTOR_BYTES, (at + 1) * SECTOR_BYTES);
    expect(sector.every((byte) => byte === sector[0])).toBe(true);
    return sector[0] ?? -1;
  });
}

describe('a crash', () => {
  it('keeps some unsynced sectors, each whole, and all synced ones', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const disk = make(seed);
      const file = await durableFile(disk.mount(), 'f', 4, 1);
      await file.write(SECTOR_BYTES, [new Uint8Array(2 * SECTOR_BYTES).fill(2)]);
      disk.crash();
      const sectors = sectorsOf(disk, 'f');
      expect([sectors[0], sectors[3]]).toEqual([1, 1]);
      seen.add(sectors.join());
    }
    expect([...seen].sort()).toEqual(['1,1,1,1', '1,1,2,1', '1,2,1,1', '1,2,2,1']);
  });

  it('takes nothing that was synced or written durably', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const disk = make(seed);
      const file = await durableFile(disk.mount(), 'f', 1, 1);
      await file.writeDurable(SECTOR_BYTES, [new Uint8Array(SECTOR_BYTES).fill(3)]);
      disk.crash();
      expect(sectorsOf(disk, 'f')).toEqual([1, 3]);
    }
  });

  it('can undo a growth, a truncation and changes of names that were not synced', async () => {
    const sizes = new Set<number>();
    const names = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const disk = make(seed);
      const mounted = disk.mount();
      const file = await durableFile(mounted, 'a', 2, 1);
      await file.truncate(SECTOR_BYTES);
      await mounted.rename('a', 'b');
      await mounted.open('c', 'create');
      disk.crash();
      names.add(disk.names().join());
      for (const name of ['a', 'b'])
        if (disk.names().includes(name)) sizes.add(disk.image(name).size);
    }
    expect([...sizes].sort((a, b) => a - b)).toEqual([SECTOR_BYTES, 2 * SECTOR_BYTES]);
    expect([...names].sort()).toEqual(['a', 'a,c', 'b', 'b,c']);
  });

  it('ends every view that was mounted before; a kill keeps what was written', async () => {
    const disk = make();
    const mounted = disk.mount();
    const file = await durableFile(mounted, 'f', 1, 1);
    await file.write(0, [utf8('x')]);
    const pending = file.sync();
    disk.kill();
    await expect(pending).rejects.toMatchObject({ code: 'ECRASHED' });
    await expect(mounted.remove('f')).rejects.toMatchObject({ code: 'ECRASHED' });
    expect(disk.image('f').content[0]).toBe('x'.charCodeAt(0));
    await disk.mount().lock();
  });

  it('is the same for the same seed', async () => {
    const run = async () => {
      const disk = make(77);
      const file = await durableFile(disk.mount(), 'f', 8, 1);
      await file.write(0, [new Uint8Array(8 * SECTOR_BYTES).fill(2)]);
      disk.crash();
      return sectorsOf(disk, 'f').join();
    };
    expect(await run()).toBe(await run());
  });
});

describe('faults', () => {
  it('a failed sync loses pages for good, though they can still be read', async () => {
    let lost = false;
    for (let seed = 1; seed <= 20; seed++) {
      const disk = make(seed);
      const file = await durableFile(disk.mount(), 'f', 1, 1);
      await file.write(0, [new Uint8Array(SECTOR_BYTES).fill(2)]);
      disk.setFault(({ kind }) => (kind === 'sync' ? { kind: 'error', code: 'EIO' } : undefined));
      await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
      disk.setFault(undefined);
      await file.sync();
      expect(sectorsOf(disk, 'f')).toEqual([2]);
      disk.crash();
      lost ||= sectorsOf(disk, 'f')[0] === 1;
    }
    expect(lost).toBe(true);
  });

  it('a short write does whole sectors of its work', async () => {
    const disk = make(5);
    const file = await durableFile(disk.mount(), 'f', 8, 1);
    const fault: DiskFault = { kind: 'short', code: 'EIO' };
    disk.setFault(({ kind }) => (kind === 'write' ? fault : undefined));
    await expect(file.write(0, [new Uint8Array(8 * SECTOR_BYTES).fill(2)])).rejects.toThrow();
    const sectors = sectorsOf(disk, 'f');
    expect(sectors).toEqual([...sectors].sort().reverse());
  });

  it('space is limited', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1), capacityBytes: 1000 });
    const file = await disk.mount().open('f', 'create');
    await file.allocate(900);
    await expect(file.write(900, [new Uint8Array(200)])).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(file.allocate(1001)).rejects.toMatchObject({ code: 'ENOSPC' });
    await file.write(0, [new Uint8Array(900)]);
  });

  it('a lying disk forgets what it reported as synced', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(3), lyingSyncs: true });
    const mounted = disk.mount();
    for (let i = 0; i < 20; i++) await (await mounted.open(`f${i}`, 'create')).sync();
    await mounted.syncDirectory();
    disk.crash();
    expect(disk.names().length).toBeLessThan(20);
  });
});

it('calls take their time on the clock', async () => {
  const timers: { at: number; run: () => void }[] = [];
  const clock = {
    now: () => 0,
    wallMs: () => 0,
    after: (delayMs: number, run: () => void) => {
      timers.push({ at: delayMs, run });
      return { cancel: () => undefined };
    },
  };
  const latencyMs = { min: 2, max: 4 };
  const disk = new SimulatedDisk({ random: new SeededRandom(1), clock, latencyMs });
  let done = false;
  const listed = disk
    .mount()
    .list()
    .then(() => {
      done = true;
    });
  let total = 0;
  while (!done) {
    const timer = timers.shift();
    total += timer?.at ?? 0;
    timer?.run();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
  await listed;
  expect(total).toBeGreaterThanOrEqual(2);
  expect(total).toBeLessThanOrEqual(4);
});
