import process from 'node:process';

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * Runs `task` and resolves with what was thrown meanwhile where nobody awaits it: in a microtask, or in a promise that
 * nobody handles. Each of these would end the process, and with it all seeds that are still to run.
 *
 * The process has one owner of such errors at a time: whoever listened before listens again afterwards. Never rejects unless `task` does.
 */
export async function strayErrors(task: () => Promise<void>): Promise<readonly unknown[]> {
  const errors: unknown[] = [];
  const collect = (error: unknown): void => {
    errors.push(error);
  };
  const before = EVENTS.map((event) => process.rawListeners(event));
  for (const event of EVENTS) process.removeAllListeners(event).on(event, collect);
  try {
    await task();
    // Node tells of unhandled rejections when no tick is left to run, and a run on simulated time is one long row of ticks.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    for (const [i, event] of EVENTS.entries()) {
      process.off(event, collect);
      for (const listener of before[i] ?? []) {
        process.on(event, listener as (...args: unknown[]) => void);
      }
    }
  }
  return errors;
}
