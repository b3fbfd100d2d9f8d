import type { Clock, QuorateError, Timer } from '../base/index.ts';
import type { ExtensionRequest, ExtensionResponse } from '../wire/index.ts';
import type { Call, EndListener } from './call.ts';
import { NotAnswered } from './errors.ts';

/** The server answers by the deadline itself; so long its answer may be under way. */
const ANSWER_GRACE_MS = 250;

export type RowsResponse = Extract<ExtensionResponse, { type: 'rows' }>;
export type FinalResponse = Extract<ExtensionResponse, { request: number }>;

/** Takes the batches of rows of a request. */
export interface RowsTaker {
  rows(response: RowsResponse): void;
}

/** What is done with what the server sends for a request. */
export interface Pending extends RowsTaker {
  final(response: FinalResponse): void;
  /** The connection ended first. */
  lost(reason: Error): void;
}

/** The connection that a request was sent on. */
export interface ExchangePort {
  readonly clock: Clock;
  send(request: ExtensionRequest): void;
  /** Its answer, if it still comes, is nobody's. */
  abandon(request: number): void;
}

/** One request until its final answer or the end of its call. */
export class Exchange implements Pending, EndListener {
  readonly promise: Promise<FinalResponse>;
  readonly #port: ExchangePort;
  readonly #request: number;
  readonly #call: Call;
  readonly #taker: RowsTaker | undefined;
  #resolve: (response: FinalResponse) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #grace: Timer | undefined;

  constructor(port: ExchangePort, request: number, call: Call, taker: RowsTaker | undefined) {
    this.#port = port;
    this.#request = request;
    this.#call = call;
    this.#taker = taker;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    call.addListener(this);
  }

  rows(response: RowsResponse): void {
    this.#taker?.rows(response);
  }

  final(response: FinalResponse): void {
    this.#done();
    this.#resolve(response);
  }

  lost(reason: Error): void {
    this.#done();
    this.#reject(new NotAnswered(reason.message, true, this.#call.ended, reason));
  }

  callEnded(reason: QuorateError): void {
    this.#port.send({ type: 'cancel', request: this.#request });
    const giveUp = (): void => {
      this.#port.abandon(this.#request);
      this.#reject(new NotAnswered(reason.message, true, reason));
    };
    if (reason.code === 'TIMEOUT') this.#grace = this.#port.clock.after(ANSWER_GRACE_MS, giveUp);
    else giveUp();
  }

  #done(): void {
    this.#grace?.cancel();
    this.#call.removeListener(this);
  }
}
