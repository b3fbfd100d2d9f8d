import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Configuration,
  type Entry,
  type EntryType,
  logIndex,
  pad8,
  SeededRandom,
  term,
} from '../base/index.ts';
import type { PersistOperation, SnapshotInfo } from '../raft/index.ts';
import { type DiskCall, SimulatedDisk } from '../sim/disk.ts';
import { isLz4Frame } from '../wire/index.ts';
import { type DurableLog, openLog } from './index.ts';

const CONFIGURATION: Configuration = {
  members: [{ id: 1n, address: '127.0.0.1:9001', role: 'voter' }],
};
const SEGMENT_BYTES = 4096;
const CONTENT = Uint8Array.of(1, ...new Uint8Array(15));

let disk: SimulatedDisk;
let calls: DiskCall[];
beforeEach(() => {
  disk = new SimulatedDisk({ random: new SeededRandom(1) });
  calls = [];
  disk.setFault((call) => {
    calls.push(call);
    return undefined;
  });
});

function entry(fill: number, bytes = 8, type: EntryType = 'command'): Entry {
  return { term: term(1), type, data: new Uint8Array(pad8(bytes)).fill(fill) };
}

function append(first: number, ...entries: Entry[]): PersistOperation {
  return { kind: 'append', first: logIndex(first), entries };
}

function info(index: number, snapshotTerm = 1): SnapshotInfo {
  return {
    index: logIndex(index),
    term: term(snapshotTerm),
    configurationIndex: logIndex(1),
    configuration: CONFIGURATION,
  };
}

async function open() {
  return await openLog(disk.mount(), { segmentBytes: SEGMENT_BYTES });
}

async function snapshot(log: DurableLog, index: number, trailing: number): Promise<void> {
  const writer = await log.beginSnapshot(info(index), CONTENT.length, trailing);
  await writer.write(CONTENT);
  await writer.finish();
}

async function contentOf(log: DurableLog, at: SnapshotInfo): Promise<number[]> {
  const { chunks } = await log.readSnapshot(at);
  const bytes: number[] = [];
  for await (const chunk of chunks) bytes.push(...chunk);
  return bytes;
}

function hex(name: string): string {
  return Buffer.from(disk.image(name).content).toString('hex');
}

function segments(): string[] {
  return disk.names().filter((name) => /^\d/.test(name));
}

describe('the bytes of disk-format.md §13', () => {
  it('bootstrap and snapshot', async () => {
    const { log } = await open();
    await log.bootstrap(CONFIGURATION);
    expect(hex('metadata1')).toBe(
      '0100000000000000010000000000000001000000000000000000000000000000',
    );
    expect(hex('0000000000000001-0000000000000001')).toBe(
      '01000000000000002d99f986a3269299010000000000000001000000000000000300000028000000' +
        '01010000000000000001000000000000003132372e302e302e313a393030310001' +
        '00000000000000',
    );
    await snapshot(log, 1, 10);
    expect(hex('snapshot-1-1-1.meta')).toBe(
      '0100000000000000f27a47c400000000010000000000000028000000000000000101000000000000' +
        '0001000000000000003132372e302e302e313a39303031000100000000000000',
    );
    expect(isLz4Frame(disk.image('snapshot-1-1-1').content)).toBe(true);
    await log.close();
  });

  it('bootstrap is refused when there is a log, a term or a snapshot', async () => {
    const { log } = await open();
    await log.persist([{ kind: 'metadata', term: term(1), vote: 0n }]);
    await expect(log.bootstrap(CONFIGURATION)).rejects.toMatchObject({
      code: 'ALREADY_BOOTSTRAPPED',
    });
    await log.persist([append(1, entry(1))]);
    await log.close();
    const again = await open();
    await expect(again.log.bootstrap(CONFIGURATION)).rejects.toMatchObject({
      code: 'ALREADY_BOOTSTRAPPED',
    });
    expect(again.recovered.lastIndex).toBe(1);
    await again.log.close();
  });

  it('an overriding configuration becomes the last entry, with the current term', async () => {
    const { log } = await open();
    await log.bootstrap(CONFIGURATION);
    await log.persist([{ kind: 'metadata', term: term(6), vote: 0n }, append(2, entry(2))]);
    await log.overrideConfiguration(CONFIGURATION);
    await log.close();
    const { log: after, recovered } = await open();
    expect(recovered).toMatchObject({ lastIndex: 3, lastTerm: 6 });
    expect(recovered.entries[2]?.type).toBe('configuration');
    await after.close();
  });
});

