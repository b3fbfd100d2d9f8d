import type { SchemaEvent } from '../client/index.ts';

/** Events that are kept for somebody who reads slowly. */
const KEPT = 1000;

interface Reader {
  readonly waiting: SchemaEvent[];
  wake(): void;
}

/** Tells events of the schema to everybody who listens; one that throws is its own problem. */
export class EventHub {
  readonly #listeners: readonly ((event: SchemaEvent) => void)[];
  readonly #onError: (error: unknown) => void;
  readonly #readers = new Set<Reader>();
  #closed = false;

  /** `onError`: told what a listener throws. */
  constructor(
    listeners: readonly ((event: SchemaEvent) => void)[],
    onError: (error: unknown) => void,
  ) {
    this.#listeners = listeners;
    this.#onError = onError;
  }

  tell(event: SchemaEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // It must not end the migrations.
        this.#onError(error);
      }
    }
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
