import type { NodeEvent } from '../node/index.ts';
import type { NodeEvents } from './options.ts';

type Listeners = { [E in keyof NodeEvents]: Set<(event: NodeEvents[E]) => void> };

/**
 * Turns what a node tells into typed events; `stopped` once, although both a thread that dies and what is left of the node tell it.
 * A listener that throws is its own problem.
 */
export class NodeEmitter {
  readonly #listeners: Listeners = {
    role: new Set(),
    leader: new Set(),
    members: new Set(),
    snapshot: new Set(),
    disk: new Set(),
    stopped: new Set(),
  };
  #stopped = false;

  on<E extends keyof NodeEvents>(event: E, listener: (event: NodeEvents[E]) => void): () => void {
    const set = this.#listeners[event];
    set.add(listener);
    return () => set.delete(listener);
  }

  emit(event: NodeEvent): void {
    switch (event.kind) {
      case 'role':
        this.#tell('role', { role: event.role, term: event.term });
        break;
      case 'leader':
        this.#tell('leader', event.leader);
        break;
      case 'members':
        this.#tell('members', event.members);
        break;
      case 'snapshot':
        this.#tell('snapshot', event);
        break;
      case 'disk':
        this.#tell('disk', event);
        break;
      case 'stopped':
        if (!this.#stopped) this.#tell('stopped', event);
        this.#stopped = true;
        break;
      default:
        break;
    }
  }

  #tell<E extends keyof NodeEvents>(event: E, value: NodeEvents[E]): void {
    for (const listener of this.#listeners[event]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
