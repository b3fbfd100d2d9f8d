import process from 'node:process';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  logIndex,
  QuorateError,
  type Random,
  randomBelow,
  SeededRandom,
  term,
} from '../base/index.ts';
import { type DiskCall, type DiskFault, SimulatedDisk } from '../sim/disk.ts';
import { removeFloor } from './floor-file.ts';
import { scanClosedSegment } from './segment-scan.ts';
import {
  applies,
  diskWith,
  drawOf,
  failing,
  type Image,
  imageOf,
  WAYS,
  type Way,
} from './testing/disk-faults.ts';
import { LogDriver } from './testing/log-driver.ts';
import { EVERYTHING, SCENARIOS, type Scenario } from './testing/scenarios.ts';

/** Draws for each call and way in the long run (npm run test:crash); 0: the ways take turns from call to call. */
const DRAWS = Number(process.env.CRASH_DRAWS ?? 0);
/** Every so many calls fail in one way in the short run. */
const TURN = 4;
/** Errors that a fault may cause; anything else is a defect. */
const EXPECTED = new Set(['DISK_FAILED', 'DISK_FULL', 'LOG_CLOSED', 'ECRASHED']);

/** A scenario with its beginning and its disk calls. */
interface Prepared {
  readonly scenario: Scenario;
  readonly image: Image;
  /** Knows what the image holds. */
  readonly before: LogDriver | undefined;
  /** Kinds of the calls that it makes, the first start among them. */
  readonly calls: readonly DiskCall[];
}

async function prepare(scenario: Scenario): Promise<Prepared> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) });
  let before: LogDriver | undefined;
  if (scenario.prepare !== undefined) {
    before = await LogDriver.open(disk);
    await scenario.prepare(before);
    // Killed, not closed: open segments are there.
    disk.crash();
    await before.log.close().catch(() => undefined);
  }
  const image = imageOf(disk);
  const trial = diskWith(image, new SeededRandom(1));
  const calls: DiskCall[] = [];
  trial.setFault((call) => {
    calls.push(call);
    return undefined;
  });
  const driver = await LogDriver.open(trial, before);
  await scenario.run(driver);
  const count = calls.length;
  await driver.log.close();
  return { scenario, image, before, calls: calls.slice(0, count) };
}

/** One scenario in which one call fails; the directory is then opened until it is seen to be sound. */
async function runWithFault(prepared: Prepared, number: number, way: Way, draw: number) {
  const seed = number * 1000 + draw;
  const crashes = way.fault.kind.startsWith('crash');
  const disk = diskWith(prepared.image, crashes ? drawOf(draw, seed) : new SeededRandom(seed));
  disk.setFault(failing(way, number));
  let driver: LogDriver | undefined;
  try {
    driver = await LogDriver.open(disk, prepared.before);
    await prepared.scenario.run(driver);
  } catch (error) {
    const code = codeOf(error);
    if (!EXPECTED.has(code)) throw error;
    disk.setFault(undefined);
    const goesOn = code === 'DISK_FULL' && driver?.closing === false;
    if (goesOn && driver?.log.statistics().state !== 'failed') await driver?.goOn();
  }
  if (!way.persistent) disk.setFault(undefined);
  // A process that saw an error ends in order or is killed; then power may be lost, too.
  if (draw % 2 === 0) await driver?.log.close().catch(() => undefined);
  if (draw % 3 === 0) disk.kill();
  else disk.crash();
  await driver?.log.close().catch(() => undefined);
  disk.setFault(undefined);
  expectExactSegments(disk);
  await expectSound(disk, driver ?? prepared.before);
}

