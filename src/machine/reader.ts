import {
  assert,
  type Clock,
  LIMITS,
  type Limits,
  logIndex,
  Numbered,
  type Port,
  QuorateError,
  type Random,
} from '../base/index.ts';
import { createEngine } from '../engine/index.ts';
import { BRIEF, BRIEF_FUNCTIONS, BRIEF_LIMITS } from './brief.ts';
import { describeOn } from './describe.ts';
import { emptyStatement, failureOf, interrupted, RAW_CODE, stalled, timedOut } from './failure.ts';
import { Job } from './job.ts';
import { KeptPin } from './kept-pin.ts';
import type {
  FromReader,
  Observed,
  RequestEnd,
  SessionMessage,
  SqlFailure,
  Submit,
  ToReader,
} from './messages.ts';
import { type Placement, placementOf } from './placement.ts';
import { ReadFence } from './read-fence.ts';
import { type Lease, ReaderPool } from './reader-pool.ts';
import { ReaderSession } from './reader-session.ts';
import { RehearsalDesk } from './rehearsal-desk.ts';
import { SqlGuard } from './sql-guard.ts';
import { StalledQueries } from './stalled-queries.ts';
import { loadCounters, statementResult } from './statement-counters.ts';
import { StatementRun } from './statement-run.ts';
import type { ReaderDirectory } from './store-directory.ts';

export interface ReaderOptions {
  /** To the node. */
  readonly port: Port<FromReader, ToReader>;
  readonly module: WebAssembly.Module;
  readonly clock: Clock;
  readonly random: Random;
  /** `Machine.directory` on the machine's thread, a `SharedDirectory` on another one. */
  readonly directory: ReaderDirectory;
  readonly limits?: Partial<Limits>;
  /** As `MachineOptions.statementMs`. */
  readonly statementMs?: number;
  /** For a thread that has more to do than SQL: only what is over in a moment is answered, all else with `redirect` (`BRIEF`). */
  readonly brief?: boolean;
}

/**
 * Runs queries on what is published: requests without a session, and declared read-only sessions. What would write, or needs the state
 * of a connection on the SQL thread, is answered `redirect`. Several readers may work on one machine's databases.
 */
export class Reader {
  readonly #port: Port<FromReader, ToReader>;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #guard: SqlGuard;
  readonly #pool: ReaderPool;
  readonly #sessions = new Map<number, ReaderSession>();
  readonly #jobs = new Numbered<Job<ReaderSession>>();
  readonly #inbox: SessionMessage[] = [];
  readonly #ready: Job<ReaderSession>[] = [];
  /** Requests that wait for a connection. */
  readonly #waiting = new Set<Job<ReaderSession>>();
  readonly #stalled: StalledQueries;
  readonly #rehearsals: RehearsalDesk;
  readonly #fences = new ReadFence();
  readonly #brief: boolean;
  /** For brief requests, which follow each other closely. */
  readonly #keptPin: KeptPin;
  #inTurn = false;
  #dead = false;

