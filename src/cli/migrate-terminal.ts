import process from 'node:process';
import type { Screen } from './migrate-view.ts';

const COLUMNS = 80;

/** Standard output, as a terminal or not. */
export const standardScreen: Screen = {
  get columns() {
    // Some terminals do not know their width and say 0.
    return process.stdout.isTTY ? process.stdout.columns || COLUMNS : undefined;
  },
  write: (text) => {
    process.stdout.write(text);
  },
  now: () => performance.now(),
};

/** Runs something that the first SIGINT or SIGTERM asks to end; the second one ends the process at once. */
export async function untilStopped<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const stop = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    abort.abort();
  };
  // Nobody reads any more, as in `… --watch | head`. Stays, since what is still written fails as well.
  process.stdout.on('error', stop);
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await run(abort.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
