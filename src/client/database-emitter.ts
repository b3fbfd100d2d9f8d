import type { DatabaseEvents, SchemaEvent } from './types.ts';

type Listeners = { [E in keyof DatabaseEvents]: Set<(event: DatabaseEvents[E]) => void> };

/** What the listeners of a database handle are told of its schema. */
export class DatabaseEmitter {
  readonly #listeners: Listeners = { schema: new Set(), fenced: new Set() };

  /** Returns what ends it. */
  on<E extends keyof DatabaseEvents>(
    event: E,
    listener: (event: DatabaseEvents[E]) => void,
  ): () => void {
    const set = this.#listeners[event];
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Calls all listeners that an event concerns, and `last`. Throws and rejects with what they do, afterwards. */
  tell(event: SchemaEvent, last: (event: SchemaEvent) => unknown): unknown {
    const calls: (() => unknown)[] = [];
    if (event.kind === 'registered') {
      const { namespace, generation: gen, version } = event;
      for (const call of this.#listeners.schema)
        calls.push(() => call({ namespace, gen, version }));
    } else if (event.kind === 'fenced') {
      const reason = event.error.message;
      for (const call of this.#listeners.fenced) calls.push(() => call({ reason }));
    }
    return all([...calls, () => last(event)]);
  }
}

function all(calls: readonly (() => unknown)[]): unknown {
  const errors: unknown[] = [];
  const promises: Promise<unknown>[] = [];
  for (const call of calls) {
    try {
      const result = call();
      if (result instanceof Promise) promises.push(result);
    } catch (error) {
      errors.push(error);
    }
  }
  const later = promises.length === 0 ? undefined : Promise.allSettled(promises).then(rejectWith);
  if (errors.length === 0) return later;
  if (later === undefined) throw together(errors);
  return later.then(
    () => Promise.reject(together(errors)),
    (error: unknown) => Promise.reject(together([...errors, error])),
  );
}

function rejectWith(results: readonly PromiseSettledResult<unknown>[]): void {
  const errors = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  if (errors.length > 0) throw together(errors);
}

function together(errors: readonly unknown[]): unknown {
  if (errors.length === 1) return errors[0];
  const texts = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  return new AggregateError(errors, texts.join('; '));
}
