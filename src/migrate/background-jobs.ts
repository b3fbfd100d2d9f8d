import { QuorateError } from '../base/index.ts';

/** Functions of the program that run in the background, each again until it has succeeded once. */
export class BackgroundJobs {
  readonly #running = new Set<string>();
  readonly #done = new Set<string>();
  /** What was told last of those that fail. */
  readonly #told = new Map<string, string>();
  readonly #abort = new AbortController();

  isDone(key: string): boolean {
    return this.#done.has(key);
  }

  /** It need not run any more. */
  markDone(key: string): void {
    this.#done.add(key);
  }

  /** Begins one unless it runs or has succeeded. `ended`: told of success, and of each failure that differs from the last. */
  start(
    key: string,
    run: (signal: AbortSignal) => Promise<void> | void,
    ended: (error: QuorateError | undefined) => void,
  ): void {
    if (this.#running.has(key) || this.#done.has(key) || this.#abort.signal.aborted) return;
    this.#running.add(key);
    void this.#run(key, run, ended);
  }

  async #run(
    key: string,
    run: (signal: AbortSignal) => Promise<void> | void,
    ended: (error: QuorateError | undefined) => void,
  ): Promise<void> {
    let failure: QuorateError | undefined;
    try {
      await run(this.#abort.signal);
    } catch (error) {
      failure = asFailure(key, error);
    }
    this.#running.delete(key);
    if (failure === undefined) {
      this.#done.add(key);
      this.#told.delete(key);
      ended(undefined);
    } else if (this.#told.get(key) !== failure.message) {
      this.#told.set(key, failure.message);
      ended(failure);
    }
  }

  /** Asks those that run to end; nothing begins any more. */
  close(): void {
    this.#abort.abort();
  }
}

function asFailure(key: string, error: unknown): QuorateError {
  if (error instanceof QuorateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new QuorateError('HOOK_FAILED', `${key}: ${message}; it is run again`, { cause: error });
}
