import { assert, type Limited, type LogIndex, logIndex } from '../base/index.ts';
import type { Answer, RequestEnd, SqlFailure, StatementResult } from '../machine/index.ts';
import type {
  AnswerSink,
  NodeRequest,
  RequestFailure,
  RequestResult,
  RunningRequest,
} from './contract.ts';
import type { Desk, Target } from './desk.ts';
import * as failures from './failures.ts';
import type { Fate } from './fate.ts';
import { type GateOwner, Held, type Loss } from './gate.ts';
import { type Place, type ReadCondition, route } from './router.ts';
import type { Session } from './session.ts';

const NOTHING = (): void => undefined;

/** One request under way: finds who runs it, waits for what it must see, and takes its answers through the gate. */
export class Running implements RunningRequest, GateOwner, Limited {
  readonly deadline: number;
  readonly request: NodeRequest;
  readonly session: Session | undefined;
  readonly #desk: Desk;
  readonly #sink: AnswerSink;
  readonly #ended: () => void;
  readonly #ownDeadline: boolean;
  readonly #redirectedBy: Place[] = [];
  #held: Held;
  #target: Target | undefined;
  #number = 0;
  /** The target has not sent its last answer. */
  #outstanding = false;
  #done = false;
  #expired = false;
  #interrupted = false;
  #seen: LogIndex = logIndex(0);
  #cancelWait: () => void = NOTHING;
  #cancelWatch: () => void = NOTHING;
  deadlineNumber = 0;

