import { expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { replaceText } from './identity.ts';
import { readAddresses, writeAddresses, writeMembers } from './membership-file.ts';

const newDisk = () => new SimulatedDisk({ random: new SeededRandom(1) }).mount();

test('the addresses of a cluster are found again, also those of members', async () => {
  const disk = newDisk();
  expect(await readAddresses(disk)).toEqual([]);
  await writeAddresses(disk, ['10.0.0.1:9000', 'db.example:9000']);
  expect(await readAddresses(disk)).toEqual(['10.0.0.1:9000', 'db.example:9000']);
  await writeMembers(disk, [
    { id: 2n ** 64n - 1n, address: '10.0.0.7:9000', role: 'voter' },
    { id: 8n, address: '10.0.0.8:9000', role: 'spare' },
  ]);
  expect(await readAddresses(disk)).toEqual(['10.0.0.7:9000', '10.0.0.8:9000']);
});

test.each(['', '- 1\n- {Address: 5}\n- {Address: ""}', 'Address: x', '{]', '\0'])(
  'a file that says nothing (%j) is no error',
  async (text) => {
    const disk = newDisk();
    await replaceText(disk, 'cluster.yaml', text);
    expect(await readAddresses(disk)).toEqual([]);
  },
);
