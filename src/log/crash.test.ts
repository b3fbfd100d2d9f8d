import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assert,
  type Configuration,
  type Entry,
  logIndex,
  type Random,
  randomBelow,
  SeededRandom,
  term,
} from '../base/index.ts';
import type { PersistOperation, SnapshotInfo } from '../raft/index.ts';
import { type DiskCall, type DiskFault, SimulatedDisk } from '../sim/disk.ts';
import { type DurableLog, openLog, type Recovered } from './index.ts';
import { scanClosedSegment } from './segment-scan.ts';

const SEGMENT_BYTES = 4096;
const CONFIGURATION: Configuration = {
  members: [{ id: 1n, address: '10.0.0.1:9001', role: 'voter' }],
};
/** An empty state machine: format 1, no databases. */
const CONTENT = Uint8Array.of(1, ...new Uint8Array(15));

/** What may be on disk: everything acknowledged, and a beginning of what was not. */
interface State {
  readonly term: number;
  readonly vote: bigint;
  /** Entry at index i at position i − 1, as text; '*' is covered by an installed snapshot. */
  readonly log: readonly string[];
}

function textOf(entry: Entry): string {
  return `${entry.term}/${entry.type}/${entry.data.length}/${entry.data[0]}`;
}

/** Drives a log and remembers which states its disk may be in. */
class Driver {
  log: DurableLog;
  /** The first is acknowledged, the others are possible; the last is what was asked for. */
  #states: State[];
  #snapshots: number[];
  #serial = 0;
  readonly #disk: SimulatedDisk;

  constructor(disk: SimulatedDisk, log: DurableLog, recovered: Recovered, before?: Driver) {
    this.#disk = disk;
    this.log = log;
    this.#snapshots = [recovered.snapshot?.index ?? 0];
    const missing = recovered.firstIndex - 1;
    const entries = [...Array(missing).fill('*'), ...recovered.entries.map(textOf)];
    this.#states = [{ term: recovered.term, vote: recovered.vote, log: entries }];
    this.#serial = before === undefined ? 0 : before.#serial + 1;
  }

  static async open(disk: SimulatedDisk, before?: Driver): Promise<Driver> {
    const { log, recovered } = await openLog(disk.mount(), { segmentBytes: SEGMENT_BYTES });
    before?.check(recovered);
    return new Driver(disk, log, recovered, before);
  }

  get last(): State {
    const state = this.#states.at(-1);
    assert(state !== undefined, 'a state is always there');
    return state;
  }

  get lastIndex(): number {
    return this.last.log.length;
  }

  get snapshotIndex(): number {
    return this.#snapshots.at(-1) ?? 0;
  }

  entry(sizeBytes: number): Entry {
    this.#serial = (this.#serial + 1) % 251;
    const data = new Uint8Array(sizeBytes).fill(this.#serial);
    return { term: term(Math.max(1, this.last.term)), type: 'command', data };
  }

  #append(sizes: readonly number[]): PersistOperation {
    const first = logIndex(this.lastIndex + 1);
    return { kind: 'append', first, entries: sizes.map((size) => this.entry(size)) };
  }

  /** Issues operations; they are acknowledged when the promise resolves. Sizes mean: append such entries. */
  async persist(...work: readonly (PersistOperation | readonly number[])[]): Promise<void> {
    const operations = work.map((each) => {
      const operation = 'kind' in each ? each : this.#append(each);
      this.#issue(operation);
      return operation;
    });
    const reached = this.last;
    const done = this.log.persist(operations);
    await done;
    const at = this.#states.indexOf(reached);
    if (at > 0) this.#states.splice(0, at);
  }

  #issue(operation: PersistOperation): void {
    const { last } = this;
    if (operation.kind === 'metadata') {
      this.#states.push({ ...last, term: operation.term, vote: operation.vote });
    } else if (operation.kind === 'append') {
      this.#states.push({ ...last, log: [...last.log, ...operation.entries.map(textOf)] });
    } else {
      for (let length = last.log.length - 1; length >= operation.from - 1; length--) {
        this.#states.push({ ...last, log: last.log.slice(0, length) });
      }
    }
  }

  info(index: number): SnapshotInfo {
    const text = this.last.log[index - 1] ?? '1/';
    const entryTerm = text === '*' ? this.last.term : Number(text.split('/')[0]);
    return {
      index: logIndex(index),
      term: term(entryTerm),
      configurationIndex: logIndex(1),
      configuration: CONFIGURATION,
    };
  }

  async snapshot(index: number, trailing: number): Promise<void> {
    this.#snapshots.push(index);
    const writer = await this.log.beginSnapshot(this.info(index), CONTENT.length, trailing);
    await writer.write(CONTENT);
    await writer.finish();
    this.#snapshots = [index];
  }

  async install(info: SnapshotInfo): Promise<void> {
    this.#snapshots.push(info.index);
    const state = { ...this.last, log: Array<string>(info.index).fill('*') };
    this.#states.push(state);
    const writer = await this.log.beginInstall(info, CONTENT.length);
    await writer.write(CONTENT);
    await writer.finish();
    this.#states = [state];
    this.#snapshots = [info.index];
  }

  /** After a full disk: what failed must not be there. */
  forget(): void {
    this.#states.splice(1);
  }

  /** What is found after a crash must be one of the possible states. */
  check(recovered: Recovered): void {
    expect(recovered.quarantineReason).toBeUndefined();
    const base = recovered.snapshot?.index ?? 0;
    expect(this.#snapshots).toContain(base);
    expect(recovered.firstIndex).toBeLessThanOrEqual(base + 1);
    const found = recovered.entries.map(textOf);
    const matches = this.#states.some((state) => {
      if (Math.max(base, state.log.length) !== recovered.lastIndex) return false;
      const behind = recovered.term > state.term;
      if (!behind && (state.term !== recovered.term || state.vote !== recovered.vote)) return false;
      return found.every((text, at) => {
        const index = recovered.firstIndex + at;
        return state.log[index - 1] === text || (index <= base && state.log[index - 1] === '*');
      });
    });
    if (!matches) {
      const { term: foundTerm, vote, firstIndex } = recovered;
      const message = `found term ${foundTerm} vote ${vote} from ${firstIndex} ${found.join(' ')}, snapshot ${base}; files ${this.#disk.names().join(' ')}; possible:\n${this.#states
        .map((state) => `term ${state.term} vote ${state.vote} ${state.log.join(' ')}`)
        .join('\n')}`;
      throw new Error(message);
    }
  }
}

