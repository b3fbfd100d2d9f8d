import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Entry, logIndex, term } from '../base/index.ts';
import { openDisk } from '../net/index.ts';
import { openLog } from './index.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quorate-log-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

function command(entryTerm: number, size: number, fill: number): Entry {
  return { term: term(entryTerm), type: 'command', data: new Uint8Array(size).fill(fill) };
}

it('keeps a log on the real disk over a restart', async () => {
  const configuration = {
    members: [{ id: 1n, address: '127.0.0.1:9001', role: 'voter' as const }],
  };
  const { log, recovered } = await openLog(await openDisk(root));
  expect(recovered).toMatchObject({ term: 0, lastIndex: 0, quarantined: false });
  await log.bootstrap(configuration);
  await log.persist([
    { kind: 'metadata', term: term(3), vote: 7n },
    { kind: 'append', first: logIndex(2), entries: [command(2, 8, 1), command(2, 4096, 2)] },
  ]);
  const many: Promise<void>[] = [];
  for (let index = 4; index < 200; index++) {
    const entries = [command(2, 64, index)];
    many.push(log.persist([{ kind: 'append', first: logIndex(index), entries }]));
  }
  await Promise.all(many);
  expect(log.statistics().syncs).toBeLessThan(40);
  await log.persist([{ kind: 'truncate', from: logIndex(100) }]);
  await log.persist([{ kind: 'append', first: logIndex(100), entries: [command(3, 8, 9)] }]);
  const info = {
    index: logIndex(50),
    term: term(2),
    configurationIndex: logIndex(1),
    configuration,
  };
  const writer = await log.beginSnapshot(info, 16, 10);
  await writer.write(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  await writer.write(new Uint8Array(8));
  await writer.finish();
  await log.close();

  const disk = await openDisk(root);
  expect(
    (await disk.list()).map((file) => file.name).filter((name) => name.startsWith('open-')),
  ).toEqual([]);
  const again = await openLog(disk);
  expect(again.recovered).toMatchObject({
    term: 3,
    vote: 7n,
    firstIndex: 2,
    lastIndex: 100,
    lastTerm: 3,
    quarantined: false,
    snapshot: info,
  });
  expect(again.recovered.entries[99 - 2]?.data[0]).toBe(99);
  const content = await again.log.readSnapshot(info);
  expect(content.contentBytes).toBe(16);
  await again.log.close();
});
