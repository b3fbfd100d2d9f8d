import { QuorateError } from '../base/index.ts';
import type { Call } from './call.ts';
import { asQuorateError } from './errors.ts';
import type { Performed } from './executor.ts';
import type { RowsHandler } from './link.ts';
import { type RowFactory, rowFactory, rowsAs } from './rows.ts';
import type { Row } from './types.ts';

/** Without a limit by the caller a stream may take as long as rows keep being taken. */
const STREAM_MS = 24 * 60 * 60 * 1000;
/** … but not longer than this for the next rows. */
const STREAM_NEXT_MS = 30_000;

export interface RowStreamOptions {
  begin(timeoutMs: number): Call;
  finish(call: Call): void;
  /** Limit of the whole stream, by the caller's choice. */
  readonly timeoutMs: number | undefined;
  perform(call: Call, rows: RowsHandler, repeatable: () => boolean): Promise<Performed>;
}

interface Batch {
  readonly rows: Row[];
  readonly taken: () => void;
}

/** Rows as they are asked for. The server is at most as many batches ahead as Hello told. */
export class RowStream<R extends object> implements AsyncIterableIterator<R> {
  readonly #options: RowStreamOptions;
  readonly #batches: Batch[] = [];
  #call: Call | undefined;
  #current: readonly R[] = [];
  #at = 0;
  #make: RowFactory | undefined;
  #delivered = false;
  #ended = false;
  #left = false;
  #error: QuorateError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: RowStreamOptions) {
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): Call {
    const call = this.#options.begin(this.#options.timeoutMs ?? STREAM_MS);
    const rows: RowsHandler = (_statement, columns, values, taken) => {
      this.#make ??= rowFactory(columns);
      if (this.#left) return;
      this.#batches.push({ rows: values.map(this.#make), taken });
      this.#delivered = true;
      this.#wake?.();
    };
    this.#options
      .perform(call, rows, () => !this.#delivered)
      .catch((error: unknown) => {
        if (!this.#left) this.#error ??= asQuorateError(error);
      })
      .finally(() => {
        this.#ended = true;
        this.#options.finish(call);
        this.#wake?.();
      });
    return call;
  }

  async next(): Promise<IteratorResult<R, undefined>> {
    for (;;) {
      if (this.#at < this.#current.length) return { done: false, value: this.#current[this.#at++] };
      const batch = this.#batches.shift();
      if (batch !== undefined) {
        this.#current = rowsAs<R>(batch.rows);
        this.#at = 0;
        batch.taken();
      } else if (this.#ended) {
        const error = this.#error;
        this.#error = undefined;
        if (error !== undefined) throw error;
        return { done: true, value: undefined };
      } else {
        this.#call ??= this.#start();
        await this.#arrival(this.#call);
      }
    }
  }

  /** Waits for rows or the end. */
  async #arrival(call: Call): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (this.#batches.length > 0 || this.#ended) return;
    let arrived = false;
    void woken.then(() => {
      arrived = true;
    });
    try {
      await call.sleep(STREAM_NEXT_MS, woken);
    } catch {
      // The call is over: `perform` gives the reason.
      await woken;
      return;
    }
    if (arrived) return;
    call.end(
      new QuorateError('TIMEOUT', `no rows within ${STREAM_NEXT_MS} ms`, { retryable: true }),
    );
    await woken;
  }

  /** Ends the statement at the server; what has arrived is dropped. */
  async return(): Promise<IteratorResult<R, undefined>> {
    const running = this.#call !== undefined && !this.#ended;
    this.#left = true;
    this.#ended = true;
    this.#batches.length = 0;
    this.#current = [];
    this.#at = 0;
    if (running) this.#call?.end(new QuorateError('ABORTED', 'the stream was left early'));
    this.#error = undefined;
    return { done: true, value: undefined };
  }
}
