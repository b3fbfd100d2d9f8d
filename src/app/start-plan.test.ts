import { expect, test } from 'vitest';
import { MemoryDisk } from '../../test/fuzz/memory-disk.ts';
import { utf8 } from '../base/index.ts';
import { planStart } from './start-plan.ts';

const info = utf8('Address: 127.0.0.1:9001\nID: 7\nRole: 0\n');
const facts = { hasLog: true, hasEntries: true, memberId: 7n };

function plan(options: { readonly address: string; readonly id?: bigint }) {
  const disk = new MemoryDisk(new Map([['info.yaml', info]]));
  return planStart(disk, { dir: 'data', ...options }, facts, () => 8n);
}

test('a directory is resumed under the id and the address it belongs to', async () => {
  const expected = { mode: 'resume', identity: { id: 7n, address: '127.0.0.1:9001' } };
  expect(await plan({ address: '127.0.0.1:9001' })).toMatchObject(expected);
  expect(await plan({ address: '127.0.0.1:9001', id: 7n })).toMatchObject(expected);
});

test('another address is refused, and how to move the machine is told', async () => {
  await expect(plan({ address: '127.0.0.1:9002' })).rejects.toMatchObject({
    code: 'DIRECTORY_OF_ANOTHER_NODE',
    message: expect.stringMatching(/127\.0\.0\.1:9001, not 127\.0\.0\.1:9002.*remove the member/),
  });
});

test('another id is refused', async () => {
  await expect(plan({ address: '127.0.0.1:9001', id: 9n })).rejects.toMatchObject({
    code: 'DIRECTORY_OF_ANOTHER_NODE',
  });
});
