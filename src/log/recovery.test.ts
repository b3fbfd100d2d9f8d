import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Configuration,
  type Entry,
  logIndex,
  QuorateError,
  SeededRandom,
  term,
} from '../base/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { encodeMetadata, encodeSnapshotMeta } from '../wire/index.ts';
import { encodeBatch, groupMark } from './batch.ts';
import { describeDirectory, openLog } from './index.ts';

const CONFIGURATION: Configuration = {
  members: [{ id: 1n, address: '127.0.0.1:9001', role: 'voter' }],
};
const FORMAT = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
/** Raw snapshot content without databases. */
const CONTENT = Uint8Array.of(1, ...new Uint8Array(15));

let disk: SimulatedDisk;
beforeEach(() => {
  disk = new SimulatedDisk({ random: new SeededRandom(1), path: '/data' });
});

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function entry(fill: number, entryTerm = 1, words = 1): Entry {
  return { term: term(entryTerm), type: 'command', data: new Uint8Array(words * 8).fill(fill) };
}

function batch(...entries: Entry[]): Uint8Array {
  return join(...encodeBatch(entries));
}

function segmentName(first: number, last: number): string {
  return `${String(first).padStart(16, '0')}-${String(last).padStart(16, '0')}`;
}

/** A closed segment with one batch. */
function putClosed(first: number, last: number, entryTerm = 1): void {
  const entries = Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, entryTerm));
  disk.put(segmentName(first, last), join(FORMAT, batch(...entries)));
}

function putSnapshot(snapshotTerm: number, index: number, content = CONTENT, stamp = 5): string {
  const name = `snapshot-${snapshotTerm}-${index}-${stamp}`;
  const meta = { configurationIndex: logIndex(1), configuration: CONFIGURATION };
  disk.put(name, content);
  disk.put(`${name}.meta`, encodeSnapshotMeta(meta));
  return name;
}

function putMetadata(version: number, metadataTerm = version, vote = 0n): void {
  const bytes = encodeMetadata({ version, term: term(metadataTerm), votedFor: vote });
  disk.put(version % 2 === 1 ? 'metadata1' : 'metadata2', bytes);
}

/** An open segment as we write it: each group is one durable write of one or more batches. */
function openBytes(groups: Entry[][][], sizeBytes = 8192): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(FORMAT);
  let at = 8;
  for (const group of groups) {
    group.forEach((entries, i) => {
      const chunk = join(...encodeBatch(entries, i === 0 ? groupMark(at) : 0));
      bytes.set(chunk, at);
      at += chunk.length;
    });
  }
  return bytes;
}

async function open() {
  const opened = await openLog(disk.mount(), { segmentBytes: 4096 });
  await opened.log.close();
  return opened.recovered;
}

/** The start is refused with this code, and nothing on the disk changes. */
async function refused(code: string): Promise<QuorateError> {
  const before = disk.names().map((name) => [name, [...disk.image(name).content].join()]);
  const error = await openLog(disk.mount()).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(QuorateError);
  expect(error).toMatchObject({ code });
  expect(disk.names().map((name) => [name, [...disk.image(name).content].join()])).toEqual(before);
  // The lock is free again.
  await (await disk.mount().lock()).release();
  return error as QuorateError;
}