  /** `ended` is called once, when the sink has its end and no thread works on the request any more. */
  constructor(
    desk: Desk,
    session: Session | undefined,
    request: NodeRequest,
    sink: AnswerSink,
    ended: () => void,
  ) {
    this.#desk = desk;
    this.session = session;
    this.request = request;
    this.#sink = sink;
    this.#ended = ended;
    const now = desk.now();
    this.#ownDeadline = request.timeoutMs > 0;
    this.deadline = now + (this.#ownDeadline ? request.timeoutMs : desk.waitMs);
    this.#held = new Held(this, desk.lastIndex(), false);
  }

  get done(): boolean {
    return this.#done;
  }

  /** By which its thread names it; 0 = no thread has it. */
  get number(): number {
    return this.#number;
  }

  start(): void {
    this.#desk.deadlines.add(this);
    this.#route();
  }

  // — what the caller asks —

  credit(batches: number): void {
    if (this.#outstanding) {
      this.#target?.post({ kind: 'credit', request: this.#number, batches });
    }
  }

  interrupt(): void {
    if (this.#done || this.#interrupted) return;
    this.#interrupted = true;
    if (this.#target === undefined) this.#fail(failures.interrupted());
    else if (this.#outstanding) {
      this.#target.post({ kind: 'interrupt', request: this.#number });
    }
  }

  /** The caller is gone: it gets no further call. The targets are told by the session. */
  abandon(): void {
    if (this.#outstanding) {
      // A session's thread ends its request with the session; a reader must be told.
      if (this.#target?.isReader) this.#target.post({ kind: 'interrupt', request: this.#number });
      this.#released();
    }
    this.#finish(undefined);
  }

  /** The node stops: what may have been proposed has an unknown outcome. */
  stop(): void {
    const proposed = this.#target === this.#desk.machine || this.#held.lost;
    const leader = this.#desk.leaderAddress();
    this.#fail(proposed ? failures.outcomeUnknown(leader) : failures.stopping());
  }

  /** The node stops, or leadership ended before the request was given to anybody. */
  fail(failure: RequestFailure): void {
    this.#fail(failure);
  }

  expire(): void {
    if (this.#done) return;
    if (this.#target === undefined) {
      this.#fail(failures.timedOut('the node could not serve the request in time'));
      return;
    }
    if (!this.#ownDeadline) return;
    this.#expired = true;
    if (this.#outstanding) this.#target.post({ kind: 'interrupt', request: this.#number });
    else this.#giveUp();
  }

  // — finding who runs it —

  #route(): void {
    const chosen = route({
      leader: this.#desk.isLeader(),
      work: this.request.work,
      consistency: this.request.consistency,
      readOnly: this.session?.readOnly ?? false,
      state: this.session?.state,
      redirectedBy: this.#redirectedBy,
    });
    if (chosen.place === 'refused') {
      const leader = this.#desk.leaderAddress();
      this.#fail(
        chosen.code === 'NOT_LEADER' ? failures.notLeader(leader) : failures.undecidable(),
      );
    } else if (chosen.place === 'machine') {
      this.#held.confirmed ||= chosen.confirmed;
      this.#toMachine();
    } else {
      this.#toReader(chosen.condition);
    }
  }

  #toMachine(): void {
    if (this.#desk.diskFull) {
      this.#fail(failures.diskFull());
      return;
    }
    const aborted = this.session?.state.aborted ?? false;
    if (!aborted && !this.#desk.isLed()) {
      this.#cancelWait = this.#desk.whenLed(this);
      return;
    }
    this.#post(this.#desk.machine);
  }

  /** Leadership is ready (see `Desk.whenLed`). */
  resume(): void {
    if (!this.#done) this.#route();
  }

  #toReader(condition: ReadCondition): void {
    switch (condition) {
      case 'none':
        this.#held.confirmed = true;
        this.#toReaderNow();
        return;
      case 'minimum-index':
        this.#held.confirmed = true;
        this.#whenApplied(this.request.minimumIndex);
        return;
      case 'staleness':
        this.#held.confirmed = true;
        this.#checkStaleness('not-yet');
        return;
      case 'read-round':
        this.#readRound();
        return;
      case 'lease': {
        const index = this.#desk.leased();
        if (index === undefined) {
          this.#readRound();
          return;
        }
        this.#held.confirmed = true;
        this.#whenApplied(index);
        return;
      }
      case 'leader-index':
        this.#desk.askLeader((index) => {
          if (this.#done) return;
          this.#held.confirmed = true;
          if (index === undefined) this.#fail(failures.notLeader(this.#desk.leaderAddress()));
          else this.#whenApplied(index);
        });
        return;
    }
  }

  /** On the leader the read runs while leadership is being confirmed, once everything acknowledged is applied. */
  #readRound(): void {
    const early = this.#desk.isLed();
    if (early) this.#whenApplied(this.#desk.commit());
    if (this.#done || this.#held.confirmed) return;
    this.#confirm((index) => {
      if (!early) this.#whenApplied(index);
    });
  }

  #confirm(then: (index: LogIndex) => void): void {
    this.#held.asked = true;
    this.#desk.confirm({
      confirmed: (index) => {
        if (this.#done) return;
        this.#desk.gate.confirm(this.#held);
        then(index);
      },
      failed: () => {
        if (this.#done) return;
        // The machine decides what became of a write that it may have run; a read just ends.
        if (this.#target === this.#desk.machine) this.#desk.gate.refuse(this.#held);
        else this.#fail(failures.notLeader(this.#desk.leaderAddress()));
      },
    });
  }

  #whenApplied(index: LogIndex): void {
    if (index > this.#seen) this.#seen = index;
    this.#cancelWait = this.#desk.applied.when(index, () => this.#toReaderNow());
  }

  #checkStaleness(asked: 'not-yet' | 'in-vain' | 'current'): void {
    const { maxStalenessMs, maxStalenessEntries } = this.request;
    const { ageMs, lag } = this.#desk.staleness();
    // What was asked for after the request came is younger than any bound, whatever time the answer took.
    const tooOld = asked !== 'current' && maxStalenessMs !== undefined && ageMs > maxStalenessMs;
    const tooFar = maxStalenessEntries !== undefined && lag > maxStalenessEntries;
    if (tooOld && asked === 'not-yet') this.#becomeCurrent();
    else if (tooOld || tooFar) this.#fail(failures.tooStale(ageMs, lag));
    else this.#toReaderNow();
  }

  /** How old it is, a leader learns by asking whether it still leads, and everybody else by asking the leader. */
  #becomeCurrent(): void {
    const inVain = (): void => {
      if (!this.#done) this.#checkStaleness('in-vain');
    };
    const current = (index: LogIndex): void => {
      if (this.#done) return;
      const check = (): void => {
        if (!this.#done) this.#checkStaleness('current');
      };
      this.#cancelWait = this.#desk.applied.when(index, check);
    };
    if (this.#desk.isLeader()) {
      this.#desk.confirm({ confirmed: current, failed: inVain });
      return;
    }
    const askedAt = this.#desk.now();
    this.#desk.askLeader((index) => {
      if (index === undefined) return inVain();
      this.#desk.proven(index, askedAt);
      current(index);
    });
  }

