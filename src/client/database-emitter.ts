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

  tell(event: SchemaEvent): void {
    if (event.kind === 'registered') {
      const { namespace, generation: gen, version } = event;
      for (const listener of this.#listeners.schema) listener({ namespace, gen, version });
    } else if (event.kind === 'fenced') {
      const reason = event.error.message;
      for (const listener of this.#listeners.fenced) listener({ reason });
    }
  }
}
