import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { assert, QuorateError, SeededRandom } from '../base/index.ts';
import type { SimulatedDisk } from '../sim/disk.ts';
import { SimulatedDisk as Disk } from '../sim/disk.ts';
import { openLog, type SnapshotSink } from './index.ts';
import { diskWith, type Image, imageOf } from './testing/disk-faults.ts';
import { LogDriver } from './testing/log-driver.ts';
import { regionsOf } from './testing/regions.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'testdata', 'dirs');

/** What becomes of a directory with one damage. */
type Verdict =
  /** The start is refused with file and reason, and nothing was changed. */
  | 'refused'
  /** Everything is there: the damage is in what nothing depends on. */
  | 'unharmed'
  /** Everything is there, through an older snapshot and the log; told in the notes. */
  | 'older snapshot'
  /** The node starts without a vote. */
  | 'quarantined'
  /** The end of the log is missing, and nothing tells. */
  | 'shortened'
  /** Something else than what was written is served. */
  | 'wrong';

/**
 * Damage that cannot be seen, and why: matched against "directory | kind | region | damage". Every other verdict of 'shortened' or
 * 'wrong' is a defect. A directory of our own that was closed in order is not in the list.
 */
const UNDETECTABLE: readonly (readonly [pattern: RegExp, why: string])[] = [
  [
    /^(crashed|C .*) \| open segment \| last .*/,
    'the last write looks like one that a crash interrupted, unless the floor was written after it',
  ],
  [
    /^(crashed|C .*) \| open segment \| .* \| zero sector$/,
    'the same: the sector holds a part of the last write; or it is the first of the segment, as after an interrupted first write',
  ],
  [
    /^(crashed|C .*) \| open segment \| (header crc|format|after the end) \| cut$/,
    'what is left ends with a batch, as a segment that was being closed does',
  ],
  [
    /^(crashed|C .*) \| (open|closed) segment \| whole file \| removed$/,
    'the last segment is missed by the floor only; what follows a missing one moves up, since batches do not name their index',
  ],
  [
    /^C .* \| metadata \|/,
    'there is no checksum in the format, and no floor or second copy that would tell',
  ],
];

/** Those of the short run; npm run test:crash takes all. */
const QUICK = new Set(['1.18.6-1node-kill9', '1.18.6-1node-snapshot-clean']);

interface Facts {
  readonly term: number;
  readonly vote: bigint;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  /** Digests of entries by index. */
  readonly entries: ReadonlyMap<number, string>;
  /** Digests of snapshot contents by index. */
  readonly content: string;
  readonly quarantined: boolean;
  readonly notes: readonly string[];
}

/** Opens the directory, reads everything and closes it. */
async function factsOf(disk: SimulatedDisk): Promise<Facts> {
  let sunk = createHash('sha256');
  const sink: SnapshotSink = {
    begin: () => {
      sunk = createHash('sha256');
    },
    chunk: async (bytes) => {
      sunk.update(bytes);
    },
  };
  const { log, recovered } = await openLog(disk.mount(), { segmentBytes: 4096, sink });
  try {
    const hash = createHash('sha256');
    if (recovered.snapshot !== undefined) {
      const { chunks } = await log.readSnapshot(recovered.snapshot);
      for await (const chunk of chunks) hash.update(chunk);
    }
    const { term, vote, lastIndex, firstIndex, quarantined, notes } = recovered;
    const entries = recovered.entries.map((entry, at) => {
      const digest = createHash('sha256').update(entry.data).digest('hex');
      return [firstIndex + at, `${entry.term} ${entry.type} ${digest}`] as const;
    });
    const content = hash.digest('hex');
    // What came last of a damaged snapshot is void when there is no other to start from.
    if (recovered.snapshot !== undefined) expect(sunk.digest('hex')).toBe(content);
    const snapshotIndex = recovered.snapshot?.index ?? 0;
    return {
      ...{ term, vote, lastIndex, snapshotIndex, content, quarantined, notes },
      entries: new Map(entries),
    };
  } finally {
    await log.close();
  }
}

function kindOf(name: string): string {
  if (name.startsWith('open-')) return 'open segment';
  if (/^\d/.test(name)) return 'closed segment';
  if (name.startsWith('metadata')) return 'metadata';
  if (name.endsWith('.meta')) return 'snapshot meta';
  return name.startsWith('snapshot-') ? 'snapshot' : name;
}

