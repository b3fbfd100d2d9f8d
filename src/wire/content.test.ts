import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError, PAGE_SIZE_BYTES } from '../base/index.ts';
import {
  type Command,
  decodeCommand,
  encodeFrames,
  encodeSnapshotDatabase,
  encodeSnapshotHeader,
  frameImage,
  framesBytes,
  SnapshotDecoder,
  snapshotContentBytes,
} from './index.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const page = (fill: number) => new Uint8Array(PAGE_SIZE_BYTES).fill(fill);
const names = fc
  .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
  .filter((name) => !name.includes('\0'));

function onlyDecodeError(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

describe('commands', () => {
  const sample = encodeFrames('a.db', [1, 3], (number, target) => target.fill(number));

  it('encodes FRAMES as fsm.md §11 shows', () => {
    expect(toHex(sample.subarray(0, 56))).toBe(
      '0102000000000000612e64620000000000000000000000000000000001000000' +
        '020000000010000001000000000000000300000000000000',
    );
    expect(sample.length).toBe(framesBytes('a.db', 2));
    expect(sample.length).toBe(40 + 4104 * 2);
  });

  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(
        names,
        fc.array(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 5 }),
        (database, numbers) => {
          const bytes = encodeFrames(database, numbers, (n, target) => target.fill(n & 255));
          expect(bytes.length).toBe(framesBytes(database, numbers.length));
          expect(bytes.length % 8).toBe(0);
          const command = decodeCommand(bytes);
          if (command.kind !== 'frames') throw new Error('not frames');
          expect(command.database).toBe(database);
          expect([...command.pageNumbers]).toEqual(numbers);
          numbers.forEach((n, i) => {
            expect(frameImage(command, i).every((byte) => byte === (n & 255))).toBe(true);
          });
        },
      ),
    );
  });

  it('ignores the garbage of old leaders', () => {
    const bytes = sample.slice();
    bytes.set([0x7f, 0xaa, 0xbb], 29);
    expect(decodeCommand(bytes)).toEqual(decodeCommand(sample));
  });

  it.each<[string, Command]>([
    ['0101000000000000612e646200000000', { kind: 'open', database: 'a.db' }],
    ['0104000000000000612e646200000000', { kind: 'checkpoint', database: 'a.db' }],
    ['01030000000000000500000000000000', { kind: 'undo', transaction: 5n }],
  ])('knows the historic command %s', (text, wanted) => {
    expect(decodeCommand(hex(text))).toEqual(wanted);
  });

  const changed = (at: number, value: number) => {
    const bytes = sample.slice();
    bytes[at] = value;
    return bytes;
  };
  it.each([
    ['format', changed(0, 2)],
    ['type', changed(1, 5)],
    ['missing commit flag', changed(28, 0)],
    ['page size', changed(37, 0x20)],
    ['page count', changed(32, 3)],
    ['no pages', changed(32, 0)],
    ['page number 0', changed(40, 0)],
    ['page number 2^31', changed(43, 0x80)],
    ['name that is not UTF-8', changed(8, 0xff)],
    ['empty name', changed(8, 0)],
    ['missing bytes', sample.subarray(0, -8)],
  ])('refuses: %s', (_, bytes) => {
    expect(() => decodeCommand(bytes)).toThrow(DecodeError);
  });

  it('throws nothing but DecodeError', () => {
    fc.assert(
      fc.property(fc.nat(63), fc.nat(255), fc.nat(sample.length), (at, value, length) => {
        onlyDecodeError(() => decodeCommand(changed(at, value).subarray(0, length)));
        onlyDecodeError(() => decodeCommand(changed(at, value)));
      }),
      { numRuns: 500 },
    );
  });
});

/** All events as one list; of images the first byte. */
function decodeSnapshot(content: Uint8Array, chunkBytes = content.length) {
  const events: (string | number)[][] = [];
  const decoder = new SnapshotDecoder({
    database: (name) => events.push(['database', name]),
    page: (number, image) => {
      expect(image.length).toBe(PAGE_SIZE_BYTES);
      events.push(['page', number, image[0]]);
    },
    end: (count) => events.push(['end', count]),
  });
  for (let at = 0; at < content.length; at += chunkBytes) {
    decoder.write(content.subarray(at, at + chunkBytes));
  }
  decoder.finish();
  return events;
}

function wal(frames: readonly (readonly [number, number, number])[]): Uint8Array {
  const header = hex('377f0682 002de218 00001000 00000001 aaaaaaaa bbbbbbbb cccccccc dddddddd');
  const parts = frames.flatMap(([number, size, fill]) => {
    const frame = new Uint8Array(24);
    const view = new DataView(frame.buffer);
    view.setUint32(0, number);
    view.setUint32(4, size);
    return [frame, page(fill)];
  });
  return Uint8Array.from(Buffer.concat([header, ...parts]));
}