describe('metadata', () => {
  it('the greater version wins', async () => {
    putMetadata(7, 4, 9n);
    putMetadata(6, 4);
    expect(await open()).toMatchObject({ term: 4, vote: 9n, quarantined: false });
  });

  it('the same version twice is damage', async () => {
    putMetadata(3);
    disk.put('metadata2', disk.image('metadata1').content);
    await refused('LOG_DAMAGED');
  });

  it('a short or zero file is an unfinished first write', async () => {
    putMetadata(1, 3);
    disk.put('metadata2', new Uint8Array(17));
    expect(await open()).toMatchObject({ term: 3, quarantined: false });
    disk.put('metadata2', new Uint8Array(32));
    expect(await open()).toMatchObject({ term: 3, quarantined: false });
  });

  it('a long file, version 0 or an unknown format stop the start', async () => {
    disk.put('metadata1', new Uint8Array(33));
    await refused('LOG_DAMAGED');
    disk.put('metadata1', Uint8Array.of(1, ...new Uint8Array(31)));
    await refused('LOG_DAMAGED');
    disk.put('metadata1', Uint8Array.of(2, ...new Uint8Array(31)));
    await refused('FORMAT_UNSUPPORTED');
  });

  it('a lost newer copy puts the node under quarantine', async () => {
    putMetadata(4);
    expect(await open()).toMatchObject({ term: 4, quarantined: true });
    putMetadata(1, 1);
    expect(await open()).toMatchObject({ term: 4, quarantined: true });
    putMetadata(3, 3);
    expect(await open()).toMatchObject({ quarantined: false });
  });

  it('a log without metadata keeps its term', async () => {
    putClosed(1, 3, 5);
    expect(await open()).toMatchObject({ term: 5, vote: 0n, quarantined: false });
    expect(disk.names()).toContain('metadata1');
  });
});

describe('files', () => {
  it('an empty directory is an empty log', async () => {
    expect(await open()).toMatchObject({ term: 0, firstIndex: 1, lastIndex: 0, entries: [] });
    expect(disk.names()).toEqual([]);
  });

  it('unknown files stay', async () => {
    const names = ['.probe', 'info.yaml', 'open-x', 'snapshot-1', `${segmentName(1, 2)}x`];
    for (const name of names) disk.put(name, Uint8Array.of(1));
    await open();
    expect(disk.names()).toEqual(names.sort());
  });

  it('temporary files and halves of snapshots are removed', async () => {
    disk.put('tmp-snapshot-1-2-3', Uint8Array.of(1));
    disk.put('snapshot-1-5-1', CONTENT);
    disk.put('snapshot-1-6-1.meta', CONTENT);
    await open();
    expect(disk.names()).toEqual([]);
  });

  it('a directory is used by one process at a time', async () => {
    const { log } = await openLog(disk.mount());
    await expect(openLog(disk.mount())).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await log.close();
    await open();
  });

  it.each([1, 5, 9, 11, 13])('an error while reading, at call %i, changes nothing', async (at) => {
    putMetadata(1);
    putClosed(1, 4);
    putSnapshot(1, 3);
    disk.put('tmp-x', Uint8Array.of(1));
    const names = disk.names();
    const first = disk.calls + at;
    disk.setFault(({ number }) => (number === first ? { kind: 'error', code: 'EIO' } : undefined));
    await expect(openLog(disk.mount())).rejects.toMatchObject({ code: 'DISK_FAILED' });
    disk.setFault(undefined);
    expect(disk.names()).toEqual(names);
  });
});

