import { expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { loadSqlite, sha256, turn } from './platform.ts';
import { drawProfile } from './profile.ts';
import { DATABASE, World } from './world.ts';

const LIMIT_MS = 60_000;

test('a voter that lost a part of its log neither votes nor acknowledges', async () => {
  const profile = {
    ...drawProfile(new SeededRandom(7), 'calm'),
    diskLatencyMs: { min: 0, max: 1 },
  };
  const world = new World({ module: loadSqlite(), hash: sha256, turn }, 7, profile);
  await world.form();
  const database = world.admin.database(DATABASE, { timeoutMs: 20_000 });
  const write = (id: number) => () =>
    database.execute('INSERT OR REPLACE INTO t VALUES (?, 0, ?)', [id, 'x']);
  const lose = async (): Promise<void> => {
    for (let id = 1; id <= 20; id++) await world.persist(write(id));
    const [victim, ...others] = world.fleet.processes;
    await victim.node?.stop();
    victim.stop(false);
    const disk = victim.disk.mount();
    // What is left is the entry that founded the cluster.
    const segments = victim.disk.names().filter((name) => /^(?:open-|\d{16}-\d{16}$)/.test(name));
    for (const name of segments.slice(1)) await disk.remove(name);
    await disk.syncDirectory();
    expect(segments.length).toBeGreaterThan(1);
    victim.damaged = true;
    await victim.start('resume');
    expect(victim.node?.status().quarantined).toBe(true);
    for (let id = 21; id <= 25; id++) await world.persist(write(id));
    // Now its vote would decide: the witness sees every message that leaves.
    for (const other of others) {
      other.stop(true);
      await world.sleep(6 * profile.electionTimeoutMs);
      expect(world.fleet.leader).toBeUndefined();
      await other.start('resume');
      await world.persist(write(30));
    }
  };
  await world.drive(lose(), 4 * LIMIT_MS, 'the story to end');
}, 60_000);
