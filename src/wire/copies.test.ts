import { expect, test } from 'vitest';
import { type AppendEntries, type Entry, logIndex, PAGE_SIZE_BYTES, term } from '../base/index.ts';
import { decodeCommand, encodeFrames, encodeRaftMessage, RaftDecoder } from './index.ts';

const data = new Uint8Array(4096).fill(7);
const message: AppendEntries = {
  type: 'append-entries',
  term: term(3),
  previousIndex: logIndex(1),
  previousTerm: term(2),
  commit: logIndex(1),
  entries: [{ term: term(3), type: 'command', data }],
};

test('the data of an entry is sent as it is, without a copy', () => {
  const { payload } = encodeRaftMessage(message);
  expect(payload).toHaveLength(1);
  expect(payload[0]).toBe(data);
});

test('a decoded entry owns its memory: the buffer of the connection may be used again', () => {
  const { head, payload } = encodeRaftMessage(message);
  const chunk = Buffer.concat([head, ...payload]);
  const entries: Entry[] = [];
  const decoder = new RaftDecoder({
    message: (decoded) => {
      if (decoded.type === 'append-entries') entries.push(...decoded.entries);
    },
    payload: () => undefined,
  });
  decoder.write(chunk);
  chunk.fill(0);
  expect(entries).toHaveLength(1);
  expect(entries[0].data).toEqual(data);
});

test('each page of a command is copied once, straight to its place', () => {
  const targets: Uint8Array[] = [];
  const bytes = encodeFrames('a', [1, 5], (page, target) => targets.push(target.fill(page)));
  expect(targets.map(({ buffer, length }) => [buffer === bytes.buffer, length])).toEqual([
    [true, PAGE_SIZE_BYTES],
    [true, PAGE_SIZE_BYTES],
  ]);
  const command = decodeCommand(bytes);
  if (command.kind !== 'frames') throw new Error('not FRAMES');
  expect(command.images.buffer).toBe(bytes.buffer);
  expect([command.images[0], command.images[PAGE_SIZE_BYTES]]).toEqual([1, 5]);
});
