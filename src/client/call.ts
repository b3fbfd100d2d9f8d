import {
  type Clock,
  type Deadlines,
  type Limited,
  QuorateError,
  type Timer,
} from '../base/index.ts';
import { NotAnswered } from './errors.ts';

/** Wants to know when a call ends before it has its result. */
export interface EndListener {
  callEnded(reason: QuorateError): void;
}

/** One call of the user: its deadline and its signal, for all attempts together. */
export class Call implements Limited {
  readonly #clock: Clock;
  readonly deadline: number;
  readonly #deadlines: Deadlines;
  deadlineNumber = 0;
  readonly #signal: AbortSignal | undefined;
  /** Most calls have one listener at a time: only further ones get a set. */
  #listener: EndListener | undefined;
  #others: Set<EndListener> | undefined;
  readonly #timeoutMs: number;
  #ended: QuorateError | undefined;
  /** By which its owner knows it. */
  number = 0;
  /** Why the last attempt failed, for the message of a timeout. */
  lastFailure: unknown;

  constructor(deadlines: Deadlines, timeoutMs: number, signal?: AbortSignal) {
    const { clock } = deadlines;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.deadline = clock.now() + timeoutMs;
    this.#deadlines = deadlines;
    this.#signal = signal;
    deadlines.add(this);
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => {
    this.end(new QuorateError('ABORTED', 'the call was aborted', { cause: this.#signal?.reason }));
  };

  /** The time is over. */
  expire(): void {
    const last = this.lastFailure;
    const detail = last instanceof Error ? `; last: ${last.message}` : '';
    this.end(
      new QuorateError('TIMEOUT', `no result within ${this.#timeoutMs} ms${detail}`, {
        retryable: true,
        leader: last instanceof QuorateError ? last.leader : undefined,
        cause: last,
      }),
    );
  }

  /** Milliseconds left, at least 1 while the call has not ended. */
  get remainingMs(): number {
    return Math.max(1, Math.ceil(this.deadline - this.#clock.now()));
  }

  /** Why the call is over, undefined while it runs. */
  get ended(): QuorateError | undefined {
    return this.#ended;
  }

  /** Ends the call for a reason; the first one counts. */
  end(reason: QuorateError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.finish();
    const listeners = [
      ...(this.#listener === undefined ? [] : [this.#listener]),
      ...(this.#others ?? []),
    ];
    this.#listener = undefined;
    this.#others = undefined;
    for (const listener of listeners) listener.callEnded(reason);
  }

  /** Frees timer and signal; must be called when the call has its result. */
  finish(): void {
    this.#deadlines.remove(this);
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  /** Throws NotAnswered when the call is over. */
  check(): void {
    if (this.#ended !== undefined) throw this.#notSent(this.#ended);
  }

  #notSent(reason: QuorateError): NotAnswered {
    return new NotAnswered(reason.message, false, reason);
  }

  /** Tells the listener when the call ends, until it is removed. */
  addListener(listener: EndListener): void {
    if (this.#listener === undefined) this.#listener = listener;
    else {
      this.#others ??= new Set();
      this.#others.add(listener);
    }
  }

  removeListener(listener: EndListener): void {
    if (this.#listener === listener) this.#listener = undefined;
    else this.#others?.delete(listener);
  }

  /** The promise's result, or NotAnswered when the call ends first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#notSent(this.#ended));
        promise.catch(() => undefined);
        return;
      }
      const listener = { callEnded: (reason: QuorateError) => reject(this.#notSent(reason)) };
      this.addListener(listener);
      promise.then(
        (value) => {
          this.removeListener(listener);
          resolve(value);
        },
        (error: unknown) => {
          this.removeListener(listener);
          reject(error);
        },
      );
    });
  }

  /** Waits, or less when `wake` resolves first. Throws NotAnswered when the call ends. */
  async sleep(delayMs: number, wake?: Promise<void>): Promise<void> {
    let timer: Timer | undefined;
    const slept = new Promise<void>((resolve) => {
      timer = this.#clock.after(delayMs, resolve);
    });
    try {
      await this.race(wake === undefined ? slept : Promise.race([slept, wake]));
    } finally {
      timer?.cancel();
    }
  }
}
