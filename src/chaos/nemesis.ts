import type { Fault, FaultContext } from './fault.ts';

/** How long a fault lasts, and the quiet after it, in milliseconds: from, to. */
export interface Rhythm {
  readonly quietMs: readonly [from: number, to: number];
  readonly faultMs: readonly [from: number, to: number];
}

/** Draws one fault after another, lets it last, cures it. Several of them at work overlap. */
export class Nemesis {
  readonly #context: FaultContext;
  readonly #faults: readonly (readonly [kind: string, fault: Fault])[];
  readonly #rhythm: Rhythm;
  #stopped = false;
  #wake: () => void = () => undefined;
  #done: Promise<void> = Promise.resolve();
  /** Faults begun, by kind. */
  readonly counts = new Map<string, number>();

  constructor(
    context: FaultContext,
    faults: readonly (readonly [kind: string, fault: Fault])[],
    rhythm: Rhythm,
  ) {
    this.#context = context;
    this.#faults = faults;
    this.#rhythm = rhythm;
  }

  start(): void {
    this.#done = this.#run();
    // Who stops it hears of a failure; until then the load goes on without this one.
    this.#done.catch(() => undefined);
  }

  /** Resolves when the last fault is cured. Throws what broke in a fault. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { random } = this.#context;
    while (!this.#stopped && this.#faults.length > 0) {
      await this.#rest(this.#rhythm.quietMs);
      if (this.#stopped) return;
      const [kind, fault] = this.#faults[Math.floor(random.float() * this.#faults.length)] ?? [];
      const cure = await fault?.(this.#context);
      if (kind === undefined || cure === undefined) continue;
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      await this.#rest(this.#rhythm.faultMs);
      await cure();
    }
  }

  #rest([from, to]: readonly [number, number]): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, from + this.#context.random.float() * (to - from));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