  #toReaderNow(): void {
    if (this.#done) return;
    const fixed = this.session?.readOnly ? this.session.reader : this.#brief();
    this.#post(fixed ?? this.#desk.nextReader());
  }

  #brief(): Target | undefined {
    const sql = this.#sql;
    return sql === undefined ? undefined : this.#desk.briefFor(sql);
  }

  /** The text of a request that is one statement. */
  get #sql(): string | undefined {
    const { work } = this.request;
    if (work.action === 'statement') return work.statement.sql;
    return work.action === 'describe' ? work.sql : undefined;
  }

  #post(target: Target): void {
    assert(!this.#outstanding && !this.#done, 'a request is given to two threads');
    this.#cancelWait = NOTHING;
    this.#target = target;
    this.#outstanding = true;
    this.#number = this.#desk.begin(this);
    const { session, request } = this;
    if (session !== undefined) session.used(target);
    const left = this.deadline - this.#desk.now();
    target.post({
      kind: 'submit',
      // A reader keeps the state of read-only transactions only; other reads stand alone.
      session: session === undefined || (target.isReader && !session.readOnly) ? 0 : session.number,
      request: this.#number,
      database: request.database,
      work: request.work,
      format: request.format,
      timeoutMs: this.#ownDeadline ? Math.max(1, Math.ceil(left)) : 0,
      transactionIdleMs: session?.options.transactionIdleMs ?? 0,
      transactionTotalMs: session?.options.transactionTotalMs ?? 0,
      declaration: request.declaration,
    });
    target.load++;
    if (!this.#ownDeadline) this.#desk.deadlines.remove(this);
  }

  // — answers —

  /** From the thread that runs it. */
  answer(answer: Answer): void {
    const { end } = answer;
    if (end !== undefined) this.#released();
    if (this.#done) {
      if (end !== undefined) this.#ended();
      return;
    }
    if (end?.kind === 'redirect') {
      assert(this.#target !== undefined);
      if (this.#target === this.#desk.brief) {
        if (this.#sql !== undefined) this.#desk.declined(this.#sql);
        if (this.#interrupted) this.#fail(failures.interrupted());
        else this.#post(this.#desk.nextReader());
        return;
      }
      this.#redirectedBy.push(this.#target.isReader ? 'reader' : 'machine');
      this.#target = undefined;
      this.#desk.deadlines.add(this);
      this.#route();
      return;
    }
    // A statement that stands alone on a reader tells nothing about the session's own state.
    const stateful = this.#target?.isReader !== true || this.session?.readOnly === true;
    if (end !== undefined && stateful) this.session?.moved(answer.state);
    this.#desk.gate.add(this.#held, answer);
    if (this.#expired && end !== undefined && !this.#done) this.#giveUp();
  }

  release(answer: Answer, index: LogIndex): void {
    if (this.#done) return;
    if (index > this.#seen) this.#seen = index;
    for (const batch of answer.rows) this.#sink.rows(batch);
    if (answer.end !== undefined && !this.#done) this.#finish(this.#result(answer, answer.end));
  }

  wantsConfirmation(): void {
    this.#confirm(NOTHING);
  }

  lost(loss: Loss): void {
    if (this.#done) return;
    const leader = this.#desk.leaderAddress();
    switch (loss.kind) {
      case 'nothing-written':
        this.#fail(failures.leadershipLost(leader));
        return;
      case 'dropped':
        this.#rolledBack(loss.end);
        return;
      case 'committed':
        this.#deliver(loss.answers, loss.index);
        return;
      case 'undecided': {
        const limit: Limited = {
          deadlineNumber: 0,
          deadline: Math.min(
            this.#desk.now() + this.#desk.fateMs,
            this.#ownDeadline ? this.deadline : Number.POSITIVE_INFINITY,
          ),
          expire: () => this.#fail(failures.outcomeUnknown(this.#desk.leaderAddress())),
        };
        this.#desk.deadlines.add(limit);
        const withdraw = loss.watch.ask((fate) => this.#decided(fate, loss.answers));
        this.#cancelWatch = () => {
          withdraw();
          this.#desk.deadlines.remove(limit);
        };
        if (this.#done) this.#cancelWatch();
      }
    }
  }

  #decided(fate: Fate, answers: readonly Answer[]): void {
    if (this.#done) return;
    if (fate.outcome === 'committed') this.#deliver(answers, fate.index);
    else if (fate.outcome === 'unknown') {
      this.#fail(failures.outcomeUnknown(this.#desk.leaderAddress()));
    } else {
      const end = answers.at(-1);
      assert(end !== undefined);
      this.#rolledBack(end);
    }
  }

  /** What it wrote last is gone. Of a script, earlier statements may have been committed on their own. */
  #rolledBack(end: Answer): void {
    const leader = this.#desk.leaderAddress();
    const { observed } = end;
    const partly =
      this.request.work.action === 'script' &&
      observed.kind === 'speculative' &&
      this.#desk.seals.appendedSince(observed.epoch, observed.database, this.#held.arrivalIndex);
    this.#fail(partly ? failures.scriptCutShort(leader) : failures.leadershipLost(leader));
  }

  #deliver(answers: readonly Answer[], index: LogIndex): void {
    for (const answer of answers) this.release(answer, index);
  }

  /** The deadline passed while the answers were held. */
  #giveUp(): void {
    const wrote = this.#held.answers.some(
      ({ observed }) => observed.kind === 'speculative' && observed.wrote,
    );
    const leader = this.#desk.leaderAddress();
    this.#fail(
      wrote || this.#held.lost
        ? failures.outcomeUnknown(leader)
        : failures.timedOut('leadership could not be confirmed in time'),
    );
  }

  #result({ observed }: Answer, end: RequestEnd): RequestResult {
    assert(end.kind !== 'redirect', 'a redirect passed the gate');
    const inTransaction = this.session?.inTransaction ?? false;
    if (end.kind === 'described') return end;
    if (end.kind === 'done') {
      return { kind: 'done', index: this.#seen, results: end.results, inTransaction };
    }
    const leader = this.#desk.leaderAddress();
    const failure =
      observed.kind === 'speculative' && observed.wrote
        ? failures.afterCommit(end.failure, end.results.length, leader)
        : this.#withOutcome(failures.fromSql(this.#explained(end.failure), leader));
    return { kind: 'failed', failure, results: end.results, inTransaction };
  }

  /** A thread that is told to interrupt does not know that it was for the deadline. */
  #explained(failure: SqlFailure): SqlFailure {
    if (!this.#expired || this.#interrupted || failure.code !== 'SQLITE_INTERRUPT') return failure;
    const message = 'the request ran into its deadline';
    return { ...failure, code: 'TIMEOUT', message, retryable: true };
  }

  /** Nothing was written: a write was rolled back, unless its transaction goes on. What the transaction before came to is not known here. */
  #withOutcome(failure: RequestFailure): RequestFailure {
    const told = failure.outcome !== undefined || failure.code === 'TX_ABORTED';
    const reads = this.request.work.action === 'describe' || this.#target?.isReader === true;
    if (told || reads || this.session?.inTransaction === true) return failure;
    return { ...failure, outcome: 'rolled-back' };
  }

  #fail(failure: RequestFailure): void {
    if (this.#done) return;
    const results: readonly StatementResult[] = [];
    const inTransaction = this.session?.inTransaction ?? false;
    this.#finish({ kind: 'failed', failure: this.#withOutcome(failure), results, inTransaction });
  }

  #finish(result: RequestResult | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#cancelWait();
    this.#cancelWatch();
    this.#desk.deadlines.remove(this);
    this.#desk.gate.forget(this.#held);
    if (this.#outstanding && result !== undefined) {
      this.#target?.post({ kind: 'interrupt', request: this.#number });
    }
    if (result !== undefined) this.#sink.end(result);
    if (!this.#outstanding) this.#ended();
  }

  #released(): void {
    this.#outstanding = false;
    this.#desk.end(this.#number);
    if (this.#target !== undefined) this.#target.load--;
  }
}