/** All kinds of work, touching every code path that writes. */
async function scenario(driver: Driver): Promise<void> {
  if (driver.lastIndex === 0) {
    await driver.persist({
      kind: 'append',
      first: logIndex(1),
      entries: [{ term: term(1), type: 'configuration', data: new Uint8Array(40).fill(7) }],
    });
  }
  await driver.persist({ kind: 'metadata', term: term(2), vote: 0n });
  await driver.persist({ kind: 'metadata', term: term(2), vote: 3n });
  await driver.persist([8], [800, 16]);
  await Promise.all([
    driver.persist([1200]),
    driver.persist([8, 8], [24]),
    driver.persist([2000]),
    driver.persist([1504]),
  ]);
  await driver.persist({ kind: 'truncate', from: logIndex(driver.lastIndex - 1) });
  await driver.persist({ kind: 'metadata', term: term(3), vote: 0n }, [600, 600], [9000], [64]);
  await driver.snapshot(driver.lastIndex - 3, 4);
  await driver.persist([3000]);
  await driver.persist({ kind: 'truncate', from: logIndex(driver.lastIndex) }, [16]);
  await driver.snapshot(driver.lastIndex, 0);
  await driver.persist([100 * 8], [3000]);
  await driver.install({ ...driver.info(1), index: logIndex(driver.lastIndex + 5), term: term(3) });
  await driver.persist({ kind: 'metadata', term: term(4), vote: 1n }, [8]);
  await driver.snapshot(driver.lastIndex, 100);
  await driver.log.close();
}

async function countCalls(): Promise<number> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) });
  const driver = await Driver.open(disk);
  await scenario(driver);
  const calls = disk.calls;
  const again = await Driver.open(disk, driver);
  await again.log.close();
  return calls;
}

/** Waits until background work of a dead process has ended, so that runs do not mix. */
async function settle(log: DurableLog): Promise<void> {
  await log.close().catch(() => undefined);
}

const FAULTS: readonly (readonly [string, DiskFault])[] = [
  ['EIO', { kind: 'error', code: 'EIO' }],
  ['ENOSPC', { kind: 'error', code: 'ENOSPC' }],
  ['a short write, then EIO', { kind: 'short', code: 'EIO' }],
  ['a short write, then ENOSPC', { kind: 'short', code: 'ENOSPC' }],
  ['power loss before', { kind: 'crash-before' }],
  ['power loss after', { kind: 'crash-after' }],
];

/** Errors that a fault may cause; anything else is a defect. */
const EXPECTED = new Set(['DISK_FAILED', 'DISK_FULL', 'LOG_CLOSED', 'ECRASHED']);

async function runWithFault(number: number, fault: DiskFault, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk({ random });
  disk.setFault((call: DiskCall) => (call.number === number ? fault : undefined));
  let driver: Driver | undefined;
  try {
    driver = await Driver.open(disk);
    await scenario(driver);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (typeof code !== 'string' || !EXPECTED.has(code)) throw error;
  }
  if (driver !== undefined) await settle(driver.log);
  disk.setFault(undefined);
  if (random.float() < 0.7) disk.crash();
  else disk.kill();
  expectExactSegments(disk);
  // The start itself may be interrupted, too.
  if (random.float() < 0.5) {
    const at = disk.calls + 1 + randomBelow(random, 30);
    disk.setFault((call) => (call.number === at ? { kind: 'crash-after' } : undefined));
    const interrupted = await openLog(disk.mount(), { segmentBytes: SEGMENT_BYTES }).catch(
      () => undefined,
    );
    if (interrupted !== undefined) {
      driver?.check(interrupted.recovered);
      await settle(interrupted.log);
    }
    disk.setFault(undefined);
    disk.crash();
  }
  const again = await Driver.open(disk, driver);
  await again.persist([8]);
  await again.log.close();
  const last = await Driver.open(disk, again);
  await last.log.close();
}

describe('every disk call fails once', () => {
  it.each(FAULTS)('by %s', async (_name, fault) => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(100);
    for (let number = 1; number <= calls; number++) {
      for (let seed = 1; seed <= 2; seed++) {
        try {
          await runWithFault(number, fault, seed * 1000 + number);
        } catch (error) {
          throw new Error(`call ${number}, seed ${seed * 1000 + number}`, { cause: error });
        }
      }
    }
  });
});

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
  let driver: Driver | undefined;
  for (let life = 0; life < 4; life++) {
    driver = await Driver.open(disk, driver);
    const end = disk.calls + 1 + randomBelow(random, 120);
    const how: DiskFault = { kind: random.float() < 0.5 ? 'crash-before' : 'crash-after' };
    disk.setFault((call) => (call.number === end ? how : undefined));
    try {
      for (;;) await randomWork(driver, random);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'DISK_FAILED') throw error;
    }
    await settle(driver.log);
    disk.setFault(undefined);
    expectExactSegments(disk);
  }
  const again = await Driver.open(disk, driver);
  await again.log.close();
}

async function randomWork(driver: Driver, random: Random): Promise<void> {
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
