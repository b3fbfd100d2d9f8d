import process from 'node:process';
import { type NodeOptions, startNode } from '../app/index.ts';
import { answerOrders, ownUsage } from './answering.ts';
import { closedLoop, openLoop, tightLoop } from './closed-loop.ts';
import type { Answer, Order } from './load-order.ts';
import { SELECT, workOn } from './works.ts';

/** A node as a process that also puts loads on itself, through the programming interface. */
async function main(text: string): Promise<void> {
  const options: NodeOptions = JSON.parse(text);
  const node = await startNode({ ...options, log: () => undefined });
  node.on('stopped', ({ reason }) => {
    console.error(`a node of the bench stopped: ${reason}`);
    process.exit(1);
  });
  process.on('disconnect', () => process.exit(0));
  const load = async (order: Order & { readonly order: 'load' }): Promise<Answer> => {
    const { work, perSecond, consistency = 'linearizable' } = order;
    const database = node.database('bench', { consistency, timeoutMs: 120_000 });
    const operation = workOn(database, work);
    if (work === 'select-local') {
      const reader = database.local;
      if (reader === undefined) throw new Error('a node has a local reader');
      let key = 0;
      const read = (): void => {
        key = (key % 10_000) + 1;
        reader.get(SELECT, [key]);
      };
      return { answer: 'figures', figures: tightLoop(order, read) };
    }
    const figures =
      perSecond === undefined
        ? await closedLoop(order, operation)
        : await openLoop(order, perSecond, operation);
    return { answer: 'figures', figures };
  };
  answerOrders(async (order) => {
    switch (order.order) {
      case 'load':
        return await load(order);
      case 'run':
        for (const sql of order.sql) {
          await node.database('bench', { timeoutMs: 120_000 }).execute(sql);
        }
        return { answer: 'done' };
      case 'usage':
        return ownUsage();
      case 'leads':
        return { answer: 'leads', leads: (await node.status()).role === 'leader' };
      case 'version':
        return { answer: 'version', version: process.version };
    }
  });
}

await main(process.argv[2] ?? '{}');
