import { assert } from '../base/index.ts';
import type { AnswerSink, RequestResult, RunningRequest } from '../node/index.ts';
import type { ExtensionResponse } from '../wire/index.ts';
import { requestFailure } from './extension-failure.ts';

/** Last byte of a batch of rows that ends its statement. */
const STATEMENT_END = 0xff;

/** One unanswered request of the extension that runs on the node; turns its answer into messages. */
export class ExtensionCall implements AnswerSink {
  readonly request: number;
  readonly #nodeId: bigint;
  readonly #send: (response: ExtensionResponse) => void;
  readonly #ended: () => void;
  #running: RunningRequest | undefined;
  #credits = 0;
  #cancelled = false;
  #done = false;
  #statement = 0;

  /** `ended` is called once, after the last message was sent. */
  constructor(
    request: number,
    nodeId: bigint,
    send: (response: ExtensionResponse) => void,
    ended: () => void,
  ) {
    this.request = request;
    this.#nodeId = nodeId;
    this.#send = send;
    this.#ended = ended;
  }

  get started(): boolean {
    return this.#running !== undefined || this.#done;
  }

  /** Hands the request to the node. The sink may be called before the node has returned. */
  start(begin: (sink: AnswerSink) => RunningRequest): void {
    assert(!this.started, 'a request starts once');
    const running = begin(this);
    this.#running = running;
    if (this.#done) return;
    if (this.#credits > 0) running.credit(this.#credits);
    if (this.#cancelled) running.interrupt();
  }

  credit(batches: number): void {
    if (this.#done) return;
    if (this.#running === undefined) this.#credits += batches;
    else this.#running.credit(batches);
  }

  cancel(): void {
    if (this.#done || this.#cancelled) return;
    this.#cancelled = true;
    this.#running?.interrupt();
  }

  rows(batch: Uint8Array): void {
    assert(!this.#done, 'rows after the end of a request');
    this.#send({ type: 'rows', request: this.request, statementIndex: this.#statement, batch });
    if (batch[batch.length - 1] === STATEMENT_END) this.#statement++;
  }

  end(result: RequestResult): void {
    assert(!this.#done, 'a request ends once');
    this.#done = true;
    const request = this.request;
    if (result.kind === 'done') {
      const { index, results, inTransaction } = result;
      this.#send({ type: 'end', request, index, nodeId: this.#nodeId, inTransaction, results });
    } else if (result.kind === 'described') {
      this.#send({ type: 'description', request, description: result.description });
    } else {
      this.#send(requestFailure(request, result.failure, result.results, result.inTransaction));
    }
    this.#ended();
  }
}
