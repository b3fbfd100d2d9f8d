import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Entry, RaftMessage } from '../base/index.ts';
import {
  decodeCommand,
  decodeConfiguration,
  encodeRaftConnect,
  encodeRaftMessage,
  RaftDecoder,
  SnapshotDecoder,
} from './index.ts';

interface GoldenEntry {
  readonly term: number;
  readonly type: number;
  readonly len: number;
  readonly db?: string;
  readonly pageNumbers?: readonly number[];
  readonly servers?: readonly GoldenServer[];
}

interface GoldenServer {
  readonly id: number;
  readonly address: string;
  readonly raftRole: number;
}

interface Golden {
  readonly id?: number;
  readonly address?: string;
  readonly term: number;
  readonly entries?: readonly GoldenEntry[];
  readonly servers?: readonly GoldenServer[];
  readonly headerLength: number;
  readonly [field: string]: unknown;
}

interface Capture {
  readonly hex: string;
  readonly decoded: Golden;
}

const directory = new URL('../../testdata/raft/', import.meta.url);
const files = readdirSync(directory).filter((name) => !name.startsWith('sequence'));
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ENTRY_TYPES = ['', 'command', 'barrier', 'configuration'];
const ROLES = ['stand-by', 'voter', 'spare'];

function decode(bytes: Uint8Array, chunkBytes: number) {
  const messages: RaftMessage[] = [];
  const payload: Uint8Array[] = [];
  let isLast = false;
  const decoder = new RaftDecoder({
    message: (message) => messages.push(message),
    payload: (part, last) => {
      payload.push(part.slice());
      isLast = last;
    },
  });
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    // The memory of a chunk is used again by the connection: nothing may refer to it later.
    const chunk = bytes.slice(at, at + chunkBytes);
    decoder.write(chunk);
    chunk.fill(0xdd);
  }
  expect(decoder.atBoundary).toBe(true);
  return { messages, payload: Uint8Array.from(Buffer.concat(payload)), isLast };
}

function checkServers(servers: readonly GoldenServer[] | undefined, data: Uint8Array): void {
  if (servers === undefined) return;
  expect(decodeConfiguration(data).members).toEqual(
    servers.map(({ id, address, raftRole }) => ({
      id: BigInt(id),
      address,
      role: ROLES[raftRole],
    })),
  );
}

function checkEntry(entry: Entry, golden: GoldenEntry): void {
  expect([entry.term, entry.type, entry.data.length]).toEqual([
    golden.term,
    ENTRY_TYPES[golden.type],
    golden.len,
  ]);
  checkServers(golden.servers, entry.data);
  if (golden.pageNumbers !== undefined) {
    const command = decodeCommand(entry.data);
    if (command.kind !== 'frames') throw new Error(`${command.kind} instead of frames`);
    expect(command.database).toBe(golden.db);
    expect([...command.pageNumbers]).toEqual(golden.pageNumbers);
    expect(command.images.buffer).toBe(entry.data.buffer);
  }
}

function checkMessage(message: RaftMessage, golden: Golden): void {
  expect(message.term).toBe(golden.term);
  switch (message.type) {
    case 'append-entries':
      expect([message.previousIndex, message.previousTerm, message.commit]).toEqual([
        golden.prevIndex,
        golden.prevTerm,
        golden.commit,
      ]);
      expect(message.entries.length).toBe(golden.n);
      for (const [i, entry] of message.entries.entries()) {
        checkEntry(entry, (golden.entries ?? [])[i]);
      }
      break;
    case 'append-entries-result':
      expect([message.rejected, message.lastIndex]).toEqual([golden.rejected, golden.lastIndex]);
      break;
    case 'request-vote':
      expect(message).toMatchObject({
        candidate: BigInt(golden.candidate as number),
        lastIndex: golden.lastIndex,
        lastTerm: golden.lastTerm,
        disrupt: golden.disrupt,
        preVote: golden.preVote,
      });
      break;
    case 'request-vote-result':
      expect([message.granted, message.preVote]).toEqual([golden.granted === 1, golden.preVote]);
      break;
    case 'install-snapshot':
      expect([message.lastIndex, message.lastTerm, message.configurationIndex]).toEqual([
        golden.lastIndex,
        golden.lastTerm,
        golden.confIndex,
      ]);
      expect(message.dataLength).toBe(golden.dataLength);
      expect(message.configuration.members.map((m) => m.address)).toEqual(
        golden.servers?.map((s) => s.address),
      );
      break;
    case 'timeout-now':
      expect([message.lastIndex, message.lastTerm]).toEqual([golden.lastIndex, golden.lastTerm]);
      break;
  }
}

