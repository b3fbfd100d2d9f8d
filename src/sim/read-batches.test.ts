import { expect, test } from 'vitest';
import { CALM_NETWORK } from './network.ts';
import { loadSqlite, sha256, turn } from './platform.ts';
import { drawProfile } from './profile.ts';
import { DATABASE, streamOf, World } from './world.ts';

test('a batch of many reads is answered, on every node', async () => {
  const drawn = drawProfile(streamOf(1, 'profile'), 'calm');
  const profile = { ...drawn, network: { ...CALM_NETWORK, latencyMs: 0.5 } };
  const world = new World({ module: loadSqlite(), hash: sha256, turn }, 1, profile);
  await world.form();
  const client = world.client('reader');
  const database = client.database(DATABASE);
  for (const readFrom of ['leader', ...world.fleet.addresses]) {
    const batch = database.batch(
      Array.from({ length: 9 }, (_, i) => `select ${i} as n`),
      'read',
      { readFrom, timeoutMs: 2000 },
    );
    const results = await world.drive(batch, 10_000, 'the batch');
    expect(results.map(({ rows }) => rows[0]?.n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  }
  await world.drive(client.close(), 10_000, 'the client to close');
}, 60_000);
