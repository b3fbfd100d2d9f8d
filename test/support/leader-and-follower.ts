import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type QuorateNode, startNode } from '../../dist/index.js';
import { freePort } from '../interop/processes.ts';

/** Two nodes in the process of the test, the second of which has joined the first. */
export interface LeaderAndFollower {
  readonly root: string;
  readonly leader: QuorateNode;
  readonly follower: QuorateNode;
  /** Closes both and removes their data. */
  close(): Promise<void>;
}

export async function startLeaderAndFollower(
  name: string,
  threads: boolean,
): Promise<LeaderAndFollower> {
  const root = mkdtempSync(join(tmpdir(), `quorate-${name}-`));
  const address = `127.0.0.1:${await freePort()}`;
  const leader = await startNode({ dir: join(root, '1'), address, threads });
  await leader.ready();
  const follower = await startNode({
    dir: join(root, '2'),
    address: `127.0.0.1:${await freePort()}`,
    join: [address],
    threads,
  });
  await follower.ready();
  const close = async (): Promise<void> => {
    await follower.close({ handover: false });
    await leader.close({ handover: false });
    rmSync(root, { recursive: true, force: true });
  };
  return { root, leader, follower, close };
}