describe('open segments', () => {
  it('empty, short and zero ones are removed', async () => {
    disk.put('open-1', new Uint8Array(0));
    disk.put('open-2', new Uint8Array(5));
    disk.put('open-3', new Uint8Array(4096));
    expect(await open()).toMatchObject({ lastIndex: 0 });
    expect(disk.names()).toEqual([]);
  });

  it('become closed ones, with zeroes behind the last batch or without', async () => {
    const bytes = openBytes([[[entry(1)], [entry(2)]], [[entry(3), entry(4)]]]);
    disk.put('open-4', bytes);
    disk.put('open-5', join(FORMAT, batch(entry(5))));
    expect(await open()).toMatchObject({ lastIndex: 5, quarantined: false });
    expect(disk.names()).toContain(segmentName(1, 4));
    expect(disk.names()).toContain(segmentName(5, 5));
  });

  it('an unfinished last write is cut off, wherever it ends', async () => {
    const whole = openBytes([[[entry(1)]], [[entry(2, 1, 60)], [entry(3, 1, 60)]]]);
    const firstEnd = 8 + 32 + 8;
    for (let cut = firstEnd; cut < firstEnd + 32 + 480; cut += 24) {
      disk = new SimulatedDisk({ random: new SeededRandom(1) });
      const torn = whole.slice();
      torn.fill(0, cut, firstEnd + 40 + 480);
      disk.put('open-1', torn);
      expect(await open()).toMatchObject({ lastIndex: 1, quarantined: false });
      expect(disk.image(segmentName(1, 1)).size).toBe(firstEnd);
    }
  });

  it('an unfinished first write leaves nothing', async () => {
    const torn = openBytes([[[entry(1, 1, 200)]]]);
    torn.fill(0, 512, 1024);
    disk.put('open-1', torn);
    expect(await open()).toMatchObject({ lastIndex: 0 });
  });

  it('a batch that runs past the end of the file was cut off after it was written', async () => {
    const bytes = join(FORMAT, batch(entry(1)), batch(entry(2, 1, 9)));
    for (let cut = 8; cut < 32 + 72 - 8; cut += 8) {
      disk.put('open-1', bytes.subarray(0, bytes.length - cut));
      await refused('LOG_DAMAGED');
    }
  });

  it('it is unfinished in a file that C was making longer for it', async () => {
    const start = join(FORMAT, batch(entry(1)));
    const large = batch(entry(2, 1, 1024 * 1024 + 1000));
    disk.put('open-1', join(start, large.subarray(0, 8 * 1024 * 1024)));
    expect(await open()).toMatchObject({ lastIndex: 1 });
  });

  it('damage before a later write group is never skipped', async () => {
    const bytes = openBytes([[[entry(1)]], [[entry(2)]], [[entry(3)]]]);
    for (let at = 8; at < 8 + 2 * 40; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      disk.put('open-1', damaged);
      const error = await refused('LOG_DAMAGED');
      expect(error.message).toMatch(/open-1 is damaged at byte (8|48)/);
    }
  });

  it('a copy of a segment inside the data does not count as a later group', async () => {
    const inner = openBytes([[[entry(1)]], [[entry(2)]]], 256);
    const tricky: Entry = { term: term(1), type: 'command', data: inner };
    const bytes = openBytes([[[entry(9)]], [[tricky, entry(3, 1, 80)]]]);
    bytes.fill(0, 48, 64);
    disk.put('open-1', bytes);
    expect(await open()).toMatchObject({ lastIndex: 1 });
  });

  it('in a segment of C, any good batch behind a bad one stops the start', async () => {
    const bytes = join(FORMAT, batch(entry(1)), batch(entry(2)), batch(entry(3)));
    bytes[60] = 99;
    disk.put('open-1', bytes);
    await refused('LOG_DAMAGED');
  });

  it('an unfinished write before a later segment with entries is damage', async () => {
    const torn = openBytes([[[entry(1)]], [[entry(2, 1, 60)]]]);
    torn.fill(0, 100, 200);
    disk.put('open-1', torn);
    disk.put('open-2', openBytes([[[entry(3)]]]));
    await refused('LOG_DAMAGED');
  });

  it('an unknown format or entry type is of a newer version', async () => {
    disk.put('open-1', Uint8Array.of(2, ...new Uint8Array(31)));
    await refused('FORMAT_UNSUPPORTED');
    disk.put('open-1', Uint8Array.of(255, 255, ...new Uint8Array(30)));
    await refused('LOG_DAMAGED');
  });
});