/** The directory holds what it must, opens the same a second time, works, and loses nothing of that to a power loss. */
async function expectSound(disk: SimulatedDisk, before: LogDriver | undefined): Promise<void> {
  const first = await LogDriver.open(disk, before);
  await first.log.close();
  const second = await LogDriver.open(disk, first);
  await second.metadata(second.last.term + 1, 2n);
  await second.persist([8]);
  disk.crash();
  await second.log.close().catch(() => undefined);
  const third = await LogDriver.open(disk, second);
  await third.log.close();
  const left = disk
    .names()
    .filter((name) => !/^(metadata[12]|quorate-floor|snapshot-.*|\d{16}-\d{16})$/.test(name));
  expect(left).toEqual([]);
  const { snapshots, closedSegments } = third.log.statistics();
  expect(disk.names().filter((name) => name.startsWith('snapshot-')).length).toBe(2 * snapshots);
  expect(snapshots).toBeLessThanOrEqual(3);
  expect(disk.names().filter((name) => /^\d/.test(name)).length).toBe(closedSegments);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

const counts = new Map<string, Map<string, number>>();

describe('every disk call of every scenario fails', () => {
  it.each(WAYS.map((way, turn) => [way.name, way, turn] as const))(
    'by %s',
    async (_name, way, turn) => {
      const row = new Map<string, number>();
      counts.set(way.name, row);
      for (const scenario of SCENARIOS) {
        const prepared = await prepare(scenario);
        expect(prepared.calls.length).toBeGreaterThan(10);
        for (const call of prepared.calls) {
          if (!applies(way, call)) continue;
          if (DRAWS === 0 && (call.number + turn) % TURN !== 0) continue;
          for (let at = 0; at < Math.max(DRAWS, 1); at++) {
            const draw = DRAWS > 0 ? at : Math.floor(call.number / TURN) % 6;
            try {
              await runWithFault(prepared, call.number, way, draw);
            } catch (error) {
              const where = `${scenario.name}: call ${call.number} (${call.kind} ${call.name}), draw ${draw}`;
              throw new QuorateError('CRASH', `${where}: ${String(error)}`, { cause: error });
            }
            row.set(scenario.name, (row.get(scenario.name) ?? 0) + 1);
          }
        }
      }
    },
  );

  afterAll(() => {
    if (DRAWS > 0) console.log(table());
  });
});

/** Runs by scenario and way, as Markdown. */
function table(): string {
  const ways = [...counts.keys()];
  const lines = [`| scenario | ${ways.join(' | ')} |`, `|---|${'---:|'.repeat(ways.length)}`];
  for (const { name } of SCENARIOS) {
    lines.push(`| ${name} | ${ways.map((way) => counts.get(way)?.get(name) ?? 0).join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}

/** What the old id had promised binds the new one no more; until that is done, it does. */
it('a directory whose log is gone is given to a new id, whatever interrupts that', async () => {
  const prepared = await prepare({
    name: 'truncate',
    prepare: async (driver) => {
      await driver.bootstrap();
      await driver.metadata(2, 3n);
      await driver.persist([8], [16]);
      await driver.close();
    },
    run: () => Promise.resolve(),
  });
  const image = prepared.image.filter(([name]) => !/^\d/.test(name));
  const reborn = async (disk: SimulatedDisk): Promise<void> => {
    await removeFloor(disk.mount());
    const driver = await LogDriver.open(disk);
    expect(driver.quarantined).toBe(false);
    await driver.metadata(5, 4n);
    await driver.persist([24]);
    await driver.close();
  };
  for (const way of DRAWS > 0 ? WAYS : WAYS.slice(-1)) {
    let failed = true;
    for (let number = 1; failed; number++) {
      for (const draw of DRAWS > 0 ? [0, 1, 2, 3] : [number % 4]) {
        const disk = diskWith(image, drawOf(draw, number));
        disk.setFault(failing(way, number));
        await reborn(disk).catch((error: unknown) =>
          expect([...EXPECTED, 'EIO', 'ENOSPC']).toContain(codeOf(error)),
        );
        failed = disk.calls >= number;
        disk.setFault(undefined);
        disk.crash();
        await reborn(disk);
        expect((await LogDriver.open(disk)).quarantined).toBe(false);
      }
    }
  }
});

/** A start that is interrupted at each of its calls, and once more while it is repeated. */
it('a start that is interrupted twice finds the same', async () => {
  const prepared = await prepare(EVERYTHING);
  // A start of an ordinary directory is cheap; those after a crash at every call are many.
  const step = DRAWS > 0 ? 1 : 20;
  for (let number = 1; number <= prepared.calls.length; number += step) {
    const disk = diskWith([], new SeededRandom(number));
    disk.setFault((call) => (call.number === number ? { kind: 'crash-after' } : undefined));
    const driver = await LogDriver.open(disk).catch(() => undefined);
    await (driver === undefined ? undefined : EVERYTHING.run(driver).catch(() => undefined));
    await driver?.log.close().catch(() => undefined);
    disk.setFault(undefined);
    await interruptStarts(imageOf(disk), driver, number);
  }
});

async function interruptStarts(image: Image, before: LogDriver | undefined, seed: number) {
  const random = new SeededRandom(seed);
  for (let number = 1; ; number++) {
    const disk = diskWith(image, drawOf(number % 4, seed * 1000 + number));
    if (!(await interruptedAt(disk, before, number))) return;
    await interruptedAt(disk, before, disk.calls + 1 + randomBelow(random, 20));
    await expectSound(disk, before);
  }
}

/** Opens the log; power is lost at this call. False when the start and the end made fewer calls. */
async function interruptedAt(disk: SimulatedDisk, before: LogDriver | undefined, number: number) {
  disk.setFault((call) => (call.number === number ? { kind: 'crash-after' } : undefined));
  const driver = await LogDriver.open(disk, before).catch((error: unknown) => {
    if (!EXPECTED.has(codeOf(error))) throw error;
    return undefined;
  });
  await driver?.log.close().catch(() => undefined);
  disk.setFault(undefined);
  if (disk.calls < number) return false;
  disk.crash();
  return true;
}

/**
 * C loads a closed segment only when it ends with its last batch, and takes the length from the file: what a
 * node leaves behind must be so for a C node that is started on it, not only after our own clean-up.
 */
function expectExactSegments(disk: SimulatedDisk): void {
  for (const name of disk.names()) {
    const [, first, last] = /^(\d{16})-(\d{16})$/.exec(name) ?? [];
    if (first === undefined) continue;
    const { content } = disk.image(name);
    const place = { directory: disk.path, file: name };
    const { torn, usedBytes } = scanClosedSegment(content, Number(first), Number(last), place);
    expect({ name, torn, usedBytes }).toEqual({ name, torn: false, usedBytes: content.length });
  }
}

/** Random work until the power goes, several times over on one disk. */
async function randomLives(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk({ random });
  let driver: LogDriver | undefined;
  for (let life = 0; life < 4; life++) {
    driver = await LogDriver.open(disk, driver);
    const end = disk.calls + 1 + randomBelow(random, 120);
    const how: DiskFault = { kind: random.float() < 0.5 ? 'crash-before' : 'crash-after' };
    disk.setFault((call) => (call.number === end ? how : undefined));
    try {
      for (;;) await randomWork(driver, random);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'DISK_FAILED') throw error;
    }
    await driver.log.close().catch(() => undefined);
    disk.setFault(undefined);
    expectExactSegments(disk);
  }
  const again = await LogDriver.open(disk, driver);
  await again.log.close();
}

async function randomWork(driver: LogDriver, random: Random): Promise<void> {
  const size = () => 8 * (1 + randomBelow(random, random.float() < 0.1 ? 900 : 60));
  const choice = random.float();
  const { lastIndex, snapshotIndex } = driver;
  if (choice < 0.6) {
    const all: Promise<void>[] = [];
    for (let i = randomBelow(random, 4); i >= 0; i--) {
      all.push(driver.persist(Array.from({ length: 1 + randomBelow(random, 3) }, size)));
    }
    // Rejections of all but the first are the same; nobody may be left unheard.
    const results = await Promise.allSettled(all);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  } else if (choice < 0.7) {
    const up = term(driver.last.term + 1);
    await driver.persist({ kind: 'metadata', term: up, vote: BigInt(randomBelow(random, 4)) });
  } else if (choice < 0.85 && lastIndex > snapshotIndex) {
    const from = snapshotIndex + 1 + randomBelow(random, lastIndex - snapshotIndex);
    await driver.persist({ kind: 'truncate', from: logIndex(from) });
  } else if (choice < 0.95 && lastIndex > snapshotIndex) {
    const index = snapshotIndex + 1 + randomBelow(random, lastIndex - snapshotIndex);
    await driver.snapshot(index, randomBelow(random, 20));
  } else if (choice >= 0.98) {
    const up = term(driver.last.term + 1);
    await driver.persist({ kind: 'metadata', term: up, vote: 0n });
    const index = logIndex(snapshotIndex + 1 + randomBelow(random, lastIndex - snapshotIndex + 9));
    await driver.install({ ...driver.info(1), index, term: up });
  }
}

it('keeps what it acknowledged through any crashes', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), randomLives), {
    numRuns: 150,
  });
});