/** Zeroes what C leaves uninitialised and we write as zero. Returns undefined where lengths differ by version. */
function withoutGarbage(bytes: Uint8Array, message: RaftMessage): Uint8Array {
  const clean = bytes.slice();
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(8, true));
  if (message.type === 'append-entries') {
    for (let i = 0; i < message.entries.length; i++) {
      const unused = 16 + 40 + i * 16 + 9;
      clean.fill(0, unused, unused + 3);
    }
    clean.fill(0, 16 + headerBytes - 8, 16 + headerBytes);
  }
  if (message.type === 'install-snapshot') clean.fill(0, 16 + headerBytes - 8, 16 + headerBytes);
  return clean;
}

describe.each(files)('raft capture %s', (file) => {
  const { messages: captures } = JSON.parse(readFileSync(new URL(file, directory), 'utf8')) as {
    readonly messages: readonly Capture[];
  };

  it('decodes as recorded, in chunks of any size, and encodes to the same bytes', () => {
    expect(captures.length).toBeGreaterThan(0);
    for (const { hex: text, decoded: golden } of captures) {
      const bytes = hex(text);
      if (file.startsWith('Connect')) {
        const again = encodeRaftConnect(BigInt(golden.id ?? 0), golden.address ?? '');
        expect(toHex(again)).toBe(text);
        continue;
      }
      const { messages, payload, isLast } = decode(bytes, bytes.length);
      expect(messages).toHaveLength(1);
      const [message] = messages;
      checkMessage(message, golden);
      for (const chunkBytes of bytes.length > 20_000 ? [4093] : [1, 7, 4096]) {
        expect(decode(bytes, chunkBytes).messages).toEqual(messages);
      }
      if (message.type === 'install-snapshot') {
        expect(payload.length).toBe(message.dataLength);
        expect(isLast).toBe(true);
        checkSnapshot(payload);
      }
      if (message.type === 'append-entries-result' && golden.headerLength === 24) continue;
      const encoded = encodeRaftMessage(message);
      const again = Uint8Array.from(Buffer.concat([encoded.head, ...encoded.payload, payload]));
      // The padding of configurations is garbage as well, so those are compared by decoding only.
      const comparable = withoutGarbage(bytes, message);
      if (message.type === 'install-snapshot') {
        expect(decode(again, again.length).messages).toEqual(messages);
      } else expect(toHex(again)).toBe(toHex(comparable));
    }
  });
});

function checkSnapshot(content: Uint8Array): void {
  const names: string[] = [];
  const pages = new Map<number, Uint8Array>();
  let size = 0;
  const decoder = new SnapshotDecoder({
    database: (name) => names.push(name),
    page: (number, image) => pages.set(number, image.slice()),
    end: (count) => {
      size = count;
    },
  });
  for (let at = 0; at < content.length; at += 1000) decoder.write(content.slice(at, at + 1000));
  decoder.finish();
  expect(names).toEqual(['r.db']);
  const first = pages.get(1);
  if (first === undefined) throw new Error('no page 1');
  // The in-header size is the number of pages once the WAL is merged.
  expect(new DataView(first.buffer).getUint32(28)).toBe(size);
  for (let number = 1; number <= size; number++) expect(pages.has(number)).toBe(true);
}