describe('closed segments', () => {
  it('any damaged byte is found', async () => {
    const good = join(FORMAT, batch(entry(1), entry(2)), batch(entry(3)));
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 64;
      disk.put(segmentName(1, 3), bad);
      const error = await describeDirectory(disk.mount()).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: /^(LOG_DAMAGED|FORMAT_UNSUPPORTED)$/ });
    }
    for (let length = 0; length < good.length; length += 8) {
      disk.put(segmentName(1, 3), good.subarray(0, length));
      await refused('LOG_DAMAGED');
    }
  });

  it('the count must be that of the name', async () => {
    disk.put(segmentName(1, 3), join(FORMAT, batch(entry(1), entry(2))));
    await refused('LOG_DAMAGED');
    disk = new SimulatedDisk({ random: new SeededRandom(1) });
    disk.put(segmentName(1, 1), join(FORMAT, batch(entry(1)), batch(entry(2))));
    await refused('LOG_DAMAGED');
  });

  it('zeroes behind the last batch are a truncation that a crash took back', async () => {
    disk.put(segmentName(1, 1), join(FORMAT, batch(entry(1)), new Uint8Array(512)));
    expect(await open()).toMatchObject({ lastIndex: 1 });
    expect(disk.image(segmentName(1, 1)).size).toBe(48);
  });

  it('gaps and overlaps without a snapshot are damage', async () => {
    putClosed(1, 3);
    putClosed(5, 6);
    await refused('LOG_DAMAGED');
    putClosed(3, 4);
    await refused('LOG_DAMAGED');
    disk = new SimulatedDisk({ random: new SeededRandom(1) });
    putClosed(2, 3);
    await refused('LOG_DAMAGED');
  });

  it('of an interrupted truncation the long segment counts', async () => {
    putClosed(1, 2);
    putClosed(1, 5);
    putClosed(6, 7);
    expect(await open()).toMatchObject({ lastIndex: 7 });
    expect(disk.names()).not.toContain(segmentName(1, 2));
  });
});

describe('snapshots', () => {
  it('the newest wins by term, index, timestamp', async () => {
    putSnapshot(1, 9);
    putSnapshot(2, 4);
    putSnapshot(2, 7, CONTENT, 100);
    putSnapshot(2, 7, CONTENT, 20);
    expect((await open()).snapshot).toMatchObject({ term: 2, index: 7 });
  });

  it('segments behind it are removed, also beyond a gap', async () => {
    putSnapshot(1, 10);
    putClosed(1, 3);
    putClosed(6, 8);
    expect(await open()).toMatchObject({ firstIndex: 11, lastIndex: 10, lastTerm: 1 });
    expect(disk.names().filter((name) => /^\d/.test(name))).toEqual([]);
    putClosed(1, 3);
    putClosed(7, 12);
    expect(await open()).toMatchObject({ firstIndex: 7, lastIndex: 12 });
    expect(disk.names().filter((name) => /^\d/.test(name))).toEqual([segmentName(7, 12)]);
  });

  it('a gap after it is damage', async () => {
    putSnapshot(1, 10);
    putClosed(12, 14);
    await refused('LOG_DAMAGED');
  });

  it('an interrupted installation is completed: the other history goes', async () => {
    putSnapshot(5, 4);
    putClosed(1, 6, 3);
    putClosed(7, 9, 3);
    expect(await open()).toMatchObject({ firstIndex: 5, lastIndex: 4, lastTerm: 5, entries: [] });
    expect(disk.names().filter((name) => /^\d/.test(name))).toEqual([]);
  });

  it('an interrupted installation is completed also over uncommitted entries of a higher term', async () => {
    putSnapshot(4, 4);
    putClosed(1, 6, 5);
    expect(await open()).toMatchObject({ firstIndex: 5, lastIndex: 4, lastTerm: 4, entries: [] });
  });

  it('without one that can be used, an older one serves if the log has the rest', async () => {
    putSnapshot(1, 4);
    putSnapshot(1, 8, Uint8Array.of(9, 9, 9));
    putClosed(3, 9);
    expect(await open()).toMatchObject({ firstIndex: 3, lastIndex: 9, snapshot: { index: 4 } });
    expect(disk.names()).toContain('snapshot-1-8-5');
  });

  it('a bad newest one stops the start when only it said where the log begins', async () => {
    putSnapshot(1, 4, Uint8Array.of(9, 9, 9));
    disk.put('open-1', join(FORMAT, batch(...[5, 6, 7, 8, 9].map((index) => entry(index)))));
    await refused('LOG_DAMAGED');
    putSnapshot(1, 3);
    await refused('LOG_DAMAGED');
  });

  it('a bad newest one stops the start when the log does not have the rest', async () => {
    putSnapshot(1, 4);
    putSnapshot(1, 8, new Uint8Array(0));
    putClosed(5, 7);
    const error = await refused('LOG_DAMAGED');
    expect(error.message).toContain('snapshot-1-8-5');
    disk = new SimulatedDisk({ random: new SeededRandom(1) });
    putSnapshot(1, 8, new Uint8Array(0));
    putClosed(9, 12);
    await refused('LOG_DAMAGED');
  });

  it('a bad one is passed over when the log is complete', async () => {
    const name = putSnapshot(1, 8);
    disk.image(`${name}.meta`).flipBit(20, 1);
    putClosed(1, 8);
    expect(await open()).toMatchObject({ firstIndex: 1, lastIndex: 8, snapshot: undefined });
  });

  it('a newer format is not passed over', async () => {
    const name = putSnapshot(1, 8);
    disk.image(`${name}.meta`).flipBit(0, 1);
    disk.image(`${name}.meta`).flipBit(0, 0);
    putClosed(1, 8);
    await refused('FORMAT_UNSUPPORTED');
  });
});

