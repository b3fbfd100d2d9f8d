import { expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { loadSqlite, sha256, turn } from './platform.ts';
import { drawProfile } from './profile.ts';
import { DATABASE, World } from './world.ts';

test('a machine that comes back at another address is reached there once the cluster was told', async () => {
  const profile = { ...drawProfile(new SeededRandom(9), 'calm'), addresses: 4 };
  const world = new World({ module: loadSqlite(), hash: sha256, turn }, 9, profile);
  await world.form();
  const database = world.admin.database(DATABASE, { timeoutMs: 20_000 });
  const addresses = async () => {
    const members = await world.admin.cluster.members();
    return new Map(members.map(({ id, address, role }) => [id, `${address} ${role}`]));
  };
  const story = async (): Promise<void> => {
    const [first, second] = world.fleet.processes;
    const machines = [first, second];
    for (const [i, machine] of machines.entries()) {
      const [vacant] = world.fleet.vacant();
      await world.churn.move(machine, 'voter', vacant, i === 1);
      expect((await addresses()).get(machine.id)).toBe(`${vacant} voter`);
      await world.persist(() => database.execute('INSERT INTO t VALUES (?, 0, ?)', [i + 1, 'x']));
      // All three have it, those that moved included.
      await world.agree();
    }
    expect((await addresses()).size).toBe(3);
  };
  await world.drive(story(), 120_000, 'the story to end');
}, 60_000);