describe('appending', () => {
  it('everything that is queued shares one write', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1))]);
    calls.length = 0;
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => log.persist([append(at + 2, entry(at))])),
    );
    expect(calls.filter(({ kind }) => kind === 'write-durable').length).toBe(1);
    expect(log.lastIndex).toBe(21);
    await log.close();
    const { log: after, recovered } = await open();
    expect(recovered.entries.map(({ data }) => data[0])).toEqual([
      1,
      ...Array.from({ length: 20 }, (_, at) => at),
    ]);
    await after.close();
  });

  it('operations keep their order across kinds', async () => {
    const { log } = await open();
    calls.length = 0;
    await Promise.all([
      log.persist([append(1, entry(1), entry(2))]),
      log.persist([{ kind: 'metadata', term: term(1), vote: 2n }]),
      log.persist([{ kind: 'truncate', from: logIndex(2) }, append(2, entry(3))]),
      log.persist([]),
    ]);
    await log.close();
    const { log: after, recovered } = await open();
    expect(recovered.entries.map(({ data }) => data[0])).toEqual([1, 3]);
    expect(recovered.vote).toBe(2n);
    await after.close();
  });

  it('a full segment is closed, a batch larger than a segment gets its own', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1, 3000))]);
    await log.persist([append(2, entry(2, 3000)), append(3, entry(3, 20_000))]);
    await log.persist([append(4, entry(4))]);
    expect(log.statistics()).toMatchObject({ lastIndex: 4, entriesWritten: 4, state: 'ok' });
    await log.close();
    expect(segments()).toEqual([
      '0000000000000001-0000000000000001',
      '0000000000000002-0000000000000002',
      '0000000000000003-0000000000000003',
      '0000000000000004-0000000000000004',
    ]);
    const { log: after, recovered } = await open();
    expect(recovered.entries.map(({ data }) => data.length)).toEqual([3000, 3000, 20_000, 8]);
    await after.close();
  });

  it('an open segment always ends with its last batch or with 16 zero bytes', async () => {
    for (let bytes = 8; bytes <= 64; bytes += 8) {
      disk = new SimulatedDisk({ random: new SeededRandom(1) });
      const { log } = await open();
      const rest = SEGMENT_BYTES - 8 - 32 - 32 - bytes;
      await log.persist([append(1, entry(1, rest - 40))]);
      await log.persist([append(2, entry(2, bytes))]);
      const last = log.statistics().closedSegments === 0;
      const used = 8 + 32 + rest - 40 + (last ? 32 + bytes : 0);
      expect(used === SEGMENT_BYTES || used + 16 <= SEGMENT_BYTES).toBe(true);
      await log.close();
    }
  });

  it('a gap is a defect of the caller', async () => {
    const { log } = await open();
    await expect(log.persist([append(2, entry(1))])).rejects.toThrow(/entry 2 after 0/);
    await log.close();
  });

  it('nothing is taken after the end', async () => {
    const { log } = await open();
    await log.close();
    await expect(log.persist([append(1, entry(1))])).rejects.toMatchObject({ code: 'LOG_CLOSED' });
    await log.close();
  });

  it('close finishes what is queued', async () => {
    const { log } = await open();
    const done = log.persist([append(1, entry(1))]);
    await log.close();
    await done;
    const { log: after, recovered } = await open();
    expect(recovered.lastIndex).toBe(1);
    await after.close();
  });
});

describe('truncation', () => {
  it.each([1, 2, 3, 4, 5, 6, 7])('from entry %i of six in three segments', async (from) => {
    const { log } = await open();
    for (let index = 1; index <= 5; index += 2) {
      await log.persist([append(index, entry(index, 1500), entry(index + 1, 1500))]);
    }
    await log.persist([{ kind: 'truncate', from: logIndex(from) }]);
    const end = Math.min(from - 1, 6);
    expect(log.lastIndex).toBe(end);
    await log.persist([append(end + 1, entry(99))]);
    await log.close();
    const { log: after, recovered } = await open();
    const kept = Array.from({ length: end }, (_, at) => at + 1);
    expect(recovered.entries.map(({ data }) => data[0])).toEqual([...kept, 99]);
    expect(recovered.quarantined).toBe(false);
    await after.close();
  });
});

