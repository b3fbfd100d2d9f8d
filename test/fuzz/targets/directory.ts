import { fromUtf8, QuorateError, type Random, utf8 } from '../../../src/base/index.ts';
import { describeDirectory, openLog } from '../../../src/log/index.ts';
import { directories } from '../captures.ts';
import { MemoryDisk } from '../memory-disk.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { demand, same } from './check.ts';
import { ownSegment, repairBatches } from './segments.ts';
import { contentOf } from './snapshot-content.ts';

const CODES = new Set(['LOG_DAMAGED', 'FORMAT_UNSUPPORTED', 'DISK_FAILED']);
const FILE_BYTES_MAX = 24 * 1024;

/**
 * Whole data directories, as one stream of files: names, contents and what belongs together may all be wrong.
 * Refused with a code and without a change, or opened; and what was opened once is opened again with the same content.
 */
export const directoryTarget: Target = {
  name: 'directory',
  quickInputs: 150,
  corpus: (random) => [
    ...directories().flatMap((files) => {
      const small = [...files].filter(([, { length }]) => length <= FILE_BYTES_MAX);
      return [pack(small), pack(damageNames(small, random))];
    }),
    pack([
      ['metadata1', directories()[0]?.get('metadata1') ?? new Uint8Array()],
      ['open-1', ownSegment(3)],
    ]),
    pack([
      ['0000000000000001-0000000000000001', ownSegment(1)],
      ['open-3', new Uint8Array(64)],
      ['quorate-floor', new Uint8Array(40)],
      ['snapshot-1-1-5', contentOf([['a', 1]])],
    ]),
  ],
  repair(bytes) {
    for (const [name, content] of unpack(bytes)) {
      if (/^open-|^\d{16}-/.test(name)) repairBatches(content);
    }
  },
  memory: (length) => ({ atOnce: 12 * 1024 * 1024, total: 96 * 1024 * 1024 + 64 * length }),
  async run(bytes) {
    const disk = new MemoryDisk(new Map(unpack(bytes)));
    const before = new Map(disk.files);
    const seen = await refused(() => describeDirectory(disk));
    same(disk.files, before, 'changed by looking at it');
    const opened = await refused(() => openLog(disk, { segmentBytes: 64 * 1024 }));
    if (opened === undefined) {
      same(disk.files, before, 'changed although it was refused');
      return;
    }
    demand(seen !== undefined, 'opened, but not to be described');
    same(opened.recovered.entries, seen?.entries, 'entries as described');
    await opened.log.close();
    const again = await openLog(disk, { segmentBytes: 64 * 1024 });
    await again.log.close();
    same(again.recovered.entries.length, opened.recovered.entries.length, 'entries after that');
    same(again.recovered.lastIndex, opened.recovered.lastIndex, 'last index after that');
    same(again.recovered.term, opened.recovered.term, 'term after that');
  },
};

async function refused<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof QuorateError && CODES.has(error.code)) return undefined;
    throw error;
  }
}

type File = readonly [name: string, bytes: Uint8Array];

/** Names of 64 bytes, lengths of 4, contents: so that mutations reach all of it. */
const NAME_BYTES = 64;

function pack(files: readonly File[]): Uint8Array {
  return concat(
    files.flatMap(([name, bytes]) => {
      const head = new Uint8Array(NAME_BYTES + 4);
      head.set(utf8(name).subarray(0, NAME_BYTES));
      new DataView(head.buffer).setUint32(NAME_BYTES, bytes.length, true);
      return [head, bytes];
    }),
  );
}

function unpack(bytes: Uint8Array): File[] {
  const files: File[] = [];
  for (let at = 0; at + NAME_BYTES + 4 <= bytes.length; ) {
    const name = fromUtf8(bytes.subarray(at, at + NAME_BYTES)).split('\0')[0];
    const view = new DataView(bytes.buffer, bytes.byteOffset + at + NAME_BYTES, 4);
    const start = at + NAME_BYTES + 4;
    const end = Math.min(bytes.length, start + view.getUint32(0, true));
    if (name !== '') files.push([name, bytes.subarray(start, end)]);
    at = end;
  }
  return files;
}

const NUMBERS = [
  '0',
  '1',
  '2',
  '49',
  '9007199254740993',
  '9999999999999999',
  '18446744073709551615',
];

/** File names with other numbers, far beyond what can be. */
function damageNames(files: readonly File[], random: Random): File[] {
  return files.map(([name, bytes]) => {
    if (random.uint32() % 3 > 0) return [name, bytes];
    const numbers = [...name.matchAll(/\d+/g)];
    const chosen = numbers[random.uint32() % Math.max(1, numbers.length)];
    if (chosen === undefined) return [name, bytes];
    const number = (NUMBERS[random.uint32() % NUMBERS.length] ?? '0').padStart(
      chosen[0].length,
      '0',
    );
    return [
      name.slice(0, chosen.index) + number + name.slice(chosen.index + chosen[0].length),
      bytes,
    ];
  });
}
