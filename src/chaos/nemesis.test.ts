import { expect, it } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import type { FaultContext } from './fault.ts';
import { Fleet } from './fleet.ts';
import { Nemesis } from './nemesis.ts';

it('a fault that cannot be cured does not end the run: it is told when the faults end', async () => {
  const context: FaultContext = {
    fleet: Object.create(Fleet.prototype),
    random: new SeededRandom(1),
    note: () => undefined,
    leaderHit: () => undefined,
  };
  let cures = 0;
  const cure = async (): Promise<void> => {
    cures++;
    throw new Error('it does not come back');
  };
  const faults = [['leave', async () => cure]] as const;
  const nemesis = new Nemesis(context, faults, { quietMs: [0, 0], faultMs: [0, 0] });
  nemesis.start();
  // An unhandled rejection would end the process here.
  while (cures === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise((resolve) => setTimeout(resolve, 1));
  await expect(nemesis.stop()).rejects.toThrow('it does not come back');
  expect(cures).toBe(1);
});
