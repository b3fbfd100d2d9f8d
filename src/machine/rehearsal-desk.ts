import { assert, type Clock, QuorateError } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { PageStore, SlotArena } from '../pages/index.ts';
import { parseRehearsal, type RehearsalReport } from '../schema/index.ts';
import type { Job, JobSession } from './job.ts';
import { keepJson } from './json-answer.ts';
import { rehearse } from './rehearsal.ts';
import type { SqlGuard } from './sql-guard.ts';
import type { ReaderDirectory } from './store-directory.ts';

interface Running {
  readonly job: Job<JobSession>;
  readonly steps: Generator<undefined, RehearsalReport>;
  readonly engine: Engine;
}

/** Rehearsals of migrations on one reader, one at a time; each has an instance of SQLite of its own, whose memory goes with it. */
export class RehearsalDesk {
  readonly #createEngine: () => Engine;
  readonly #directory: ReaderDirectory;
  readonly #guard: SqlGuard;
  readonly #clock: Clock;
  #running: Running | undefined;

  constructor(
    createEngine: () => Engine,
    directory: ReaderDirectory,
    guard: SqlGuard,
    clock: Clock,
  ) {
    this.#createEngine = createEngine;
    this.#directory = directory;
    this.#guard = guard;
    this.#clock = clock;
  }

  /**
   * One step of a rehearsal; true when its answer, one row with JSON, stands in the job. Throws QuorateError: REHEARSAL_BUSY, and what `rehearse` throws.
   */
  advance(job: Job<JobSession>): boolean {
    const running = this.#running ?? this.#begin(job);
    if (running.job !== job) {
      throw new QuorateError(
        'REHEARSAL_BUSY',
        'this node rehearses migrations already: ask again when that is done, or another node',
      );
    }
    const next = this.#guard.run(job, () => running.steps.next());
    if (next.done !== true) return false;
    this.#answer(job, running.engine, next.value);
    return true;
  }

  /** The request is over, however it has ended. */
  drop(job: Job<JobSession>): void {
    if (this.#running?.job === job) this.close();
  }

  close(): void {
    const running = this.#running;
    this.#running = undefined;
    running?.steps.return(NOTHING);
    running?.engine.closeAll();
  }

  #begin(job: Job<JobSession>): Running {
    const { work, database } = job.submit;
    assert(work.action === 'rehearse', 'no rehearsal');
    const request = parseRehearsal(work.json);
    const engine = this.#createEngine();
    const interrupted = this.#guard.hooks.progress ?? (() => false);
    const source = this.#directory.find(database) ?? new PageStore(new SlotArena());
    const steps = rehearse({ engine, clock: this.#clock, interrupted }, source, request);
    this.#running = { job, steps, engine };
    return this.#running;
  }

  #answer(job: Job<JobSession>, engine: Engine, report: RehearsalReport): void {
    const connection = engine.open(new PageStore(new SlotArena()));
    try {
      keepJson(job, connection, report, 0n);
    } finally {
      connection.close();
    }
  }
}

const NOTHING: RehearsalReport = {
  ...{ index: 0, namespace: '', version: 0, migrations: [], late: undefined, bytesPerMs: 0 },
};
