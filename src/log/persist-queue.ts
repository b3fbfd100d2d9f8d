import { QuorateError } from '../base/index.ts';
import type { PersistOperation } from '../raft/index.ts';
import { diskFailure, isFull } from './errors.ts';
import type { AppendBatch } from './write-group.ts';

/** How the queue gets things done; calls never overlap. */
export interface PersistWork {
  /** Makes batches durable together. */
  append(batches: readonly AppendBatch[]): Promise<void>;
  alone(operation: Exclude<PersistOperation, { kind: 'append' }>): Promise<void>;
  /** Nothing is left to do for now. */
  idle(): Promise<void>;
}

interface PersistJob {
  readonly operations: readonly PersistOperation[];
  readonly settle: Settle;
}

interface ControlJob {
  readonly run: () => Promise<void>;
  readonly settle: Settle;
}

type Job = PersistJob | ControlJob;

interface Settle {
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Carries out what is asked of a log in order: appends that wait for the disk together share one write and one sync. Decides what a
 * failure means: after one the disk's content is unknown and nothing is done any more, unless the disk was only full.
 */
export class PersistQueue {
  readonly #writer: PersistWork;
  #queue: Job[] = [];
  #working: Promise<void> | undefined;
  /** Appends failed for lack of space; what follows them would leave a gap. */
  full = false;
  #broken: unknown;
  #ended = false;

  constructor(work: PersistWork) {
    this.#writer = work;
  }

  /** The error that everything fails with from now on; undefined = the log works. */
  get broken(): unknown {
    return this.#broken;
  }

  /** Only opening the directory again can tell what is on it. */
  break(error: unknown): void {
    this.#broken ??= error;
  }

  /** Takes nothing more; resolves when everything that was asked for is done. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#working;
  }

  /** Operations in order, durable when it resolves. */
  persist(operations: readonly PersistOperation[]): Promise<void> {
    return this.#enqueue((settle) => ({ operations, settle }));
  }

  /** Throws what has broken the log, or LOG_CLOSED. */
  checkUsable(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#ended) throw new QuorateError('LOG_CLOSED', 'the log is closed');
  }

  /** Runs something in its turn, alone. */
  control(run: () => Promise<void>): Promise<void> {
    return this.#enqueue((settle) => ({ run, settle }));
  }

  #enqueue(makeJob: (settle: Settle) => Job): Promise<void> {
    return new Promise((resolve, reject) => {
      this.checkUsable();
      this.#queue.push(makeJob({ resolve, reject }));
      this.#working ??= this.#work();
    });
  }

  /** Works until the queue is empty. Never rejects. */
  async #work(): Promise<void> {
    // Everything that is queued in this turn of the event loop shares the first write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const jobs = this.#queue;
      this.#queue = [];
      await this.#runJobs(jobs);
      if (this.#queue.length === 0) await this.#writer.idle();
    }
    this.#working = undefined;
  }

  /** Carries out jobs in order; appends are collected and written when something else comes, or at the end. */
  async #runJobs(jobs: readonly Job[]): Promise<void> {
    const group = new PersistGroup();
    /** What the operations of later jobs would build on has failed. */
    let failure: unknown;
    for (const job of jobs) {
      if ('run' in job) {
        failure ??= await this.#flush(group);
        await this.#runControl(job);
      } else if (failure !== undefined) job.settle.reject(failure);
      else {
        failure = await this.#collect(group, job.operations);
        if (failure === undefined) group.waiting.push(job.settle);
        else job.settle.reject(failure);
      }
    }
    failure ??= await this.#flush(group);
    if (failure === undefined) return;
    const later = this.#queue;
    this.#queue = later.filter((job) => 'run' in job);
    for (const job of later) if (!('run' in job)) job.settle.reject(failure);
  }

  /** Takes one job's appends into the group; anything else is carried out after them. */
  async #collect(group: PersistGroup, operations: readonly PersistOperation[]): Promise<unknown> {
    for (const operation of operations) {
      if (operation.kind === 'append') {
        if (operation.entries.length > 0) group.batches.push(operation);
        continue;
      }
      const failure =
        (await this.#flush(group)) ?? (await this.#attempt(() => this.#writer.alone(operation)));
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /** Writes what the group has collected and settles who waited for it. Returns the failure. */
  async #flush(group: PersistGroup): Promise<unknown> {
    const batches = group.batches.splice(0);
    const waiting = group.waiting.splice(0);
    const failure =
      batches.length === 0 ? undefined : await this.#attempt(() => this.#writer.append(batches));
    for (const settle of waiting) {
      if (failure === undefined) settle.resolve();
      else settle.reject(failure);
    }
    return failure;
  }

  async #runControl(job: ControlJob): Promise<void> {
    if (this.#broken !== undefined) {
      job.settle.reject(this.#broken);
      return;
    }
    try {
      await job.run();
      job.settle.resolve();
    } catch (error) {
      const refused = error instanceof QuorateError && error.code === 'ALREADY_BOOTSTRAPPED';
      if (!refused && !isFull(error)) this.#broken = diskFailure(error, 'changing the log');
      job.settle.reject(diskFailure(error, 'changing the log'));
    }
  }

  /** Runs a part of persist; on failure decides whether the log can go on, and returns the error. */
  async #attempt(run: () => Promise<void>): Promise<unknown> {
    if (this.#broken !== undefined) return this.#broken;
    try {
      await run();
      return undefined;
    } catch (error) {
      const failure = diskFailure(error, 'writing the log');
      if (isFull(error)) this.full = true;
      else this.#broken = failure;
      return failure;
    }
  }
}

/** Appends that will share a write, and who waits for them. */
class PersistGroup {
  readonly batches: AppendBatch[] = [];
  readonly waiting: Settle[] = [];
}
