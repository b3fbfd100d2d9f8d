import { join } from 'node:path';
import { type QuorateNode, startNode } from '../../dist/index.js';
import { freePort } from '../interop/processes.ts';

/** A cluster of three nodes in this process, each ready, with its data below `root`. */
export async function startThreeNodes(
  root: string,
): Promise<[QuorateNode, QuorateNode, QuorateNode]> {
  const start = async (i: number, peers: readonly string[]): Promise<QuorateNode> => {
    const address = `127.0.0.1:${await freePort()}`;
    const place = { dir: join(root, String(i)), address, threads: false };
    return await startNode(peers.length === 0 ? place : { ...place, join: peers });
  };
  const first = await start(1, []);
  const second = await start(2, [first.address]);
  const third = await start(3, [first.address]);
  await Promise.all([first, second, third].map((node) => node.ready()));
  return [first, second, third];
}