describe('a full disk', () => {
  /** Fills the disk behind the prepared segments. */
  function fill(): void {
    disk.setCapacity(disk.usedBytes + 100);
  }

  it('refuses writes with DISK_FULL and goes on when there is space again', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1, 2000))]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    fill();
    let index = 2;
    let failure: unknown;
    while (failure === undefined && index < 20) {
      failure = await log.persist([append(index, entry(index, 2000))]).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) index++;
    }
    expect(failure).toMatchObject({ code: 'DISK_FULL', retryable: true });
    expect(log.statistics().state).toBe('full');
    expect(log.lastIndex).toBe(index - 1);
    // What was queued behind the lost entry is refused in the same way.
    await expect(log.persist([append(index + 1, entry(7))])).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    // Metadata, and entries that end a leadership in order, still find room (the spare segment).
    await log.persist([{ kind: 'metadata', term: term(2), vote: 0n }]);
    await log.persist([append(index, entry(50, 2500, 'barrier'))]);
    index++;
    await expect(
      log.persist([append(index, entry(1, 2000)), append(index + 1, entry(1, 2000))]),
    ).rejects.toMatchObject({ code: 'DISK_FULL' });
    await log.persist([{ kind: 'truncate', from: logIndex(index - 1) }]);
    index--;
    disk.setCapacity(Number.POSITIVE_INFINITY);
    await log.persist([append(index, entry(77, 2000))]);
    expect(log.statistics().state).toBe('ok');
    await log.close();
    const { log: after, recovered } = await open();
    expect(recovered.lastIndex).toBe(index);
    expect(recovered.entries.at(-1)?.data[0]).toBe(77);
    expect(recovered.quarantined).toBe(false);
    await after.close();
  });

  it('nothing of a refused group stays', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1, 1000))]);
    disk.setFault(({ kind, name }) =>
      kind === 'write-durable' && name.startsWith('open-')
        ? { kind: 'short', code: 'ENOSPC' }
        : undefined,
    );
    const group = [
      log.persist([append(2, entry(2, 700))]),
      log.persist([append(3, entry(3, 900))]),
    ];
    for (const each of await Promise.allSettled(group)) {
      expect(each).toMatchObject({ reason: { code: 'DISK_FULL' } });
    }
    disk.setFault(undefined);
    await log.persist([append(2, entry(22))]);
    disk.crash();
    await log.close().catch(() => undefined);
    const { log: after, recovered } = await open();
    expect(recovered.entries.map(({ data }) => data[0])).toEqual([1, 22]);
    await after.close();
  });

  it('a snapshot fails without harm', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1))]);
    disk.setCapacity(0);
    await expect(snapshot(log, 1, 0)).rejects.toMatchObject({ code: 'DISK_FULL' });
    disk.setCapacity(Number.POSITIVE_INFINITY);
    expect(disk.names().filter((name) => name.startsWith('tmp-'))).toEqual([]);
    await snapshot(log, 1, 0);
    expect(log.snapshot?.index).toBe(1);
    await log.close();
  });
});

it('after a failed write everything fails until the next start', async () => {
  const { log } = await open();
  await log.persist([append(1, entry(1))]);
  let failing = true;
  disk.setFault(({ kind }) => {
    const fault = failing && kind === 'write-durable';
    if (fault) failing = false;
    return fault ? { kind: 'error', code: 'EIO' } : undefined;
  });
  const both = [log.persist([append(2, entry(2))]), log.persist([append(3, entry(3))])];
  for (const each of await Promise.allSettled(both)) {
    expect(each).toMatchObject({ reason: { code: 'DISK_FAILED' } });
  }
  await expect(log.persist([append(2, entry(2))])).rejects.toMatchObject({
    code: 'DISK_FAILED',
    cause: { code: 'EIO' },
  });
  expect(log.statistics().state).toBe('failed');
  await log.close();
  const { log: after, recovered } = await open();
  expect(recovered.lastIndex).toBe(1);
  await after.close();
});

