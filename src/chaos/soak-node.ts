import process from 'node:process';
import { type NodeOptions, startNode } from '../app/index.ts';
import { ownMemory } from './process-sample.ts';

/**
 * One node of the soak as a process: takes its options as JSON, answers every message with a sample, and ends in order when
 * the channel to its parent closes.
 */
async function main(text: string): Promise<void> {
  const options: NodeOptions = JSON.parse(text);
  const node = await startNode(options);
  node.on('stopped', ({ reason }) => {
    console.error(`the node stopped: ${reason}`);
    process.exitCode = 1;
  });
  process.on('message', async () => {
    const { role, applied, logBytes, counters } = await node.status();
    const snapshots = counters.snapshotsTaken;
    process.send?.({ ...ownMemory(), role, applied, logBytes, snapshots });
  });
  process.on('disconnect', () => void node.close());
  process.send?.('serves');
}

await main(process.argv[2] ?? '{}');
