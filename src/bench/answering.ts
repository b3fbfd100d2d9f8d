import process from 'node:process';
import type { Answer, Order } from './load-order.ts';

/** In a process of the bench: answers the orders of its parent, one after another, until the parent goes. */
export function answerOrders(answer: (order: Order) => Promise<Answer> | Answer): void {
  let last = Promise.resolve();
  process.on('message', (order: Order) => {
    last = last.then(async () => {
      let said: Answer;
      try {
        said = await answer(order);
      } catch (error) {
        said = { answer: 'failed', message: String(error) };
      }
      process.send?.(said);
    });
  });
  process.send?.({ answer: 'done' } satisfies Answer);
}

/** What this process has used. */
export function ownUsage(): Answer {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6;
  return { answer: 'usage', usage: { cpuSeconds, residentBytes: process.memoryUsage.rss() } };
}
