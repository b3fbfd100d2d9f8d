import { QuorateError } from '../base/index.ts';
import type { SchemaEvent } from '../client/index.ts';

/** Events that are kept for somebody who reads slowly. */
const KEPT = 1000;
/** Different failures of listeners that the process is told of. */
const WARNINGS_MAX = 100;

interface Reader {
  readonly waiting: SchemaEvent[];
  wake(): void;
}

/**
 * Tells events of the schema to everybody who listens. What a listener throws, or its promise rejects with, is an event of its own for all of them;
 * it ends neither the migrations nor the process.
 */
export class EventHub {
  readonly #listeners: readonly ((event: SchemaEvent) => unknown)[];
  readonly #warn: (error: QuorateError) => void;
  readonly #readers = new Set<Reader>();
  /** What was warned of, so that a listener that always fails is no flood. */
  readonly #warned = new Set<string>();
  #closed = false;

  /** `warn`: told once of each thing that a listener throws, since that may be the only one. */
  constructor(
    listeners: readonly ((event: SchemaEvent) => unknown)[],
    warn: (error: QuorateError) => void,
  ) {
    this.#listeners = listeners;
    this.#warn = warn;
  }

  tell(event: SchemaEvent): void {
    this.#publish(event);
    for (const listener of this.#listeners) {
      try {
        const result = listener(event);
        if (result instanceof Promise) result.catch((error) => this.#failed(event, error));
      } catch (error) {
        this.#failed(event, error);
      }
    }
  }

  #failed(event: SchemaEvent, error: unknown): void {
    // Who fails at that event as well is not told of it once more.
    if (event.kind === 'hook' && event.hook === 'listener') return;
    const cause = error instanceof Error ? error.message : String(error);
    const text = `listener of ${event.kind}: ${cause}`;
    const failure = new QuorateError('HOOK_FAILED', text, { cause: error });
    if (!this.#warned.has(text) && this.#warned.size < WARNINGS_MAX) {
      this.#warned.add(text);
      this.#warn(failure);
    }
    this.tell({ kind: 'hook', hook: 'listener', name: '', error: failure });
  }

  #publish(event: SchemaEvent): void {
    for (const { waiting, wake } of this.#readers) {
      if (waiting.length >= KEPT) waiting.shift();
      waiting.push(event);
      wake();
    }
  }

  /** Events from now on. */
  async *watch(signal?: AbortSignal): AsyncGenerator<SchemaEvent, void> {
    const waiting: SchemaEvent[] = [];
    let wake = (): void => undefined;
    const reader: Reader = { waiting, wake: () => wake() };
    this.#readers.add(reader);
    const onAbort = (): void => wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (!this.#closed && signal?.aborted !== true) {
        const next = waiting.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        } else yield next;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#readers.delete(reader);
    }
  }

  /** Ends the loops of those who watch. */
  close(): void {
    this.#closed = true;
    for (const { wake } of this.#readers) wake();
  }
}
