import { expect, test } from 'vitest';
import { MemoryDisk } from '../../test/fuzz/memory-disk.ts';
import { utf8 } from '../base/index.ts';
import { readIdentity } from './identity.ts';

const read = (text: string) => readIdentity(new MemoryDisk(new Map([['info.yaml', utf8(text)]])));

test('the identity of go-dqlite', async () => {
  expect(await read('Address: 127.0.0.1:9001\nID: 18446744073709551615\nRole: 0\n')).toEqual({
    id: 18446744073709551615n,
    address: '127.0.0.1:9001',
  });
});

test.each([
  ['', 'nothing'],
  ['ID: 0\nAddress: a:1\n', 'id 0'],
  ['ID: one\nAddress: a:1\n', 'an id that is no number'],
  ['ID: 1\nAddress: ""\n', 'no address'],
  ['ID: 1\nAddress: a:1\nRole:\n'.repeat(10_000), 'thousands of lines'],
  [`ID: 1\nAddress: a:1\n# ${'x'.repeat(64 * 1024)}`, 'more than these files hold'],
])('damage is named: %#', async (text) => {
  await expect(read(text)).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
});
