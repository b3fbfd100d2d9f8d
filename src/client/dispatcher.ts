import { type Outcome, QuorateError } from '../base/index.ts';
import type { Call } from './call.ts';
import { failureDetails, isInterruption, NotAnswered, withOutcome } from './errors.ts';
import type { LeaderTracker } from './leader-tracker.ts';
import type { Link } from './link.ts';
import type { LinkPool } from './link-pool.ts';
import type { ReadFrom } from './types.ts';

/** Refusals that may be followed up at once; later ones wait. */
const IMMEDIATE_RETRIES = 2;

/** Something to be done on one node, and what is known about doing it again on another. */
export interface Task<T> {
  /** Only the leader can do it. */
  readonly leader: boolean;
  /** False only when it surely changes nothing: then it may be repeated whatever happened to it. */
  readonly write: boolean;
  readonly readFrom: ReadFrom | undefined;
  /** False once the caller has seen part of the result. */
  repeatable(): boolean;
  attempt(link: Link): Promise<T>;
}

/**
 * Finds a node for a task, and another one when that fails, until the call ends. The rules of outcome
 * (S3): a write is repeated only when it was surely not executed.
 */
export class Dispatcher {
  readonly #pool: LinkPool;
  readonly #tracker: LeaderTracker;
  readonly #local: string | undefined;

  constructor(pool: LinkPool, tracker: LeaderTracker, local: string | undefined) {
    this.#pool = pool;
    this.#tracker = tracker;
    this.#local = local;
  }

  /** Runs a task to its result. Throws QuorateError only. */
  async run<T>(task: Task<T>, call: Call): Promise<T> {
    const failed = new FailedNodes();
    for (let attempt = 0; ; attempt++) {
      let link: Link | undefined;
      try {
        call.check();
        link =
          (attempt === 0 ? this.#linkNow(task) : undefined) ??
          (await this.#route(task, failed, call));
        return await task.attempt(link);
      } catch (error) {
        const reason = this.#judge(error, task, link, failed, call);
        call.lastFailure = reason;
        if (call.ended !== undefined) throw notExecuted(call.ended, task.write);
        const refused = reason instanceof QuorateError && reason.leader !== undefined;
        if (attempt >= IMMEDIATE_RETRIES || !(refused || link === undefined)) {
          await this.#tracker.backoff(attempt, call).catch(() => undefined);
        }
      }
    }
  }

  /** The link to where `#route` leads if it is open; most tasks need not wait for it. */
  #linkNow({ leader, readFrom }: Task<unknown>): Link | undefined {
    if (!leader && readFrom !== undefined && readFrom !== 'leader') return undefined;
    const isLocal = !leader && readFrom === undefined && this.#local !== undefined;
    const address = isLocal ? this.#local : this.#tracker.current;
    return address === undefined ? undefined : this.#pool.ready(address);
  }

  #route(task: Task<unknown>, failed: FailedNodes, call: Call): Promise<Link> {
    if (task.leader) return this.#tracker.leader(call);
    if (task.readFrom === 'any') {
      const preferred = this.#local !== undefined && !failed.has(this.#local);
      const address = preferred ? this.#local : this.#tracker.pick(failed.addresses);
      if (address !== undefined) return this.#get(address, failed, call);
    } else if (task.readFrom !== undefined && task.readFrom !== 'leader') {
      return this.#get(task.readFrom, failed, call);
    } else if (task.readFrom === undefined && this.#local !== undefined) {
      if (!failed.has(this.#local)) return this.#get(this.#local, failed, call);
    }
    return this.#tracker.leader(call);
  }

  async #get(address: string, failed: FailedNodes, call: Call): Promise<Link> {
    try {
      return await this.#pool.get(address, call);
    } catch (error) {
      failed.add(address);
      throw error;
    }
  }

  /** Returns why the attempt failed when the task may be repeated, else throws what the caller sees. */
  #judge(
    error: unknown,
    task: Task<unknown>,
    link: Link | undefined,
    failed: FailedNodes,
    call: Call,
  ): Error {
    if (error instanceof NotAnswered) {
      if (link !== undefined) failed.add(link.address);
      if (link?.closed) this.#tracker.onLost(link.address);
      if (error.ended !== undefined) {
        throw error.sent && task.write
          ? withOutcome(error.ended, 'unknown', false)
          : notExecuted(error.ended, task.write);
      }
      if (error.sent && task.write) throw outcomeUnknown(error);
      if (!task.repeatable()) throw connectionLost(error);
      return error;
    }
    if (!(error instanceof QuorateError)) throw error;
    if (link === undefined) throw error;
    if (call.ended !== undefined && isInterruption(error)) {
      throw task.write ? withOutcome(call.ended, outcomeOfAll(error), false) : call.ended;
    }
    failed.add(link.address);
    const notLeader = error.code === 'NOT_LEADER';
    if (notLeader) this.#tracker.onRefused(link.address, error.leader);
    if (!task.repeatable() || !mayRepeat(error, task.write)) throw error;
    return error;
  }
}

const NOBODY: ReadonlySet<string> = new Set();

/** Addresses at which a task has failed. Most tasks never need it. */
class FailedNodes {
  #addresses: Set<string> | undefined;

  get addresses(): ReadonlySet<string> {
    return this.#addresses ?? NOBODY;
  }

  has(address: string): boolean {
    return this.#addresses?.has(address) === true;
  }

  add(address: string): void {
    this.#addresses ??= new Set();
    this.#addresses.add(address);
  }
}

/** How long to wait for a turn to write is the caller's business (`writeQueueMs`). */
const QUEUE: ReadonlySet<string> = new Set(['WRITE_QUEUE_TIMEOUT', 'WRITE_QUEUE_FULL']);

function mayRepeat(error: QuorateError, write: boolean): boolean {
  if (!write) return error.retryable || error.code === 'NOT_LEADER';
  if ((failureDetails(error)?.statementsInEffect ?? 0) > 0) return false;
  if (error.outcome === 'unknown' || error.outcome === 'committed') return false;
  if (QUEUE.has(error.code)) return false;
  return error.code === 'NOT_LEADER' || (error.retryable && error.outcome === 'rolled-back');
}

/** A script of which a part is in effect is neither: its own error, which says so, is replaced by the end of the call. */
function outcomeOfAll(error: QuorateError): Outcome {
  if ((failureDetails(error)?.statementsInEffect ?? 0) > 0) return 'unknown';
  return error.outcome ?? 'unknown';
}

/** The call ended before the write reached a server that would have executed it. */
function notExecuted(ended: QuorateError, write: boolean): QuorateError {
  return write ? withOutcome(ended, 'rolled-back') : ended;
}

/** The connection went while a write was on its way: nobody knows. */
export function outcomeUnknown(cause: Error): QuorateError {
  return new QuorateError(
    'OUTCOME_UNKNOWN',
    `the connection was lost before the result arrived (${cause.message}); the write may or may not be in effect`,
    { outcome: 'unknown', cause },
  );
}

export function connectionLost(cause: Error, outcome?: 'rolled-back'): QuorateError {
  return new QuorateError('CONNECTION_LOST', `the connection was lost: ${cause.message}`, {
    retryable: true,
    outcome,
    cause,
  });
}