describe('the durable floor', () => {
  async function filled(): Promise<void> {
    const { log } = await openLog(disk.mount());
    await log.persist([
      { kind: 'metadata', term: term(2), vote: 1n },
      { kind: 'append', first: logIndex(1), entries: [entry(1, 2), entry(2, 2)] },
    ]);
    await log.close();
  }

  it('puts a shortened log under quarantine', async () => {
    await filled();
    expect(await open()).toMatchObject({ lastIndex: 2, quarantined: false });
    disk.put(segmentName(1, 1), join(FORMAT, batch(entry(1, 2))));
    disk.put(segmentName(1, 2), new Uint8Array(0));
    await refused('LOG_DAMAGED');
    await disk.mount().remove(segmentName(1, 2));
    const found = await open();
    expect(found).toMatchObject({ lastIndex: 1, quarantined: true });
    expect(found.quarantineReason).toMatch(/entry 2 was durable/);
  });

  it('does not count after a C node wrote new metadata', async () => {
    await filled();
    await disk.mount().remove(segmentName(1, 2));
    putMetadata(2, 3);
    expect(await open()).toMatchObject({ quarantined: false });
  });

  it('is superseded by a later snapshot', async () => {
    await filled();
    await disk.mount().remove(segmentName(1, 2));
    putSnapshot(2, 5);
    expect(await open()).toMatchObject({ quarantined: false, lastIndex: 5 });
  });

  it('tells that newer metadata was lost', async () => {
    await filled();
    const { log } = await openLog(disk.mount());
    await log.persist([{ kind: 'metadata', term: term(3), vote: 2n }]);
    await log.close();
    await disk.mount().remove('metadata2');
    expect(await open()).toMatchObject({ quarantined: true });
  });

  it('vouches for each vote before anybody is told of it, and for what a C node left', async () => {
    const vote = 24;
    const { log } = await openLog(disk.mount(), { segmentBytes: 4096 });
    await log.persist([{ kind: 'metadata', term: term(3), vote: 2n }]);
    disk.crash();
    disk.image('metadata1').flipBit(vote, 0);
    await refused('LOG_DAMAGED');
    disk.image('metadata1').flipBit(vote, 0);
    expect(await open()).toMatchObject({ term: 3, vote: 2n, quarantined: false });
    putMetadata(2, 4, 1n);
    expect(await open()).toMatchObject({ term: 4, vote: 1n, quarantined: false });
    disk.image('metadata2').flipBit(vote, 1);
    await refused('LOG_DAMAGED');
  });

  it('does not count when it is damaged', async () => {
    await filled();
    await disk.mount().remove(segmentName(1, 2));
    disk.image('quorate-floor').flipBit(9, 0);
    expect(await open()).toMatchObject({ lastIndex: 0, quarantined: false });
  });
});
