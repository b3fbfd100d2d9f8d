import fc from 'fast-check';
import { type Configuration, logIndex, PAGE_SIZE_BYTES, term } from '../../../src/base/index.ts';
import { headerPages, headerTextEncoding, pageOneProblem } from '../../../src/pages/page-one.ts';
import {
  crc32,
  decodeCommand,
  decodeConfiguration,
  decodeMetadata,
  decodeSnapshotMeta,
  encodeConfiguration,
  encodeFrames,
  encodeMetadata,
  encodeSnapshotMeta,
  frameImage,
} from '../../../src/wire/index.ts';
import { directories } from '../captures.ts';
import type { Target } from '../target.ts';
import { decoded, same } from './check.ts';

/** Data of command entries: pages of a transaction, and what old leaders wrote. */
export const commandTarget: Target = {
  name: 'command',
  corpus: () => [
    ...[1, 2, 5].map((count) =>
      encodeFrames(
        'test.db',
        Array.from({ length: count }, (_, i) => i + 1),
        (page, target) => target.fill(page),
      ),
    ),
    Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, 97, 0, 0, 0, 0, 0, 0, 0),
    Uint8Array.of(1, 3, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0),
    Uint8Array.of(1, 4, 0, 0, 0, 0, 0, 0, 97, 0, 0, 0, 0, 0, 0, 0),
  ],
  run(bytes) {
    const command = decoded(() => decodeCommand(bytes));
    if (command?.kind !== 'frames') return;
    const { database, pageNumbers } = command;
    let next = 0;
    const encoded = encodeFrames(database, pageNumbers, (_, target) =>
      target.set(frameImage(command, next++)),
    );
    same(decodeCommand(encoded), command, 'decoded again');
    same(next, pageNumbers.length, 'images');
  },
};

const configurations: fc.Arbitrary<Configuration> = fc
  .uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { maxLength: 6 })
  .map((ids) => ({
    members: ids.map((id, i) => ({
      id,
      address: `10.0.0.${i}:${i}`,
      role: (['voter', 'stand-by', 'spare'] as const)[i % 3] ?? 'spare',
    })),
  }));

export const configurationTarget: Target = {
  name: 'configuration',
  corpus: (random) =>
    fc.sample(configurations, { seed: random.uint32() | 0, numRuns: 20 }).map(encodeConfiguration),
  run(bytes) {
    const configuration = decoded(() => decodeConfiguration(bytes));
    if (configuration === undefined) return;
    same(decodeConfiguration(encodeConfiguration(configuration)), configuration, 'decoded again');
  },
};

export const metadataTarget: Target = {
  name: 'metadata',
  corpus: () => [
    encodeMetadata({ version: 3, term: term(7), votedFor: 2n }),
    ...directories().flatMap((files) =>
      [...files].flatMap(([name, bytes]) => (name.startsWith('metadata') ? [bytes] : [])),
    ),
  ],
  run(bytes) {
    const metadata = decoded(() => decodeMetadata(bytes));
    if (metadata !== undefined) same(encodeMetadata(metadata), bytes, 'encoded again');
  },
};

export const snapshotMetaTarget: Target = {
  name: 'snapshot-meta',
  corpus: (random) => [
    ...directories().flatMap((files) =>
      [...files].flatMap(([name, bytes]) => (name.endsWith('.meta') ? [bytes] : [])),
    ),
    ...fc
      .sample(configurations, { seed: random.uint32() | 0, numRuns: 5 })
      .map((configuration) =>
        encodeSnapshotMeta({ configurationIndex: logIndex(5), configuration }),
      ),
  ],
  repair(bytes) {
    if (bytes.length < 32) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const length = Math.min(view.getUint32(24, true), bytes.length - 32);
    view.setUint32(8, crc32(bytes.subarray(16, 32 + length)), true);
    view.setUint32(12, 0, true);
  },
  run(bytes) {
    const meta = decoded(() => decodeSnapshotMeta(bytes));
    if (meta === undefined) return;
    same(decodeSnapshotMeta(encodeSnapshotMeta(meta)), meta, 'decoded again');
  },
};

/** Page 1 of a database, as it comes from a log or a snapshot. */
export const pageOneTarget: Target = {
  name: 'page-one',
  corpus() {
    const page = new Uint8Array(PAGE_SIZE_BYTES);
    page.set(new TextEncoder().encode('SQLite format 3\0'));
    page.set([16, 0, 2, 2], 16);
    page[31] = 3;
    page[59] = 1;
    return [page];
  },
  run(bytes) {
    if (bytes.length < 100) return;
    const pages = headerPages(bytes);
    same(pages >= 0 && pages < 2 ** 32, true, 'the size is a number of 32 bits');
    headerTextEncoding(bytes);
    if (pageOneProblem(bytes, pages) === undefined) {
      same(typeof pageOneProblem(bytes, pages + 1), 'string', 'another size is a problem');
    }
  },
};
