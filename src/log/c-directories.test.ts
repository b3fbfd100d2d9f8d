import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE_BYTES, SeededRandom } from '../base/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { decodeCommand, frameImage, SnapshotDecoder } from '../wire/index.ts';
import { type DurableLog, describeDirectory, openLog, type Recovered } from './index.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'testdata', 'dirs');
const DIRECTORIES = readdirSync(ROOT).filter((name) => !name.endsWith('.json'));

interface Expected {
  readonly term: number;
  readonly vote: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly snapshotIndex: number | null;
  readonly databases: Record<string, { pages: number; sha256: string; pageSha256: string[] }>;
}

function diskOf(directory: string): SimulatedDisk {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) });
  for (const name of readdirSync(directory))
    disk.put(name, new Uint8Array(readFileSync(join(directory, name))));
  return disk;
}

type Databases = Map<string, Map<number, Uint8Array>>;

/** Snapshot content and FRAMES commands put together, as the state machine does. */
async function replay(log: DurableLog, recovered: Recovered): Promise<Databases> {
  const databases: Databases = new Map();
  let pages = new Map<number, Uint8Array>();
  const dropAbove = (size: number) => {
    for (const page of pages.keys()) if (page > size) pages.delete(page);
  };
  if (recovered.snapshot !== undefined) {
    const decoder = new SnapshotDecoder({
      database(name) {
        pages = new Map();
        databases.set(name, pages);
      },
      page: (number, image) => pages.set(number, image.slice()),
      end: dropAbove,
    });
    const content = await log.readSnapshot(recovered.snapshot);
    for await (const chunk of content.chunks) decoder.write(chunk);
    decoder.finish();
  }
  const applied = recovered.snapshot?.index ?? 0;
  recovered.entries.forEach((entry, at) => {
    if (recovered.firstIndex + at <= applied || entry.type !== 'command') return;
    const command = decodeCommand(entry.data);
    if (command.kind !== 'frames') return;
    pages = databases.get(command.database) ?? new Map();
    databases.set(command.database, pages);
    for (const [i, page] of command.pageNumbers.entries()) pages.set(page, frameImage(command, i));
    const first = command.pageNumbers.includes(1) ? pages.get(1) : undefined;
    if (first) dropAbove(new DataView(first.buffer, first.byteOffset).getUint32(28));
  });
  return databases;
}

/** The same without the bytes, which are slow to compare one by one. */
function summary(recovered: Recovered) {
  const entries = recovered.entries.map(
    (entry) => `${entry.term} ${entry.type} ${sha256(entry.data)}`,
  );
  return { ...recovered, entries };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe.each(DIRECTORIES)('directory of a C node: %s', (name) => {
  const expected: Expected = JSON.parse(readFileSync(join(ROOT, name, 'expected.json'), 'utf8'));

  it('is read as C reads it, with the same pages', async () => {
    const disk = diskOf(join(ROOT, name, 'data'));
    const described = await describeDirectory(disk.mount());
    const { log, recovered } = await openLog(disk.mount());
    expect(summary(described)).toEqual(summary(recovered));
    expect(recovered).toMatchObject({
      term: expected.term,
      vote: BigInt(expected.vote),
      firstIndex: expected.firstIndex,
      lastIndex: expected.lastIndex,
      lastTerm: expected.lastTerm,
      quarantined: false,
    });
    expect(recovered.snapshot?.index ?? null).toBe(expected.snapshotIndex || null);
    expect(recovered.entries.length).toBe(expected.lastIndex - expected.firstIndex + 1);
    const databases = await replay(log, recovered);
    expect([...databases.keys()].sort()).toEqual(Object.keys(expected.databases).sort());
    for (const [database, { pages, pageSha256 }] of Object.entries(expected.databases)) {
      const found = databases.get(database) ?? new Map<number, Uint8Array>();
      const hashes = Array.from({ length: pages }, (_, at) =>
        sha256(found.get(at + 1) ?? new Uint8Array(PAGE_SIZE_BYTES)),
      );
      expect(hashes).toEqual(pageSha256);
    }
    await log.close();
  });

  it('leaves only closed segments, and is the same when opened again', async () => {
    const disk = diskOf(join(ROOT, name, 'data'));
    const first = await openLog(disk.mount());
    await first.log.close();
    expect(disk.names().filter((file) => /^(open|tmp)-/.test(file))).toEqual([]);
    const again = await openLog(disk.mount());
    expect(summary(again.recovered)).toEqual({ ...summary(first.recovered), notes: [] });
    await again.log.close();
  });

  it('is not changed by describing it', async () => {
    const disk = diskOf(join(ROOT, name, 'data'));
    const before = disk.names();
    await describeDirectory(disk.mount());
    expect(disk.names()).toEqual(before);
  });
});

it('reads metadata of C nodes after elections', async () => {
  const samples: {
    metadata1: string;
    metadata2: string;
    term: number;
    vote: number;
  }[] = JSON.parse(readFileSync(join(ROOT, 'metadata-samples.json'), 'utf8'));
  expect(samples.length).toBeGreaterThan(5);
  for (const sample of samples) {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) });
    disk.put('metadata1', new Uint8Array(Buffer.from(sample.metadata1, 'hex')));
    disk.put('metadata2', new Uint8Array(Buffer.from(sample.metadata2, 'hex')));
    expect(await describeDirectory(disk.mount())).toMatchObject({
      term: sample.term,
      vote: BigInt(sample.vote),
      quarantined: false,
    });
  }
});
