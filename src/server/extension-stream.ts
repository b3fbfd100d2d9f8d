import type { NodeSession } from '../node/index.ts';

/** Something to do on a stream when its turn comes. */
export interface StreamTask {
  readonly request: number;
  /** Must lead to exactly one call of `StreamState.next`. */
  run(): void;
}

/** A stream of the extension: one session of the node, its requests one after another. */
export class StreamState {
  readonly database: string;
  readonly session: NodeSession;
  /** What the stream had open is gone with the leadership; it answers nothing but Close any more. */
  lost = false;
  readonly #queue: StreamTask[] = [];
  #busy = false;

  constructor(database: string, session: NodeSession) {
    this.database = database;
    this.session = session;
  }

  /** Runs the task now or after those before it. */
  add(task: StreamTask): void {
    if (this.#busy) {
      this.#queue.push(task);
      return;
    }
    this.#busy = true;
    task.run();
  }

  /** The running task is finished. */
  next(): void {
    const task = this.#queue.shift();
    if (task === undefined) this.#busy = false;
    else task.run();
  }

  /** Takes a waiting task out; false when it is not waiting. */
  remove(request: number): boolean {
    const at = this.#queue.findIndex((task) => task.request === request);
    if (at < 0) return false;
    this.#queue.splice(at, 1);
    return true;
  }

  /** Takes everything out that still waits. */
  removeAll(): readonly StreamTask[] {
    return this.#queue.splice(0);
  }
}
