import { afterEach, describe, expect, test } from 'vitest';
import { type NodeId, SeededRandom } from '../base/index.ts';
import { Cluster } from './testing/cluster.ts';

let cluster = new Cluster();
afterEach(() => {
  cluster.expectNoneStopped();
  cluster = new Cluster();
});

describe('chaos', () => {
  /** Crashes, cuts, transfers and snapshots under load; then everything told to a client must be true. */
  async function chaos(
    seed: number,
  ): Promise<{ acknowledged: number; lost: number; reads: number }> {
    const random = new SeededRandom(seed);
    const chance = (rate: number): boolean => random.float() < rate;
    const ids = [1n, 2n, 3n];
    const anyone = (): NodeId => ids[Math.floor(random.float() * 3)];
    const acknowledged: string[] = [];
    const rolledBack: string[] = [];
    const down = new Set<NodeId>();
    let reads = 0;
    let highest = 0;

    const write = (key: number): void => {
      const id = chance(0.2) ? anyone() : (cluster.leader()?.status().id ?? anyone());
      if (down.has(id)) return;
      const name = `k${key}`;
      const timeoutMs = chance(0.3) ? 30 : 0;
      void cluster.submit(id, `SET ${name} ${key}`, { timeoutMs }).then(({ result }) => {
        const outcome = result.kind === 'failed' ? result.failure.outcome : 'committed';
        if (outcome === 'committed') acknowledged.push(name);
        else if (outcome === 'rolled-back') rolledBack.push(name);
        if (outcome === 'committed') highest = Math.max(highest, key);
      });
    };
    /** A linearizable read must see what was acknowledged before it began, and nothing taken back. */
    const read = (): void => {
      const id = anyone();
      if (down.has(id) || acknowledged.length === 0) return;
      const key = acknowledged[Math.floor(random.float() * acknowledged.length)];
      void cluster.submit(id, `SELECT ${key}`).then(({ result, rows }) => {
        if (result.kind !== 'done') return;
        reads++;
        expect(`k${rows}`, `seed ${seed}: a read on ${id}`).toBe(key);
      });
    };

    cluster.snapshot = { entries: 15, trailing: 3 };
    await cluster.three();
    for (let step = 0; step < 250; step++) {
      for (let i = 0; i < 3; i++) write(step * 3 + i);
      read();
      if (chance(0.02) && down.size === 0) {
        const id = anyone();
        down.add(id);
        await cluster.crash(id);
      } else if (chance(0.1)) {
        for (const id of [...down]) {
          down.delete(id);
          await cluster.start(id, 'resume');
        }
      }
      if (chance(0.02)) cluster.isolate(anyone());
      if (chance(0.1)) cluster.network.heal();
      if (chance(0.02)) {
        const leader = cluster.leader();
        void leader?.transfer(0n).catch(() => undefined);
      }
      await cluster.run(random.float() * 20);
    }
    cluster.network.heal();
    for (const id of down) await cluster.start(id, 'resume');
    await cluster.run(3_000);
    const stores = ids.map((id) => cluster.process(id).store.published);
    for (const store of stores) {
      for (const key of acknowledged) expect(store.has(key), `seed ${seed}: ${key}`).toBe(true);
      for (const key of rolledBack) expect(store.has(key), `seed ${seed}: ${key}`).toBe(false);
      expect([...store].sort()).toEqual([...stores[0]].sort());
    }
    return { acknowledged: acknowledged.length, lost: rolledBack.length, reads };
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %d', async (seed) => {
    const { acknowledged, lost, reads } = await chaos(seed);
    expect(acknowledged).toBeGreaterThan(100);
    expect(lost).toBeGreaterThan(0);
    expect(reads).toBeGreaterThan(20);
  });
});
