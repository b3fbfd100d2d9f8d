import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  type Configuration,
  DecodeError,
  type Entry,
  logIndex,
  term,
} from '../base/index.ts';
import {
  crc32,
  decodeConfiguration,
  decodeMetadata,
  decodeSnapshotMeta,
  encodeBatchHeader,
  encodeConfiguration,
  encodeMetadata,
  encodeSnapshotMeta,
  entriesFromPayload,
  metadataFileName,
  readBatchHeader,
} from './index.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const one: Configuration = { members: [{ id: 1n, address: '127.0.0.1:9001', role: 'voter' }] };
const oneHex =
  '01010000000000000001000000000000003132372e302e302e313a39303031000100000000000000'.slice(0, 80);

const configurations = fc
  .uniqueArray(
    fc.record({
      id: fc.bigInt(1n, 2n ** 64n - 1n),
      address: fc.string({ minLength: 1, maxLength: 30 }).filter((s) => !s.includes('\0')),
      role: fc.constantFrom('voter', 'stand-by', 'spare'),
    }),
    { maxLength: 9, selector: (m) => m.id },
  )
  .filter((members) => new Set(members.map((m) => m.address)).size === members.length)
  .map((members): Configuration => ({ members }));

/** Changes bytes at random and wants either a value or a DecodeError. */
function onlyDecodeErrors(decode: (bytes: Uint8Array) => unknown, sample: Uint8Array) {
  const mutated = fc
    .array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const bytes = sample.slice();
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  const cut = fc.nat(sample.length).map((length) => sample.slice(0, length));
  fc.assert(
    fc.property(fc.oneof(mutated, cut, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        decode(bytes);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
}

describe('configuration', () => {
  it('is encoded as disk-format.md §13 shows', () => {
    expect(toHex(encodeConfiguration(one))).toBe(oneHex);
    expect(decodeConfiguration(hex(oneHex))).toEqual(one);
  });

  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(configurations, (configuration) => {
        const bytes = encodeConfiguration(configuration);
        expect(bytes.length % 8).toBe(0);
        expect(decodeConfiguration(bytes)).toEqual(configuration);
      }),
    );
  });

  it('ignores garbage in the padding', () => {
    const bytes = hex(oneHex);
    bytes.fill(0xa5, 33);
    expect(decodeConfiguration(bytes)).toEqual(one);
  });

  it.each([
    ['another format', `02${oneHex.slice(2)}`],
    ['an unknown role', oneHex.replace('3100' + '01', '3100' + '03')],
    ['more members than bytes', `01ffffff${oneHex.slice(8)}`],
    ['id 0', oneHex.replace('010100000000000000' + '01', '010100000000000000' + '00')],
  ])('refuses %s', (_, text) => {
    expect(text).not.toBe(oneHex);
    expect(() => decodeConfiguration(hex(text))).toThrow(DecodeError);
  });

  it('refuses duplicates', () => {
    const [member] = one.members;
    const sameId = { members: [member, { ...member, address: 'x' }] };
    const sameAddress = { members: [member, { ...member, id: 2n }] };
    expect(() => decodeConfiguration(encodeConfiguration(sameId))).toThrow('occurs twice');
    expect(() => decodeConfiguration(encodeConfiguration(sameAddress))).toThrow('occurs twice');
  });

  it('throws nothing but DecodeError', () => {
    onlyDecodeErrors(decodeConfiguration, hex(oneHex));
  });
});

describe('batch header', () => {
  const entries: Entry[] = [
    { term: term(1), type: 'configuration', data: encodeConfiguration(one) },
    { term: term(2), type: 'barrier', data: new Uint8Array(8) },
    { term: term(2), type: 'command', data: new Uint8Array(16).fill(7) },
  ];

  it('is encoded as disk-format.md §13 shows, checksums included', () => {
    const header = encodeBatchHeader(entries.slice(0, 1));
    expect(toHex(header)).toBe('010000000000000001000000000000000300000028000000');
    expect(crc32(header)).toBe(0x86f9992d);
    expect(crc32(entries[0].data)).toBe(0x999226a3);
  });

  it('round-trips, with garbage in the unused bytes', () => {
    const header = encodeBatchHeader(entries);
    header.set([0xde, 0xad, 0xbe], 8 + 9);
    const headers = readBatchHeader(new ByteReader(header), 10);
    const payload = Uint8Array.from(entries.flatMap((e) => [...e.data]));
    const decoded = entriesFromPayload(headers, payload);
    expect(decoded).toEqual(entries);
    expect(decoded[0].data.buffer).toBe(payload.buffer);
    expect(() => entriesFromPayload(headers, payload.subarray(8))).toThrow(DecodeError);
  });

  it('refuses too many entries, unknown types and odd lengths', () => {
    const header = encodeBatchHeader(entries);
    expect(() => readBatchHeader(new ByteReader(header), 2)).toThrow('above 2');
    const type = header.slice();
    type[16] = 4;
    expect(() => readBatchHeader(new ByteReader(type), 9)).toThrow('entry type 4');
    const length = header.slice();
    length[20] = 41;
    expect(() => readBatchHeader(new ByteReader(length), 9)).toThrow('whole words');
  });

  it('throws nothing but DecodeError', () => {
    onlyDecodeErrors((b) => readBatchHeader(new ByteReader(b), 9), encodeBatchHeader(entries));
  });
});

describe('metadata', () => {
  const sample = hex('0100000000000000 0700000000000000 0400000000000000 0100000000000000');

  it('decodes and encodes a real file', () => {
    const metadata = { version: 7, term: term(4), votedFor: 1n };
    expect(decodeMetadata(sample)).toEqual(metadata);
    expect(encodeMetadata(metadata)).toEqual(sample);
    expect([1, 2, 3].map(metadataFileName)).toEqual(['metadata1', 'metadata2', 'metadata1']);
  });

  it('refuses other lengths, formats and version 0', () => {
    expect(() => decodeMetadata(sample.subarray(1))).toThrow('31 bytes');
    expect(() => decodeMetadata(hex(`02${toHex(sample).slice(2)}`))).toThrow('format 2');
    const zero = sample.slice();
    zero[8] = 0;
    expect(() => decodeMetadata(zero)).toThrow('version 0');
  });

  it('throws nothing but DecodeError', () => onlyDecodeErrors(decodeMetadata, sample));
});

describe('snapshot metadata', () => {
  const sample = hex(`
    01000000 00000000 f27a47c4 00000000 01000000 00000000 28000000 00000000
    01010000 00000000 00010000 00000000 00313237 2e302e30 2e313a39 30303100 01000000 00000000`);
  const meta = { configurationIndex: logIndex(1), configuration: one };

  it('is encoded as disk-format.md §13 shows', () => {
    expect(toHex(encodeSnapshotMeta(meta))).toBe(toHex(sample));
    expect(decodeSnapshotMeta(sample)).toEqual(meta);
  });

  it('notices every flipped bit before the end of the configuration', () => {
    for (let bit = 0; bit < sample.length * 8; bit++) {
      const damaged = sample.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeSnapshotMeta(damaged), `bit ${bit}`).toThrow(DecodeError);
    }
  });

  it('throws nothing but DecodeError', () => onlyDecodeErrors(decodeSnapshotMeta, sample));
});