  constructor(options: ReaderOptions) {
    this.#port = options.port;
    this.#clock = options.clock;
    this.#limits = { ...LIMITS, ...options.limits };
    const drain = (): void => this.#port.drain();
    this.#brief = options.brief === true;
    const budget = this.#brief ? BRIEF : undefined;
    this.#guard = new SqlGuard(options.clock, drain, options.statementMs, this.#inbox, budget);
    const { module, clock, random } = options;
    this.#stalled = new StalledQueries(clock, this.#limits.transactionIdleMs, () =>
      this.#turn(() => this.#makeRoom()),
    );
    const engine = () => createEngine(module, { clock, random });
    this.#rehearsals = new RehearsalDesk(engine, options.directory, this.#guard, clock);
    this.#pool = new ReaderPool(
      engine,
      options.directory,
      this.#guard.hooks,
      this.#limits.engineBytes,
      this.#brief ? { functions: BRIEF_FUNCTIONS } : {},
      this.#brief ? BRIEF_LIMITS : [],
    );
    this.#keptPin = new KeptPin(this.#pool, options.directory, this.#fences, clock);
    this.#port.onMessage((message) => this.#arrive(message));
  }

  /** Closes all connections; no message is handled afterwards. */
  close(): void {
    this.#dead = true;
    for (const session of this.#sessions.values()) session.timersOff();
    for (const job of this.#jobs.values()) job.cancelTimer();
    this.#stalled.close();
    this.#rehearsals.close();
    this.#keptPin.close();
    this.#pool.close();
  }

  #arrive(message: ToReader): void {
    if (this.#dead) return;
    const { running } = this.#guard;
    if (message.kind === 'close') {
      if (running !== undefined) running.stop = 'closed';
      this.#dead = true;
      if (running === undefined) this.close();
      return;
    }
    if (running !== undefined) {
      if (message.kind === 'interrupt' && running.submit.request === message.request) {
        running.stop ??= 'interrupt';
        return;
      }
      if (message.kind === 'close-session' && running.session.id === message.session) {
        running.stop ??= 'closed';
      }
    }
    this.#inbox.push(message);
    if (!this.#inTurn) this.#turn(() => undefined);
  }

  #turn(action: () => void): void {
    if (this.#dead) return;
    this.#inTurn = true;
    try {
      action();
      this.#settle();
    } catch (error) {
      this.#dead = true;
      const text = error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : `${error}`;
      this.#port.post({ kind: 'fatal', message: text });
    }
    this.#inTurn = false;
  }

  #settle(): void {
    while (!this.#dead) {
      const message = this.#inbox.shift();
      if (message !== undefined) {
        this.#handle(message);
        continue;
      }
      const job = this.#ready.shift() ?? this.#nextWaiting();
      if (job === undefined) return;
      this.#run(job);
    }
  }

  #nextWaiting(): Job<ReaderSession> | undefined {
    if (this.#pool.exhausted) return undefined;
    const [job] = this.#waiting;
    if (job !== undefined) this.#waiting.delete(job);
    return job;
  }

  /** For each that waits for a connection, one that has been idle for too long gives its own back. */
  #makeRoom(): void {
    for (let left = this.#waiting.size; left > 0 && this.#pool.exhausted; left--) {
      const idle = this.#stalled.takeOldest();
      if (idle === undefined) return;
      this.#fail(idle, stalled());
    }
  }

  #handle(message: SessionMessage): void {
    switch (message.kind) {
      case 'submit':
        this.#submit(message);
        return;
      case 'credit':
        this.#credit(message.request, message.batches);
        return;
      case 'interrupt': {
        const job = this.#jobs.get(message.request);
        if (job !== undefined) this.#fail(job, interrupted());
        return;
      }
      case 'close-session':
        this.#closeSession(message.session);
        return;
    }
  }

  #submit(submit: Submit): void {
    assert(
      this.#jobs.get(submit.request) === undefined,
      () => `request ${submit.request} is known already`,
    );
    let session = this.#sessions.get(submit.session);
    if (session === undefined) {
      session = new ReaderSession(submit.session, this.#clock, (timedOutSession, reason) =>
        this.#turn(() => this.#abort(timedOutSession, reason)),
      );
      if (submit.session !== 0) this.#sessions.set(submit.session, session);
    }
    const job = new Job(submit, session, this.#clock.now());
    this.#jobs.set(submit.request, job);
    if (session.current !== undefined) {
      session.queue.push(job);
      return;
    }
    session.current = job;
    session.active();
    this.#run(job);
  }

  #credit(request: number, batches: number): void {
    const job = this.#jobs.get(request);
    if (job === undefined) return;
    job.credits += batches;
    if (job.stream === undefined) return;
    this.#stalled.delete(job);
    job.session.active();
    this.#run(job);
  }

  #closeSession(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    const jobs = session.current === undefined ? [] : [session.current, ...session.queue];
    for (const job of jobs) {
      job.stream?.release();
      job.done = true;
      job.cancelTimer();
      this.#rehearsals.drop(job);
      this.#waiting.delete(job);
      this.#stalled.delete(job);
      this.#jobs.delete(job.submit.request);
    }
    this.#leave(session);
  }

  #run(job: Job<ReaderSession>): void {
    job.cancelTimer();
    this.#guard.resume();
    try {
      while (!job.done && this.#advance(job));
    } catch (error) {
      const reason = failureOf(error);
      this.#fail(job, this.#fencedInstead(job) ?? this.#explain(job, reason));
    }
  }

  /** A statement of code that does not fit the schema fails for that reason, not because a column is missing. */
  #fencedInstead(job: Job<ReaderSession>): SqlFailure | undefined {
    const connection = job.session.lease?.connection;
    if (!job.submit.declaration || connection === undefined || connection.closed) return undefined;
    if (job.stream !== undefined || !connection.autocommit) return undefined;
    return this.#fenceBefore(job);
  }

  #advance(job: Job<ReaderSession>): boolean {
    if (job.stream !== undefined) return this.#continueStream(job);
    const { session, cursor } = job;
    const { work } = job.submit;
    if (job.results.length > 0 && this.#guard.mustPause) {
      job.timer = this.#clock.after(0, () => this.#turn(() => this.#run(job)));
      return false;
    }
    if (session.aborted !== undefined) return this.#whileAborted(job, session.aborted);
    if (work.action === 'rehearse') return this.#rehearse(job);
    const sql = work.action === 'describe' ? work.sql : cursor?.sql;
    if (sql === undefined) return this.#finish(job, { kind: 'done', results: job.results });
    if (session.id === 0 && mustRedirect(job, sql)) return this.#finish(job, { kind: 'redirect' });
    if (session.lease === undefined) {
      if (this.#pool.exhausted) {
        this.#waiting.add(job);
        this.#limit(job);
        this.#makeRoom();
        return false;
      }
      session.lease = this.#take(job);
    }
    if (work.action === 'describe') return this.#describe(job, sql);
    if (work.action === 'batch' && job.results.length === 0 && !session.inTransaction) {
      // One version for all statements.
      session.lease.connection.execute('BEGIN');
    }
    return this.#statement(job, placementOf(sql));
  }

  #take({ submit, session }: Job<ReaderSession>): Lease {
    const { database, work } = submit;
    const keeps = this.#brief && session.id === 0 && work.action === 'statement';
    return (keeps ? this.#keptPin.take(database) : undefined) ?? this.#pool.take(database);
  }

  /** One piece of a rehearsal; others have their turn between two of them. */
  #rehearse(job: Job<ReaderSession>): boolean {
    job.saw(this.#published(job.session));
    if (this.#rehearsals.advance(job)) {
      return this.#finish(job, { kind: 'done', results: job.results });
    }
    job.timer = this.#clock.after(0, () => this.#turn(() => this.#run(job)));
    return false;
  }

  #describe(job: Job<ReaderSession>, sql: string): boolean {
    const connection = job.session.lease?.connection;
    assert(connection !== undefined, 'no connection');
    job.saw(this.#published(job.session));
    const description = this.#guard.run(job, () => describeOn(connection, sql));
    if (this.#brief && job.stop !== undefined) return this.#decline(job);
    return this.#finish(job, { kind: 'described', description });
  }

  #statement(job: Job<ReaderSession>, placement: Placement): boolean {
    const { session, cursor } = job;
    const lease = session.lease;
    assert(cursor !== undefined && lease !== undefined, 'nothing to run');
    const refused = this.#fenceBefore(job);
    if (refused !== undefined) return this.#fail(job, refused);
    if (placement === 'state') throw readOnly('a read-only session cannot change its connection');
    const statement = this.#guard.run(job, () => cursor.prepare(lease.connection));
    if (statement === undefined) {
      if (job.submit.work.action === 'script') {
        return this.#finish(job, { kind: 'done', results: job.results });
      }
      return this.#fail(job, emptyStatement());
    }
    if (!statement.readonly) {
      statement.release();
      // What has left cannot be taken back: it would come a second time from elsewhere.
      if (session.id === 0 && !job.posted) return this.#finish(job, { kind: 'redirect' });
      throw readOnly('attempt to write in a read-only session');
    }
    loadCounters(lease.connection, session);
    try {
      cursor.bind(statement);
    } catch (error) {
      statement.release();
      throw error;
    }
    job.stream = new StatementRun(statement, job.submit.format, cursor.rows, job.isBatch);
    return this.#continueStream(job);
  }

  #continueStream(job: Job<ReaderSession>): boolean {
    const { stream, session } = job;
    assert(stream !== undefined, 'no rows to go on with');
    while (!stream.done) {
      if (job.credits <= 0) {
        // Statements of a batch that have ended: who asks for more must hear of them first.
        if (job.rows.length > 0) this.#post(job, undefined);
        session.idle(job.submit, this.#limits);
        this.#limit(job);
        this.#stalled.add(job);
        if (this.#waiting.size > 0) this.#makeRoom();
        return false;
      }
      const first = !stream.stepped;
      const batch = this.#guard.run(job, () => stream.advance());
      // Some statements end well all the same: an integrity check reports pages that it did not get as damaged.
      if (this.#brief && job.stop !== undefined) return this.#decline(job);
      // Read after the first step has pinned: never older than what was pinned.
      if (first) {
        job.saw(this.#published(session));
        const verdict = this.#fenceAfter(job);
        if (verdict === 'again') return true;
        if (verdict !== undefined) return this.#fail(job, verdict);
      }
      if (batch === undefined) continue;
      job.credits--;
      job.rows.push(batch);
      if (stream.done) break;
      if (this.#brief) return this.#decline(job);
      this.#post(job, undefined);
    }
    this.#endStream(job);
    return true;
  }

  /** Whether the code behind the session fits the schema of the version that its connection has pinned (`ReadFence`). */
  #fence(job: Job<ReaderSession>): SqlFailure | undefined {
    const connection = job.session.lease?.connection;
    if (connection === undefined) return undefined;
    return this.#fences.pinned(connection, job.submit.declaration ?? '');
  }

  #fenceBefore(job: Job<ReaderSession>): SqlFailure | undefined {
    const { lease } = job.session;
    const declaration = job.submit.declaration ?? '';
    if (lease === undefined) return undefined;
    if (this.#keptPin.holds(lease)) return this.#keptPin.check(declaration);
    const { connection } = lease;
    return connection.autocommit ? this.#fences.before(connection, declaration) : undefined;
  }

  /** 'again': a migration was published in between, so it is not known what the statement saw. Tokens never come back. */
  #fenceAfter(job: Job<ReaderSession>): SqlFailure | 'again' | undefined {
    const { lease } = job.session;
    if (lease === undefined || this.#keptPin.holds(lease)) return undefined;
    const { connection } = lease;
    if (!connection.autocommit) return this.#fence(job);
    // It has ended a transaction, whose statements were checked; its end cannot run twice.
    if (job.session.inTransaction) return undefined;
    if (this.#fences.unchanged(connection)) return undefined;
    job.stream?.release();
    job.stream = undefined;
    return 'again';
  }

  #endStream(job: Job<ReaderSession>): void {
    const { stream, session } = job;
    const connection = session.lease?.connection;
    assert(stream !== undefined && connection !== undefined, 'no rows to end');
    job.stream = undefined;
    job.results.push(statementResult(job.submit.format, session, stream, 0n));
    stream.release();
    this.#follow(job);
    job.cursor?.advance();
  }

  /** What SQLite made of the transaction of a read-only session. */
  #follow(job: Job<ReaderSession>): void {
    const { session } = job;
    if (session.id === 0 || session.lease === undefined) return;
    const { connection } = session.lease;
    const inside = !connection.autocommit;
    if (inside && !session.inTransaction) session.begin(job.submit, this.#limits);
    else if (!inside && session.inTransaction) session.end();
    if (inside && session.base === undefined && connection.transaction !== 'none') {
      session.base = job.observed;
    }
  }

  #published(session: ReaderSession): Observed {
    const { base, lease } = session;
    if (base !== undefined) return base;
    const kept = lease !== undefined && this.#keptPin.holds(lease);
    const index = kept ? lease.connection.pinnedIndex : lease?.store.published.index;
    return { kind: 'published', index: logIndex(index ?? 0) };
  }

  #whileAborted(job: Job<ReaderSession>, reason: SqlFailure): boolean {
    const placement = placementOf(job.cursor?.sql ?? '');
    if (placement !== 'end') return this.#fail(job, reason);
    job.session.aborted = undefined;
    if (/^\W*rollback/i.test(job.cursor?.sql ?? '')) {
      return this.#finish(job, { kind: 'done', results: [] });
    }
    return this.#fail(job, reason);
  }

  #abort(session: ReaderSession, reason: SqlFailure): void {
    if (!session.inTransaction) return;
    const job = session.current;
    if (job?.stream !== undefined) {
      job.stream.release();
      job.stream = undefined;
    }
    session.aborted = reason;
    this.#leave(session);
    if (job !== undefined) this.#fail(job, reason);
  }

  /** Gives the connection back; a transaction on it is rolled back. */
  #leave(session: ReaderSession): void {
    const { lease } = session;
    session.lease = undefined;
    session.end();
    if (lease === undefined) return;
    const { connection } = lease;
    if (this.#keptPin.holds(lease)) {
      // What a single query cannot do to a connection, the next one must not find.
      if (connection.closed || connection.hasSessionState) this.#keptPin.letGo();
      return;
    }
    if (!connection.closed && !connection.autocommit) connection.execute('ROLLBACK');
    this.#pool.giveBack(lease);
  }

  #limit(job: Job<ReaderSession>): void {
    if (job.deadline === Number.POSITIVE_INFINITY) return;
    const left = Math.max(0, job.deadline - this.#clock.now());
    job.timer = this.#clock.after(left, () => this.#turn(() => this.#fail(job, timedOut())));
  }

  #explain(job: Job<ReaderSession>, reason: SqlFailure): SqlFailure {
    if (job.stop === 'timeout') return timedOut();
    if (job.stop === 'statement') return this.#guard.statementTooLong();
    if (job.stop !== undefined) return interrupted();
    const { action } = job.submit.work;
    if (action === 'batch' || action === 'script') {
      return { ...reason, statementIndex: job.cursor?.index };
    }
    return reason;
  }

  #fail(job: Job<ReaderSession>, reason: SqlFailure): boolean {
    if (job.done) return false;
    if (this.#brief && (job.stop === undefined || job.stop === 'budget')) return this.#decline(job);
    const { session } = job;
    if (job.stream !== undefined) {
      job.stream.release();
      job.stream = undefined;
      this.#follow(job);
    }
    if (job.observed === undefined) job.saw(this.#published(session));
    return this.#finish(job, { kind: 'failed', failure: reason, results: job.results });
  }

  /** Nothing of it has left: another reader runs it, without these limits. */
  #decline(job: Job<ReaderSession>): boolean {
    assert(!job.posted && job.session.id === 0, 'a brief reader has let a part of an answer out');
    job.stream?.release();
    job.stream = undefined;
    return this.#finish(job, { kind: 'redirect' });
  }

  #finish(job: Job<ReaderSession>, end: RequestEnd): boolean {
    const { session } = job;
    this.#waiting.delete(job);
    this.#stalled.delete(job);
    this.#rehearsals.drop(job);
    job.cancelTimer();
    if (end.kind !== 'done') job.rows = [];
    job.done = true;
    this.#jobs.delete(job.submit.request);
    if (!session.inTransaction) this.#leave(session);
    if (session.current === job) {
      this.#post(job, end);
      session.current = session.queue.shift();
      if (session.current !== undefined) this.#ready.push(session.current);
      else session.idle(job.submit, this.#limits);
    } else {
      session.queue.splice(session.queue.indexOf(job), 1);
      this.#post(job, end);
    }
    return false;
  }

  #post(job: Job<ReaderSession>, end: RequestEnd | undefined): void {
    job.posted = true;
    this.#port.post({
      kind: 'answer',
      session: job.submit.session,
      request: job.submit.request,
      observed: job.observed ?? this.#published(job.session),
      rows: job.takeRows(),
      end,
      state: job.session.state,
    });
  }
}

/** Whether a request without a session is for the machine. */
function mustRedirect(job: Job<ReaderSession>, sql: string): boolean {
  const { work } = job.submit;
  if (work.action === 'batch') {
    if (work.mode === 'write') return true;
    return work.statements.runs.some((run) => placementOf(run.sql) !== 'reader');
  }
  if (work.action === 'describe') return placementOf(sql) === 'state';
  return placementOf(sql) !== 'reader';
}

function readOnly(message: string): QuorateError {
  return new QuorateError('SQLITE_READONLY', message, {
    rawCode: RAW_CODE.readonly,
    extendedCode: 'SQLITE_READONLY',
  });
}
