import { PAGE_SIZE_BYTES, type Random, SeededRandom } from '../../../src/base/index.ts';
import {
  encodeSnapshotDatabase,
  encodeSnapshotHeader,
  SnapshotDecoder,
} from '../../../src/wire/index.ts';
import { raftMessages } from '../captures.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { decoded, demand, inPieces, randomOf, same } from './check.ts';

/** Content of a snapshot: databases with their pages, and the WAL parts of old C nodes. */
export const snapshotContentTarget: Target = {
  name: 'snapshot-content',
  quickInputs: 150,
  corpus: () => [
    ...raftMessages().flatMap(([kind, bytes]) =>
      kind === 'InstallSnapshot' ? [bytes.slice(contentOffset(bytes))] : [],
    ),
    contentOf([]),
    contentOf([['a', 1]]),
    contentOf([
      ['test.db', 2],
      ['other', 1],
    ]),
    contentWithWal(),
  ],
  run(bytes) {
    const whole = read((take) => take(bytes));
    const cut = read((take) => inPieces(bytes, randomOf(bytes), take));
    same(cut, whole, 'the same content cut elsewhere');
    if (!whole.done) return;
    const names = whole.events.split('\n').filter((event) => event.startsWith('database'));
    same(new Set(names).size, names.length, 'databases with one name');
  },
};

function read(feed: (take: (piece: Uint8Array) => void) => void) {
  const found = { events: '', done: false };
  const decoder = new SnapshotDecoder({
    database: (name) => {
      found.events += `database ${name}\n`;
    },
    page: (number, image) => {
      demand(image.length === PAGE_SIZE_BYTES && number > 0, 'a page');
      found.events += `page ${number} ${image[0]} ${image[4095]}\n`;
    },
    end: (pages) => {
      found.events += `end ${pages}\n`;
    },
  });
  decoded(() => {
    feed((piece) => decoder.write(piece));
    decoder.finish();
    found.done = true;
  });
  return found;
}

/** Where the payload of a captured InstallSnapshot begins. */
function contentOffset(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return 16 + view.getUint32(8, true);
}

export function contentOf(databases: readonly (readonly [string, number])[]): Uint8Array {
  const random: Random = new SeededRandom(databases.length);
  return concat([
    encodeSnapshotHeader(databases.length),
    ...databases.flatMap(([name, pages]) => [
      encodeSnapshotDatabase({ name, pages }),
      Uint8Array.from({ length: pages * PAGE_SIZE_BYTES }, () => random.uint32() & 255),
    ]),
  ]);
}

function contentWithWal(): Uint8Array {
  const wal = new Uint8Array(32 + 24 + PAGE_SIZE_BYTES);
  const view = new DataView(wal.buffer);
  view.setUint32(0, 0x377f0682);
  view.setUint32(8, PAGE_SIZE_BYTES);
  view.setUint32(32, 2);
  view.setUint32(36, 2);
  const sizes = new DataView(new ArrayBuffer(16));
  sizes.setBigUint64(0, BigInt(PAGE_SIZE_BYTES), true);
  sizes.setBigUint64(8, BigInt(wal.length), true);
  return concat([
    encodeSnapshotHeader(1),
    Uint8Array.of(119, 97, 108, 0, 0, 0, 0, 0),
    new Uint8Array(sizes.buffer),
    new Uint8Array(PAGE_SIZE_BYTES).fill(1),
    wal,
  ]);
}
