import type { Database } from '../client/index.ts';
import type { TaskScope } from '../schema/index.ts';

/** What a task may use. */
export interface TaskContext {
  /** The program's own handle; its calls wait while the program may not use the database yet. */
  readonly database: Database;
  /** Id of the participant on which it runs. */
  readonly node: string;
  /** Aborted when the program leaves. */
  readonly signal: AbortSignal;
}

/** Work outside of the database that belongs to a migration, for example a cache that is built anew. */
export interface NodeTask {
  readonly step: 'task';
  readonly name: string;
  readonly once: TaskScope;
  readonly run: (context: TaskContext) => Promise<void> | void;
}

/**
 * Work outside of the database, in the list of migrations: it runs when what stands before it is applied, and is recorded. `once: 'node'`: on every
 * node (programs that `connect` run none); `'cluster'`: by one program. It is run again until it is recorded, so after a crash a
 * second time. A `contract` or `breaking` that names it in `after` waits until it is done everywhere.
 * @example nodeTask('0017_cache', { once: 'node', run: async ({ signal }) => { await rebuildCache(signal); } })
 */
export function nodeTask(name: string, options: Pick<NodeTask, 'once' | 'run'>): NodeTask {
  return { step: 'task', name, once: options.once, run: options.run };
}
