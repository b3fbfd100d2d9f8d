import { LIMITS } from '../base/index.ts';
import type { SessionState } from '../machine/index.ts';
import type {
  AnswerSink,
  NodeRequest,
  NodeSession,
  RequestFailure,
  RunningRequest,
  SessionOptions,
} from './contract.ts';
import type { Desk, Target } from './desk.ts';
import * as failures from './failures.ts';
import { FRESH } from './router.ts';
import { Running } from './running.ts';

/** A request that waits for the one before it. */
class Queued implements RunningRequest {
  readonly request: NodeRequest;
  readonly sink: AnswerSink;
  readonly #withdraw: (queued: Queued) => void;
  running: Running | undefined;

  constructor(request: NodeRequest, sink: AnswerSink, withdraw: (queued: Queued) => void) {
    this.request = request;
    this.sink = sink;
    this.#withdraw = withdraw;
  }

  credit(batches: number): void {
    this.running?.credit(batches);
  }

  interrupt(): void {
    if (this.running !== undefined) this.running.interrupt();
    else this.#withdraw(this);
  }

  fail(failure: RequestFailure): void {
    this.sink.end({ kind: 'failed', failure, results: [], inTransaction: false });
  }
}

/** Requests of one client connection or stream: one after another, the next when the last answer has left. */
export class Session implements NodeSession {
  readonly number: number;
  readonly options: SessionOptions;
  readonly readOnly: boolean;
  /** The reader on which a read-only transaction lives. */
  readonly reader: Target | undefined;
  readonly #desk: Desk;
  readonly #targets = new Set<Target>();
  readonly #queue: Queued[] = [];
  #current: Running | undefined;
  #state: SessionState = FRESH;
  #closed = false;
  #lossPending = false;

  constructor(desk: Desk, number: number, options: SessionOptions) {
    this.#desk = desk;
    this.number = number;
    this.options = options;
    this.readOnly = options.readOnly;
    this.reader = options.readOnly ? desk.nextReader() : undefined;
  }

  get state(): SessionState {
    return this.#state;
  }

  get inTransaction(): boolean {
    return this.#state.transaction !== 'none';
  }

  submit(request: NodeRequest, sink: AnswerSink): RunningRequest {
    const queued = new Queued(request, sink, (one) => this.#withdraw(one));
    if (this.#closed) {
      queued.fail(failures.stopping());
    } else if (this.#queue.length >= LIMITS.requestsInFlightPerConnection) {
      queued.fail(failures.overloaded('too many requests wait in this session'));
    } else {
      this.#queue.push(queued);
      this.#next();
    }
    return queued;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.length = 0;
    const current = this.#current;
    this.#current = undefined;
    current?.abandon();
    for (const target of this.#targets) {
      target.post({ kind: 'close-session', session: this.number });
    }
    this.#desk.sessionClosed(this);
  }

  /** A thread got a request of this session. */
  used(target: Target): void {
    if (!target.isReader || this.readOnly) this.#targets.add(target);
  }

  moved(state: SessionState): void {
    this.#state = state;
  }

  /** Speculation was dropped: everything that lived on the SQL thread is gone (M3, M12). */
  lose(failure: RequestFailure): void {
    if (this.readOnly || this.#closed) return;
    const { transaction, aborted } = this.#state;
    this.#state = { transaction: 'none', aborted: aborted || transaction !== 'none', home: false };
    for (const queued of this.#queue.splice(0)) queued.fail(failure);
    this.#lossPending = true;
    if (this.#current === undefined) this.#tellLoss();
  }

  /** The node stops. */
  stop(failure: RequestFailure): void {
    for (const queued of this.#queue.splice(0)) queued.fail(failure);
    this.#current?.stop();
  }

  /** The SQL thread ended its transaction. */
  aborted(): void {
    this.#state = { transaction: 'none', aborted: true, home: false };
  }

  #next(): void {
    while (this.#current === undefined && !this.#closed) {
      const queued = this.#queue.shift();
      if (queued === undefined) return;
      const running: Running = new Running(this.#desk, this, queued.request, queued.sink, () => {
        if (this.#current === running) this.#current = undefined;
        if (this.#lossPending) this.#tellLoss();
        this.#next();
      });
      queued.running = running;
      this.#current = running;
      running.start();
    }
  }

  #withdraw(queued: Queued): void {
    const at = this.#queue.indexOf(queued);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    queued.fail(failures.interrupted());
  }

  #tellLoss(): void {
    this.#lossPending = false;
    if (!this.#closed) this.options.lost();
  }
}
