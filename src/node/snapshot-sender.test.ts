import { expect, it } from 'vitest';
import { type Configuration, logIndex, SeededRandom, term } from '../base/index.ts';
import { openLog } from '../log/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { sendSnapshot } from './snapshot-sender.ts';

const CONFIGURATION: Configuration = {
  members: [{ id: 1n, address: '10.0.0.1:9001', role: 'voter' }],
};
const CONTENT = Uint8Array.of(1, ...new Uint8Array(15));

it('a follower that does not answer costs no open file: the snapshot is removed when newer ones are there', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) });
  const { log } = await openLog(disk.mount(), { segmentBytes: 4096 });
  await log.bootstrap(CONFIGURATION);
  const snapshot = async (index: number): Promise<void> => {
    const data = new Uint8Array(8).fill(index);
    const entries = [{ term: term(1), type: 'command', data } as const];
    await log.persist([{ kind: 'append', first: logIndex(index), entries }]);
    const place = { configurationIndex: logIndex(1), configuration: CONFIGURATION };
    const info = { index: logIndex(index), term: term(1), ...place };
    const writer = await log.beginSnapshot(info, CONTENT.length, 10);
    await writer.write(CONTENT);
    await writer.finish();
  };
  await snapshot(2);
  const dial = () => Promise.reject(new Error('refused'));
  const sending = sendSnapshot({ log, term: term(1), dial, wanted: () => true });
  await expect(sending).rejects.toThrow('refused');
  await snapshot(3);
  await snapshot(4);
  expect(disk.names().filter((name) => /^snapshot-1-2-\d+$/.test(name))).toEqual([]);
  await log.close();
});
