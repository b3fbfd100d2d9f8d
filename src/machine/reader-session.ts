import type { Clock, Limits, Timer } from '../base/index.ts';
import type { SessionCounters } from '../engine/index.ts';
import { failure, RAW_CODE } from './failure.ts';
import type { Job } from './job.ts';
import type { Observed, SessionState, SqlFailure, Submit } from './messages.ts';
import type { Lease } from './reader-pool.ts';

/** A declared read-only session, or (session 0) the frame of one request. */
export class ReaderSession {
  readonly id: number;
  readonly counters: SessionCounters = { lastInsertRowid: 0n, changes: 0n, totalChanges: 0n };
  readonly #clock: Clock;
  readonly #timedOut: (session: ReaderSession, reason: SqlFailure) => void;
  lease: Lease | undefined;
  current: Job<ReaderSession> | undefined;
  readonly queue: Job<ReaderSession>[] = [];
  inTransaction = false;
  /** What the open transaction sees. */
  base: Observed | undefined;
  aborted: SqlFailure | undefined;
  transactionDeadline = Number.POSITIVE_INFINITY;
  #idleTimer: Timer | undefined;
  #totalTimer: Timer | undefined;

  constructor(
    id: number,
    clock: Clock,
    timedOut: (session: ReaderSession, reason: SqlFailure) => void,
  ) {
    this.id = id;
    this.#clock = clock;
    this.#timedOut = timedOut;
  }

  get state(): SessionState {
    return {
      transaction: this.inTransaction ? 'read' : 'none',
      aborted: this.aborted !== undefined,
      home: false,
    };
  }

  begin(submit: Submit, limits: Limits): void {
    this.inTransaction = true;
    const total = submit.transactionTotalMs || limits.transactionTotalMs;
    this.transactionDeadline = this.#clock.now() + total;
    this.#totalTimer = this.#clock.after(total, () => {
      this.#timedOut(
        this,
        failure('TRANSACTION_TOO_LONG', 'the transaction took too long and was ended', {
          rawCode: RAW_CODE.abort,
        }),
      );
    });
  }

  end(): void {
    this.inTransaction = false;
    this.base = undefined;
    this.transactionDeadline = Number.POSITIVE_INFINITY;
    this.timersOff();
  }

  /** The session works. */
  active(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
  }

  /** The session waits for its client. */
  idle(submit: Submit, limits: Limits): void {
    this.active();
    if (!this.inTransaction) return;
    const idleMs = submit.transactionIdleMs || limits.transactionIdleMs;
    this.#idleTimer = this.#clock.after(idleMs, () => {
      this.#timedOut(
        this,
        failure('TRANSACTION_IDLE', 'the transaction was idle for too long and was ended', {
          rawCode: RAW_CODE.abort,
        }),
      );
    });
  }

  timersOff(): void {
    this.active();
    this.#totalTimer?.cancel();
    this.#totalTimer = undefined;
  }
}
