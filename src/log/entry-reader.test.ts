import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { LogDriver, SEGMENT_BYTES, textOf } from './testing/log-driver.ts';

async function started(seed = 1): Promise<{ disk: SimulatedDisk; driver: LogDriver }> {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
  const driver = await LogDriver.open(disk);
  await driver.bootstrap();
  return { disk, driver };
}

/** Twelve entries, one after another: together they would be one batch, and so in one segment. */
async function appends(driver: LogDriver, bytes: number): Promise<void> {
  for (let i = 0; i < 12; i++) await driver.persist([bytes]);
}

/** What is read must be what was appended. Returns how much that was. */
async function reads(driver: LogDriver, first: number, last: number, bytes = 1e9): Promise<number> {
  const expected = driver.last.log.slice(first - 1, last);
  const entries = await driver.log.readEntries(first, last, bytes);
  expect(entries.map(textOf)).toEqual(expected.slice(0, entries.length));
  return entries.length;
}

type Step =
  | { readonly kind: 'append'; readonly sizes: readonly number[] }
  | { readonly kind: 'truncate'; readonly back: number }
  | { readonly kind: 'snapshot'; readonly back: number }
  | { readonly kind: 'read'; readonly at: number; readonly count: number; readonly bytes: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        sizes: fc.array(
          fc.integer({ min: 1, max: 200 }).map((words) => words * 8),
          {
            minLength: 1,
            maxLength: 6,
          },
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('truncate' as const),
        back: fc.nat(6),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('snapshot' as const), back: fc.nat(6) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('read' as const),
        at: fc.nat(1000),
        count: fc.integer({ min: 1, max: 40 }),
        bytes: fc.integer({ min: 1, max: 5000 }),
      }),
    },
  ),
  { maxLength: 60 },
);

describe('entries that are read again', () => {
  it('are those that were written, from open and closed segments, whatever happened to the log', async () => {
    const property = fc.asyncProperty(steps, async (list) => {
      const { driver } = await started();
      let removed = 0;
      for (const step of list) {
        const { lastIndex, snapshotIndex } = driver;
        if (step.kind === 'append') await driver.persist(step.sizes);
        else if (step.kind === 'truncate') {
          await driver.truncate(Math.max(snapshotIndex + 1, lastIndex + 1 - step.back));
        } else if (step.kind === 'snapshot') {
          const at = lastIndex - step.back;
          if (at <= snapshotIndex) continue;
          await driver.snapshot(at, 4);
          removed = Math.max(removed, at - 4);
        } else {
          const first = 1 + (step.at % lastIndex);
          const count = await reads(driver, first, first + step.count - 1, step.bytes);
          if (first > removed) expect(count).toBeGreaterThan(0);
        }
      }
      await driver.close();
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('are read while the log is written, closed and given new names', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { driver } = await started(seed);
      await driver.persist([800, 800, 800]);
      const work: Promise<unknown>[] = [];
      for (let i = 0; i < 60; i++) {
        work.push(driver.persist([800]));
        const first = 1 + ((i * seed) % driver.log.lastIndex);
        work.push(reads(driver, first, driver.log.lastIndex));
        if (i % 7 === 0) await Promise.all(work);
      }
      await Promise.all(work);
      await driver.close();
    }
  });

  it('are as many as fit, at least one, and none when a snapshot has replaced them', async () => {
    const { driver } = await started();
    await appends(driver, 800);
    expect(await reads(driver, 2, 5, 1600)).toBe(2);
    expect(await reads(driver, 2, 5, 1)).toBe(1);
    expect(await reads(driver, 3, 3)).toBe(1);
    expect(await reads(driver, 2, 13)).toBeLessThan(SEGMENT_BYTES / 800);
    expect(await driver.log.readEntries(14, 20, 1e9)).toEqual([]);
    await driver.snapshot(13, 0);
    expect(await driver.log.readEntries(2, 5, 1e9)).toEqual([]);
    await driver.close();
  });

  it('reads a segment once for all that is asked of it in turn', async () => {
    const { disk, driver } = await started();
    await appends(driver, 400);
    await driver.persist([8]);
    let opened = 0;
    disk.setFault(({ kind }) => {
      if (kind === 'open') opened++;
      return undefined;
    });
    for (let index = 2; index <= 6; index++) await reads(driver, index, index);
    expect(opened).toBe(1);
    disk.setFault(undefined);
    await driver.close();
  });

  it('are the new ones after others stood in their places', async () => {
    const { driver } = await started();
    await appends(driver, 400);
    await reads(driver, 2, 3);
    await driver.truncate(5);
    await appends(driver, 400);
    expect(await reads(driver, 5, 6)).toBeGreaterThan(0);
    const slow = reads(driver, 2, 3);
    await driver.truncate(5);
    await slow;
    await appends(driver, 400);
    expect(await reads(driver, 5, 6)).toBeGreaterThan(0);
    await driver.close();
  });

  it('are refused when the disk fails or has changed them', async () => {
    const { disk, driver } = await started();
    await appends(driver, 800);
    disk.setFault(({ kind }) => (kind === 'read' ? { kind: 'error', code: 'EIO' } : undefined));
    await expect(driver.log.readEntries(2, 3, 1e9)).rejects.toMatchObject({ code: 'DISK_FAILED' });
    disk.setFault(undefined);
    const [, name = ''] = disk.names().filter((each) => /^\d/.test(each));
    const bytes = new Uint8Array(disk.image(name).content);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    disk.put(name, bytes);
    await expect(driver.log.readEntries(2, 3, 1e9)).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
    await driver.close();
  });
});
