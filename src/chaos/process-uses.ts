import type { Machine } from './machine.ts';
import type { ProcessUse } from './node-process.ts';

const EVERY_MS = 1_000;

/** The most that each process held, looked at once a second. */
export class ProcessUses {
  readonly #machines: readonly Machine[];
  readonly #most = new Map<string, ProcessUse>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(machines: readonly Machine[]) {
    this.#machines = machines;
  }

  /** By machine. */
  get most(): ReadonlyMap<string, ProcessUse> {
    return this.#most;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#look();
  }

  #look(): void {
    for (const { name, process } of this.#machines) {
      const now = process.use();
      if (now === undefined) continue;
      const before = this.#most.get(name);
      this.#most.set(name, {
        rssBytes: Math.max(now.rssBytes, before?.rssBytes ?? 0),
        openFiles: Math.max(now.openFiles, before?.openFiles ?? 0),
      });
    }
  }
}