function withWal(mainPages: number, walPart: Uint8Array): Uint8Array {
  const sizes = new BigUint64Array([BigInt(mainPages * PAGE_SIZE_BYTES), BigInt(walPart.length)]);
  const images = Array.from({ length: mainPages }, (_, i) => page(i + 1));
  return Uint8Array.from(
    Buffer.concat([
      encodeSnapshotHeader(1),
      hex('612e646200000000'),
      new Uint8Array(sizes.buffer),
      ...images,
      walPart,
    ]),
  );
}

describe('snapshot content', () => {
  it('of an empty state machine is two words', () => {
    expect(toHex(encodeSnapshotHeader(0))).toBe('01000000000000000000000000000000');
    expect(decodeSnapshot(encodeSnapshotHeader(0))).toEqual([]);
  });

  it('decodes what it encodes, in chunks of any size', () => {
    const databases = fc.uniqueArray(
      fc.record({ name: names, pages: fc.integer({ min: 1, max: 3 }) }),
      { selector: (database) => database.name, maxLength: 4 },
    );
    fc.assert(
      fc.property(databases, fc.integer({ min: 1, max: 9000 }), (list, chunkBytes) => {
        const parts: Uint8Array[] = [encodeSnapshotHeader(list.length)];
        const wanted: (string | number)[][] = [];
        for (const database of list) {
          parts.push(encodeSnapshotDatabase(database));
          wanted.push(['database', database.name]);
          for (let i = 1; i <= database.pages; i++) {
            parts.push(page(i));
            wanted.push(['page', i, i]);
          }
          wanted.push(['end', database.pages]);
        }
        const content = Uint8Array.from(Buffer.concat(parts));
        expect(content.length).toBe(snapshotContentBytes(list));
        expect(decodeSnapshot(content, chunkBytes)).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  it('merges a WAL: grown, rewritten and shrunk', () => {
    const grown = withWal(
      1,
      wal([
        [1, 0, 10],
        [2, 0, 20],
        [3, 3, 30],
      ]),
    );
    expect(decodeSnapshot(grown, 999)).toEqual([
      ['database', 'a.db'],
      ['page', 1, 1],
      ['page', 1, 10],
      ['page', 2, 20],
      ['page', 3, 30],
      ['end', 3],
    ]);
    const shrunk = withWal(3, wal([[1, 2, 10]]));
    expect(decodeSnapshot(shrunk).at(-1)).toEqual(['end', 2]);
  });

  it('refuses a WAL with holes, without commit, with other pages', () => {
    expect(() => decodeSnapshot(withWal(1, wal([[3, 3, 30]])))).toThrow('missing');
    expect(() => decodeSnapshot(withWal(1, wal([[1, 0, 30]])))).toThrow('commit');
    const other = wal([[1, 1, 1]]);
    other[10] = 0x20;
    expect(() => decodeSnapshot(withWal(1, other))).toThrow('other pages');
    expect(() => decodeSnapshot(withWal(1, new Uint8Array(40)))).toThrow('WAL of 40 bytes');
    expect(() => decodeSnapshot(withWal(0, new Uint8Array(0)))).toThrow('empty database');
  });

  it('refuses forged sizes before any page, cut content and a name that occurs twice', () => {
    const content = withWal(1, new Uint8Array(0));
    const forged = content.slice();
    forged[24 + 5] = 1;
    expect(() => decodeSnapshot(forged.subarray(0, 40))).toThrow('in the snapshot');
    for (const length of [0, 15, 20, 40, 41, content.length - 1]) {
      expect(() => decodeSnapshot(content.subarray(0, length))).toThrow('cut off');
    }
    expect(() => decodeSnapshot(Uint8Array.from([...content, 0]))).toThrow('after the end');
    const record = content.subarray(16);
    const twice = Uint8Array.from([...encodeSnapshotHeader(2), ...record, ...record]);
    expect(() => decodeSnapshot(twice)).toThrow('occurs twice');
  });

  it('throws nothing but DecodeError', () => {
    const content = withWal(
      1,
      wal([
        [1, 0, 10],
        [2, 2, 20],
      ]),
    );
    fc.assert(
      fc.property(fc.nat(content.length - 1), fc.nat(255), fc.nat(60), (at, value, head) => {
        const damaged = content.slice();
        damaged[at] = value;
        damaged[head] = value;
        onlyDecodeError(() => decodeSnapshot(damaged, 3000));
      }),
      { numRuns: 300 },
    );
  });
});