describe('snapshots', () => {
  it('keep the newest two, and the segments that trailing asks for', async () => {
    const { log } = await open();
    for (let index = 1; index <= 12; index++) {
      await log.persist([append(index, entry(index, 3000))]);
      if (index % 4 === 0) await snapshot(log, index, 3);
    }
    await log.close();
    expect(disk.names().filter((name) => /^snapshot.*\d$/.test(name))).toEqual([
      'snapshot-1-12-3',
      'snapshot-1-8-2',
    ]);
    expect(segments()[0]).toBe('0000000000000010-0000000000000010');
    const { log: after, recovered } = await open();
    expect(recovered).toMatchObject({ firstIndex: 10, lastIndex: 12, snapshot: info(12) });
    await after.close();
  });

  it('are compressed and read in small steps, between which consensus gets its turn', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1))]);
    const content = new Uint8Array(12 * 1024 * 1024);
    const random = new SeededRandom(5);
    for (let at = 0; at < 1024 * 1024; at++) content[at] = random.float() * 256;
    calls.length = 0;
    const writer = await log.beginSnapshot(info(1), content.length, 0);
    await writer.write(content);
    await writer.finish();
    const block = 256 * 1024;
    const writes = calls.filter(({ kind, name }) => kind === 'write' && !name.endsWith('.meta'));
    expect(writes.length).toBeGreaterThanOrEqual(content.length / block);

    const { chunks } = await log.readSnapshot(info(1));
    let length = 0;
    let sinceRead = 0;
    let most = 0;
    for await (const chunk of chunks) {
      if (calls.some(({ kind }) => kind === 'read')) sinceRead = 0;
      calls.length = 0;
      sinceRead += chunk.length;
      most = Math.max(most, sinceRead);
      expect(Buffer.compare(chunk, content.subarray(length, length + chunk.length))).toBe(0);
      length += chunk.length;
    }
    expect(length).toBe(content.length);
    // The first read of zeroes still has the size that was right for what came before them.
    expect(most).toBeLessThanOrEqual(17 * block);
    expect(sinceRead).toBeLessThanOrEqual(3 * block);
    await log.close();
  });

  it('a trailing of zero removes everything up to the snapshot', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1), entry(2), entry(3))]);
    await snapshot(log, 3, 0);
    await log.persist([append(4, entry(4))]);
    await log.close();
    expect(segments()).toEqual(['0000000000000004-0000000000000004']);
    const { log: after, recovered } = await open();
    expect(recovered).toMatchObject({ firstIndex: 4, lastIndex: 4 });
    await after.close();
  });

  it('read their content back in chunks of known total length', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1))]);
    await snapshot(log, 1, 0);
    const content = await log.readSnapshot(info(1));
    expect(content.contentBytes).toBe(CONTENT.length);
    expect(await contentOf(log, info(1))).toEqual([...CONTENT]);
    await expect(log.readSnapshot(info(9))).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
    for await (const _ of content.chunks) break;
    await log.close();
  });

  it('say DISK_FAILED when they cannot be read, and do not mind when a file that was read cannot be closed', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1))]);
    await snapshot(log, 1, 0);
    disk.setFault(({ kind }) => (kind === 'close' ? { kind: 'error', code: 'EIO' } : undefined));
    expect(await contentOf(log, info(1))).toEqual([...CONTENT]);
    const { chunks } = await log.readSnapshot(info(1));
    disk.setFault(({ kind }) => (kind === 'read' ? { kind: 'error', code: 'EIO' } : undefined));
    const reading = chunks[Symbol.asyncIterator]().next();
    await expect(reading).rejects.toMatchObject({ code: 'DISK_FAILED' });
    disk.setFault(() => undefined);
    await log.close();
  });

  it('stay while somebody reads them', async () => {
    const { log } = await open();
    for (let index = 1; index <= 3; index++) await log.persist([append(index, entry(index))]);
    await snapshot(log, 1, 10);
    const { chunks } = await log.readSnapshot(info(1));
    await snapshot(log, 2, 10);
    await snapshot(log, 3, 10);
    expect(disk.names()).toContain('snapshot-1-1-1');
    const bytes: number[] = [];
    for await (const chunk of chunks) bytes.push(...chunk);
    expect(bytes).toEqual([...CONTENT]);
    await snapshot(log, 3, 10);
    expect(disk.names()).not.toContain('snapshot-1-1-1');
    await log.close();
  });

  it('an aborted one leaves nothing', async () => {
    const { log } = await open();
    await log.persist([append(1, entry(1))]);
    const writer = await log.beginSnapshot(info(1), 100, 0);
    await writer.write(CONTENT);
    await writer.abort();
    expect(disk.names().some((name) => name.includes('snapshot'))).toBe(false);
    await snapshot(log, 1, 0);
    await log.close();
  });

  it('an installed one replaces the log, also a longer one of another history', async () => {
    const { log } = await open();
    for (let index = 1; index <= 9; index++) {
      await log.persist([append(index, entry(index, 1500))]);
    }
    const writer = await log.beginInstall(info(5, 4), CONTENT.length);
    await writer.write(CONTENT);
    // While it is received, term and vote can change.
    await log.persist([{ kind: 'metadata', term: term(4), vote: 0n }]);
    await writer.finish();
    expect(log.lastIndex).toBe(5);
    expect(segments()).toEqual([]);
    await log.persist([append(6, { ...entry(6), term: term(4) })]);
    await log.close();
    const { log: after, recovered } = await open();
    expect(recovered).toMatchObject({ firstIndex: 6, lastIndex: 6, snapshot: info(5, 4) });
    expect(recovered.quarantined).toBe(false);
    await after.close();
  });
});
