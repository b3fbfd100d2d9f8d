import { LIMITS, QuorateError, type Timer } from '../base/index.ts';
import { RAW_CODE } from './failure.ts';
import type { Observed, StatementResult, Submit } from './messages.ts';
import { later } from './observed.ts';
import { COLUMNLESS_ROWS } from './row-encoder.ts';
import type { Session } from './session.ts';
import type { StopReason } from './sql-guard.ts';
import type { StatementRun } from './statement-run.ts';
import { type WorkCursor, workCursor } from './work-cursor.ts';

/** What a request needs to know of its session, on the SQL thread and on readers. */
export interface JobSession {
  readonly id: number;
  /** Clock time at which the open transaction must have ended. */
  readonly transactionDeadline: number;
}

/** One request of a session from its arrival to its last answer. */
export class Job<S extends JobSession = Session> {
  readonly submit: Submit;
  readonly session: S;
  readonly deadline: number;
  cursor: WorkCursor | undefined;
  readonly results: StatementResult[] = [];
  stop: StopReason | undefined;
  done = false;
  /** Row batches that have not been posted yet. */
  rows: Uint8Array[] = [];
  #rowsBytes = 0;
  /** Statements of a batch without columns since the last one that has some. */
  columnless = 0;
  /** Something of the answer has left. */
  posted = false;
  /** Batches that the consumer will still take. */
  credits: number = LIMITS.rowsBatchesAhead;
  observed: Observed | undefined;
  /** A query whose rows are produced as the consumer takes them. */
  stream: StatementRun | undefined;
  /** Its turn in a queue has come: the statement that waited may run. */
  granted = false;
  /** Ends a wait. */
  timer: Timer | undefined;

  constructor(submit: Submit, session: S, now: number) {
    this.submit = submit;
    this.session = session;
    this.deadline = submit.timeoutMs > 0 ? now + submit.timeoutMs : Number.POSITIVE_INFINITY;
    this.cursor =
      submit.work.action === 'describe' ||
      submit.work.action === 'schema' ||
      submit.work.action === 'rehearse'
        ? undefined
        : workCursor(submit);
  }

  get transactionDeadline(): number {
    return this.session.transactionDeadline;
  }

  get isBatch(): boolean {
    return this.submit.work.action === 'batch';
  }

  saw(observed: Observed): void {
    this.observed = later(this.observed, observed);
  }

  /** Keeps a batch until the end of the statement. Throws QuorateError RESULT_TOO_LARGE (S2). */
  keep(batch: Uint8Array): void {
    this.#rowsBytes += batch.length;
    if (this.#rowsBytes > LIMITS.bufferedResultBytes) {
      throw new QuorateError(
        'RESULT_TOO_LARGE',
        `the result of a statement that writes, or reads in a write transaction, is above ${LIMITS.bufferedResultBytes} bytes`,
        { rawCode: RAW_CODE.full },
      );
    }
    this.rows.push(batch);
  }

  /** As `keep`, in a batch: rows of which statement they are tell the end markers before them. */
  keepInOrder(batch: Uint8Array): void {
    for (; this.columnless > 0; this.columnless--) this.keep(COLUMNLESS_ROWS);
    this.keep(batch);
  }

  /** Nothing of the work has happened: it begins again. */
  rewind(): void {
    this.cursor = workCursor(this.submit);
    this.results.length = 0;
    this.rows = [];
    this.#rowsBytes = 0;
    this.columnless = 0;
  }

  takeRows(): readonly Uint8Array[] {
    const { rows } = this;
    this.rows = [];
    return rows;
  }

  cancelTimer(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}
