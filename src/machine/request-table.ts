import { assert, Numbered } from '../base/index.ts';
import { failureOf, interrupted } from './failure.ts';
import { Job } from './job.ts';
import type { MachineCore } from './machine-core.ts';
import type { RequestEnd, SqlFailure, Submit } from './messages.ts';
import { Session } from './session.ts';
import type { TransactionKeeper } from './transaction-keeper.ts';
import type { WriteQueue } from './write-queue.ts';

/**
 * The requests of sessions from their arrival to their last answer: one of a session at a time, the others in their order. What a
 * request does is not its business: `advance` takes the next step of one, and says false when it has to wait or has ended.
 */
export class RequestTable {
  readonly #core: MachineCore;
  readonly #queue: WriteQueue;
  readonly #keeper: TransactionKeeper;
  readonly #advance: (job: Job) => boolean;
  readonly jobs = new Numbered<Job>();
  /** Requests that can go on. */
  readonly ready: Job[] = [];

  constructor(
    core: MachineCore,
    queue: WriteQueue,
    keeper: TransactionKeeper,
    advance: (job: Job) => boolean,
  ) {
    this.#core = core;
    this.#queue = queue;
    this.#keeper = keeper;
    this.#advance = advance;
  }

  submit(submit: Submit): void {
    assert(
      this.jobs.get(submit.request) === undefined,
      () => `request ${submit.request} is known already`,
    );
    const session = this.#session(submit);
    const job = new Job(submit, session, this.#core.clock.now());
    this.jobs.set(submit.request, job);
    if (session.current !== undefined) {
      session.queue.push(job);
      return;
    }
    this.#start(job);
  }

  #session({ session: id, request }: Submit): Session {
    if (id === 0) {
      const passing = new Session(0);
      this.#core.passing.set(request, passing);
      return passing;
    }
    let session = this.#core.sessions.get(id);
    if (session === undefined) {
      session = new Session(id);
      this.#core.sessions.set(id, session);
    }
    return session;
  }

  #start(job: Job): void {
    job.session.current = job;
    this.#keeper.active(job.session);
    this.run(job);
  }

  /** Goes on with a request as far as possible. */
  run(job: Job): void {
    if (job.done) return;
    job.cancelTimer();
    this.#core.guard.resume();
    try {
      while (!job.done && this.#advance(job));
    } catch (error) {
      this.fail(job, failureOf(error));
    }
  }

  /** Posts what a request has produced; `end` undefined = more will follow. */
  post(job: Job, end: RequestEnd | undefined): void {
    this.#core.post({
      kind: 'answer',
      session: job.submit.session,
      request: job.submit.request,
      observed: job.observed ?? this.#core.observedPublished(),
      rows: job.takeRows(),
      end,
      state: job.session.state,
    });
  }

  /** The consumer of a request took batches. */
  credit(request: number, batches: number): void {
    const job = this.jobs.get(request);
    if (job === undefined) return;
    job.credits += batches;
    if (job.stream === undefined || job.session.current !== job) return;
    this.#keeper.active(job.session);
    this.run(job);
  }

  /** Ends a request that waits; one that runs was told by its `stop`. */
  interrupt(request: number): void {
    const job = this.jobs.get(request);
    if (job === undefined) return;
    if (job.session.current === job) {
      this.fail(job, interrupted());
      return;
    }
    const { queue } = job.session;
    queue.splice(queue.indexOf(job), 1);
    job.done = true;
    this.jobs.delete(request);
    this.post(job, { kind: 'failed', failure: interrupted(), results: [] });
  }

  closeSession(id: number): void {
    const session = this.#core.sessions.get(id);
    if (session === undefined) return;
    this.#core.sessions.delete(id);
    const jobs = session.current === undefined ? [] : [session.current, ...session.queue];
    this.#keeper.close(session);
    session.queue.length = 0;
    for (const job of jobs) {
      this.#queue.forget(job);
      job.done = true;
      this.jobs.delete(job.submit.request);
    }
    session.current = undefined;
  }

  /** Ends a request with a failure; for statements that wait or whose rows wait. */
  fail(job: Job, reason: SqlFailure): void {
    if (job.done) return;
    if (job.stream !== undefined) {
      job.stream.release();
      job.stream = undefined;
      const { home } = job.session;
      if (home !== undefined && !home.closed) {
        this.#keeper.follow(job, job.observed ?? this.#core.observedPublished(), undefined);
      }
    }
    this.end(job, reason);
  }

  /** Posts a failure as the last answer of a request; always false. */
  end(job: Job, reason: SqlFailure): boolean {
    return this.finish(job, { kind: 'failed', failure: reason, results: job.results });
  }

  /** Posts the last answer of a request; always false. */
  finish(job: Job, end: RequestEnd): boolean {
    const { session } = job;
    this.#queue.forget(job);
    let last = end;
    if (session.id === 0) {
      last = this.#keeper.leaveNothing(job, end);
      this.#core.passing.delete(job.submit.request);
    }
    // What was to begin a transaction, or to change the connection, failed before it could.
    if (session.home !== undefined && !session.inTransaction && !session.home.hasSessionState) {
      if (last.kind === 'failed' || !session.permanent) session.leaveHome();
    }
    if (last.kind === 'failed') job.rows = [];
    job.done = true;
    this.jobs.delete(job.submit.request);
    if (!session.closed && job.stop !== 'closed') this.post(job, last);
    session.current = session.queue.shift();
    if (session.current !== undefined) this.ready.push(session.current);
    else if (session.inTransaction) this.#keeper.idle(session);
    return false;
  }
}
