import { NO_REDUCTION, type Part, type Reduction } from './reduction.ts';
import { shrinkList } from './shrink-list.ts';

/** Times of the end of the faults that are tried, each the middle of what is left. */
const CUTS = 6;
/** Of the time of a failure that is told in the command. */
const GRAIN_MS = 100;

/** How a run failed. */
export interface Failure {
  readonly symptom: string;
  /** Simulated time since the faults began. */
  readonly atMs: number;
}

/** What can be left out of a run. */
export interface Reducible {
  /** Planned faults. */
  readonly faults: readonly { readonly number: number; readonly atMs: number }[];
  readonly parts: readonly Part[];
  readonly clients: number;
  readonly workloads: readonly string[];
  /** How long there are faults at least. */
  readonly durationMs: number;
}

/** Undefined: nothing fails. */
export type Attempt = (reduction: Reduction) => Promise<Failure | undefined>;

export interface Shrunk {
  readonly failure: Failure;
  readonly reduction: Reduction;
  readonly runs: number;
}

/**
 * Finds a shorter run in which the same thing fails: without parts of the profile, with fewer faults, clients and workloads, and less
 * time. Each step keeps what the steps before it have found; steps are repeated as long as they find something.
 */
export class Shrinker {
  readonly #whole: Reducible;
  readonly #attempt: Attempt;
  readonly #say: (line: string) => void;
  readonly #limit: number;
  #runs = 0;
  #best: { reduction: Reduction; failure: Failure } | undefined;

  constructor(
    whole: Reducible,
    attempt: Attempt,
    options: { readonly runs: number; readonly say?: (line: string) => void },
  ) {
    this.#whole = whole;
    this.#attempt = attempt;
    this.#limit = options.runs;
    this.#say = options.say ?? (() => undefined);
  }

  /** Begins with `start`; undefined when nothing fails there. */
  async shrink(start: Reduction = NO_REDUCTION): Promise<Shrunk | undefined> {
    this.#runs++;
    const failure = await this.#attempt(start);
    if (failure === undefined) return undefined;
    this.#best = { reduction: start, failure };
    this.#say(`run 1: ${failure.symptom} ${seconds(failure.atMs)} after the faults began`);
    for (let before = Number.NaN; before !== this.#size(); ) {
      before = this.#size();
      await this.#laterFaults();
      await this.#parts();
      await this.#faults();
      await this.#clients();
      await this.#workloads();
      await this.#time();
    }
    return { ...this.#found, runs: this.#runs };
  }

  get #found(): { readonly reduction: Reduction; readonly failure: Failure } {
    if (this.#best === undefined) throw new Error('nothing has failed yet');
    return this.#best;
  }

  /** How much there is to the best run; not its time, of which a little less can always be tried. */
  #size(): number {
    const { skip, without, clients = this.#whole.clients, only } = this.#found.reduction;
    return clients + (only === undefined ? 1 : 0) - skip.length - without.length;
  }

  /** Runs with a change to the best run; true when the same thing still fails: then this is the best one. */
  async #try(change: Partial<Reduction>, what: string): Promise<boolean> {
    if (this.#runs >= this.#limit) return false;
    this.#runs++;
    const { reduction: best, failure: known } = this.#found;
    const reduction = { ...best, ...change };
    const failure = await this.#attempt(reduction);
    const same = failure?.symptom === known.symptom;
    this.#say(
      `run ${this.#runs}: ${what}: ${same ? 'still fails' : (failure?.symptom ?? 'passes')}`,
    );
    if (same) this.#best = { reduction, failure };
    return same;
  }

  /** What was planned for later than the failure never happened. */
  async #laterFaults(): Promise<void> {
    const { reduction, failure } = this.#found;
    const later = this.#kept().filter(({ atMs }) => atMs > failure.atMs);
    if (later.length === 0) return;
    const skip = [...reduction.skip, ...later.map(({ number }) => number)];
    await this.#try({ skip }, `without ${later.length} faults after the failure`);
  }

  #kept() {
    const skipped = new Set(this.#found.reduction.skip);
    return this.#whole.faults.filter(({ number }) => !skipped.has(number));
  }

  async #parts(): Promise<void> {
    const present = this.#whole.parts.filter(
      (part) => !this.#found.reduction.without.includes(part),
    );
    const already = this.#found.reduction.without;
    await shrinkList(present, (kept) => {
      const gone = present.filter((part) => !kept.includes(part));
      return this.#try({ without: [...already, ...gone] }, `without ${gone.join()}`);
    });
  }

  async #faults(): Promise<void> {
    const numbers = this.#kept().map(({ number }) => number);
    const already = this.#found.reduction.skip;
    await shrinkList(numbers, (kept) => {
      const gone = numbers.filter((number) => !kept.includes(number));
      const left = kept.length === 0 ? 'no fault' : `faults ${kept.join()}`;
      return this.#try({ skip: [...already, ...gone] }, `with ${left}`);
    });
  }

  async #clients(): Promise<void> {
    const { clients = this.#whole.clients } = this.#found.reduction;
    const fewer = [...new Set([1, 2, Math.ceil(clients / 2)])].filter((count) => count < clients);
    for (const count of fewer) if (await this.#try({ clients: count }, `${count} clients`)) return;
  }

  async #workloads(): Promise<void> {
    if (this.#found.reduction.only !== undefined) return;
    for (const name of this.#whole.workloads) {
      if (await this.#try({ only: name }, `only ${name}`)) return;
    }
  }

  /** What fails in the end may fail after less time; what fails earlier ends there by itself. */
  async #time(): Promise<void> {
    const { reduction } = this.#found;
    const { durationMs, parts } = this.#whole;
    // Its moment is a share of the whole time.
    if (parts.includes('disaster') && !reduction.without.includes('disaster')) return;
    let high = reduction.endAfterMs ?? durationMs;
    if (this.#found.failure.atMs <= high) return;
    let low = 0;
    for (let cut = 0; cut < CUTS; cut++) {
      const middle = Math.round((low + high) / 2 / GRAIN_MS) * GRAIN_MS;
      if (middle <= low || middle >= high) return;
      if (await this.#try({ endAfterMs: middle }, `faults end after ${seconds(middle)}`)) {
        high = middle;
      } else low = middle;
    }
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
