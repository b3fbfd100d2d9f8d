import { assert } from '../base/index.ts';
import type { AnswerSink, RequestResult, RunningRequest } from '../node/index.ts';
import type { ExtensionResponse, SentEnd } from '../wire/index.ts';
import { requestFailure } from './extension-failure.ts';

/** Last byte of a batch of rows that ends its statement. */
const STATEMENT_END = 0xff;

/** Batches that the node may owe, however many the client would take: what is unsent stays bounded. */
const AHEAD = 4;

/** One unanswered request of the extension that runs on the node; turns its answer into messages. */
export class ExtensionCall implements AnswerSink {
  readonly request: number;
  readonly #nodeId: bigint;
  readonly #send: (response: ExtensionResponse | SentEnd) => void;
  readonly #ended: () => void;
  #running: RunningRequest | undefined;
  readonly #blocked: () => boolean;
  /** Batches that the client will take and the node does not know of yet. */
  #credits = 0;
  /** Batches that the node was asked for and has not sent. */
  #asked = 0;
  #cancelled = false;
  #done = false;
  #statement = 0;

  /** `ended` is called once, after the last message was sent. `blocked`: too much is unsent to ask for more. */
  constructor(
    request: number,
    nodeId: bigint,
    send: (response: ExtensionResponse | SentEnd) => void,
    blocked: () => boolean,
    ended: () => void,
  ) {
    this.request = request;
    this.#nodeId = nodeId;
    this.#send = send;
    this.#blocked = blocked;
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
    this.drained();
    if (this.#cancelled) running.interrupt();
  }

  credit(batches: number): void {
    if (this.#done) return;
    this.#credits += batches;
    this.drained();
  }

  /** The connection takes more: what the client is ready for may come. */
  drained(): void {
    if (this.#running === undefined || this.#done || this.#blocked()) return;
    const batches = Math.min(this.#credits, AHEAD - this.#asked);
    if (batches <= 0) return;
    this.#credits -= batches;
    this.#asked += batches;
    this.#running.credit(batches);
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
    if (this.#asked > 0) this.#asked--;
    this.drained();
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