interface Damage {
  readonly kind: string;
  readonly region: string;
  readonly what: string;
  readonly file: string;
  readonly image: Image;
}

/** Every damage of every region of one file, one at a time. */
function* damagesOf(image: Image, file: string, content: Uint8Array): Generator<Damage> {
  const kind = kindOf(file);
  const withContent = (bytes: Uint8Array): Image =>
    image.map(([name, old]) => [name, name === file ? bytes : old] as const);
  let turn = 0;
  for (const { name: region, start, end } of regionsOf(file, content)) {
    const offsets = new Set([start, Math.floor((start + end) / 2), end - 1]);
    for (const offset of offsets) {
      const flipped = content.slice();
      flipped[offset] ^= 1 << (turn++ % 8);
      yield { kind, region, what: 'bit', file, image: withContent(flipped) };
    }
    const inverted = content.slice();
    inverted[start] ^= 0xff;
    yield { kind, region, what: 'byte', file, image: withContent(inverted) };
    const zeroed = content.slice();
    const sector = start - (start % 512);
    zeroed.fill(0, sector, Math.min(sector + 512, zeroed.length));
    if (!same(zeroed, content)) {
      yield { kind, region, what: 'zero sector', file, image: withContent(zeroed) };
    }
    for (const length of new Set([start, Math.floor((start + end) / 2)])) {
      yield { kind, region, what: 'cut', file, image: withContent(content.slice(0, length)) };
    }
  }
  const without = image.filter(([name]) => name !== file);
  yield { kind, region: 'whole file', what: 'removed', file, image: without };
  // The last digit of the last number: an index, a timestamp, a counter.
  for (const [digit, at] of [...file].map((character, at) => [character, at] as const)) {
    if (!/\d/.test(digit) || kind === 'metadata') continue;
    const name = `${file.slice(0, at)}${(Number(digit) + 1) % 10}${file.slice(at + 1)}`;
    const renamed = [...without.filter(([other]) => other !== name), [name, content] as const];
    yield { kind: 'file name', region: kind, what: 'digit', file: name, image: renamed };
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What a start makes of it. */
async function judge(damage: Damage, good: Facts, history: ReadonlyMap<number, string>) {
  const disk = diskWith(damage.image, new SeededRandom(1));
  let found: Facts;
  try {
    found = await factsOf(disk);
  } catch (error) {
    const { code, message } = error instanceof QuorateError ? error : { code: '', message: '' };
    if (!/^(LOG_DAMAGED|FORMAT_UNSUPPORTED)$/.test(code)) throw error;
    expect(message).toContain(disk.path);
    expect(message).toMatch(/Nothing was changed|nothing was changed/);
    expectUntouched(disk, damage);
    // Where bytes are bad the report names the file that has them.
    if (/^(bit|byte)$/.test(damage.what) && /segment|snapshot$|metadata/.test(damage.kind)) {
      const named = damage.kind === 'metadata' ? 'metadata' : damage.file;
      if (damage.kind !== 'snapshot') expect(message).toContain(named);
    }
    return 'refused' satisfies Verdict;
  }
  for (const [index, entry] of found.entries) {
    if (history.get(index) !== entry) return 'wrong' satisfies Verdict;
  }
  if (found.quarantined) return 'quarantined' satisfies Verdict;
  if (found.term !== good.term || found.vote !== good.vote) return 'wrong' satisfies Verdict;
  if (found.lastIndex < good.lastIndex) return 'shortened' satisfies Verdict;
  if (found.lastIndex > good.lastIndex) return 'wrong' satisfies Verdict;
  if (found.snapshotIndex === good.snapshotIndex) {
    return found.content === good.content ? 'unharmed' : ('wrong' satisfies Verdict);
  }
  const reaches = found.snapshotIndex < good.snapshotIndex && contiguous(found);
  if (!reaches) return 'wrong' satisfies Verdict;
  if (damage.what === 'bit' || damage.what === 'byte')
    expect(found.notes.length).toBeGreaterThan(0);
  return 'older snapshot' satisfies Verdict;
}

function contiguous(found: Facts): boolean {
  for (let index = found.snapshotIndex + 1; index <= found.lastIndex; index++) {
    if (!found.entries.has(index)) return false;
  }
  return true;
}

function expectUntouched(disk: SimulatedDisk, damage: Damage): void {
  expect(disk.names()).toEqual(damage.image.map(([name]) => name).sort());
  for (const [name, content] of damage.image) {
    assert(same(disk.image(name).content, content), () => `${name} was changed`);
  }
}

const counts = new Map<string, Map<Verdict, number>>();

/** Damages everything in a directory, one thing at a time. */
async function damageAll(directory: string, image: Image, history: ReadonlyMap<number, string>) {
  const good = await factsOf(diskWith(image, new SeededRandom(1)));
  const known = new Map([...good.entries, ...history]);
  const unexplained: string[] = [];
  for (const [file, content] of image) {
    for (const damage of damagesOf(image, file, content)) {
      const verdict = await judge(damage, good, known);
      const origin = directory.replace(/ .*/, '');
      const key = `${origin} | ${damage.kind} | ${damage.region}`;
      const row = counts.get(key) ?? new Map<Verdict, number>();
      row.set(verdict, (row.get(verdict) ?? 0) + 1);
      counts.set(key, row);
      const silent = verdict === 'wrong' || verdict === 'shortened';
      const place = `${directory} | ${damage.kind} | ${damage.region} | ${damage.what}`;
      if (silent && !UNDETECTABLE.some(([pattern]) => pattern.test(place))) {
        unexplained.push(`${place}: ${verdict} (${damage.file})`);
      }
    }
  }
  return unexplained;
}

/** A directory of our own: two snapshots, a log that reaches back to the older one, closed in order or not. */
async function ours(closed: boolean): Promise<{ image: Image; history: Map<number, string> }> {
  const disk = new Disk({ random: new SeededRandom(3) });
  const driver = await LogDriver.open(disk);
  await driver.bootstrap();
  await driver.metadata(2, 1n);
  await driver.persist([800], [16, 24], [1200]);
  await driver.persist([2000]);
  await driver.snapshot(driver.lastIndex - 1, 100);
  await driver.persist([64, 72], [2000]);
  await driver.metadata(3, 1n);
  await driver.snapshot(driver.lastIndex, 5);
  await driver.persist([8]);
  await driver.persist([16, 24]);
  if (closed) await driver.log.close();
  else disk.crash();
  await driver.log.close().catch(() => undefined);
  return { image: imageOf(disk), history: new Map() };
}

function fromC(name: string): Image {
  const directory = join(ROOT, name, 'data');
  return readdirSync(directory).map(
    (file) => [file, new Uint8Array(readFileSync(join(directory, file)))] as const,
  );
}

describe('any damage is refused, healed or quarantined, never served', () => {
  it('of a directory that was closed', async () => {
    const { image, history } = await ours(true);
    expect(await damageAll('closed', image, history)).toEqual([]);
  });

  it('of a directory after a power loss', async () => {
    const { image, history } = await ours(false);
    expect(image.some(([name]) => name.startsWith('open-'))).toBe(true);
    expect(await damageAll('crashed', image, history)).toEqual([]);
  });

  const all = process.env.CRASH_DRAWS !== undefined;
  const directories = readdirSync(ROOT).filter(
    (name) => !name.endsWith('.json') && (all || QUICK.has(name)),
  );
  it.each(directories)('of the directory of a C node %s', async (name) => {
    expect(await damageAll(`C ${name}`, fromC(name), new Map())).toEqual([]);
  });

  afterAll(() => {
    if (process.env.CRASH_DRAWS !== undefined) console.log(table());
  });
});

const VERDICTS: readonly Verdict[] = [
  'refused',
  'older snapshot',
  'quarantined',
  'unharmed',
  'shortened',
  'wrong',
];

/** Verdicts by file and region, as Markdown. */
function table(): string {
  const lines = [
    `| directory | file | region | ${VERDICTS.join(' | ')} |`,
    `|---|---|---|${'---:|'.repeat(6)}`,
  ];
  for (const [key, row] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`| ${key} | ${VERDICTS.map((verdict) => row.get(verdict) ?? 0).join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}
