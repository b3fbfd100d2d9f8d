import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeId } from '../base/index.ts';
import { Cluster } from './testing/cluster.ts';

const SEGMENT_BYTES = 64 * 1024;
/** Room for a few segments and what the node needs besides. */
const DISK_BYTES = 6 * SEGMENT_BYTES;

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
  // By itself no snapshot is due before the disk is full.
  cluster.snapshot = { entries: 10_000 };
});
afterEach(() => cluster.expectNoneStopped());

function limit(...ids: readonly NodeId[]): void {
  for (const id of ids) cluster.process(id).disk.setCapacity(DISK_BYTES);
}

/** Writes until so many were acknowledged; the same few keys, so that it is the log that grows. */
async function write(count: number): Promise<void> {
  const padding = 'x'.repeat(9_000);
  let acknowledged = 0;
  for (let tries = 0; acknowledged < count; tries++) {
    expect(tries).toBeLessThan(4 * count);
    const leader = [...cluster.processes.values()].find(({ node }) => node?.isLeader())?.id;
    const outcome =
      leader === undefined
        ? undefined
        : await cluster.execute(leader, `SET k${acknowledged % 3} ${acknowledged}-${padding}`, {
            timeoutMs: 1_000,
          });
    if (outcome?.result.kind === 'done') acknowledged++;
    else await cluster.run(300);
  }
}

describe('a disk that the log itself has filled', () => {
  it('takes writes again by itself, alone in its cluster', async () => {
    await cluster.start(1n, 'bootstrap');
    limit(1n);
    await write(80);
    await cluster.crash(1n);
    const node = await cluster.start(1n, 'resume');
    await cluster.when(() => node.isLeader());
    expect((await cluster.execute(1n, 'SELECT k1')).rows).toContain('79-');
    await write(30);
  });

  it('takes writes again by itself, when all disks are full', async () => {
    await cluster.three();
    limit(1n, 2n, 3n);
    await write(80);
  });

  it('takes a snapshot of the leader in place of what fills it', async () => {
    cluster.snapshot = { entries: 10_000, trailing: 2 };
    await cluster.three();
    limit(1n, 2n, 3n);
    await write(25);
    await cluster.crash(3n);
    await write(100);
    await cluster.start(3n, 'resume');
    await cluster.when(
      () => cluster.process(3n).store.published.get('k0')?.startsWith('99-') ?? false,
    );
    expect(cluster.node(3n).status().counters.snapshotsInstalled).toBe(1);
  });
});
