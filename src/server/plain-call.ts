import { assert } from '../base/index.ts';
import type { AnswerSink, RequestResult, RunningRequest } from '../node/index.ts';
import { OUTPUT_HIGH_BYTES, type SessionOutput } from './context.ts';

/** Body of a Rows message without columns and rows: count 0, end marker. */
const NO_ROWS = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);

/** One request of a plain client that runs on the node; sends its rows as fast as the client takes them. */
export class PlainCall implements AnswerSink {
  readonly #output: SessionOutput;
  readonly #encodeRows: (body: Uint8Array) => readonly Uint8Array[];
  readonly #ended: (result: RequestResult) => void;
  #running: RunningRequest | undefined;
  #owed = 0;
  #interrupted = false;
  #done = false;
  #batches = 0;

  /** `encodeRows` makes a message of a body of rows; `ended` is called once. */
  constructor(
    output: SessionOutput,
    encodeRows: (body: Uint8Array) => readonly Uint8Array[],
    ended: (result: RequestResult) => void,
  ) {
    this.#output = output;
    this.#encodeRows = encodeRows;
    this.#ended = ended;
  }

  /** An Interrupt came: the client wants no further rows, only the Empty that follows. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** Hands the request to the node. The sink may be called before the node has returned. */
  start(begin: (sink: AnswerSink) => RunningRequest): void {
    const running = begin(this);
    this.#running = running;
    if (this.#done) return;
    if (this.#interrupted) running.interrupt();
    this.drained();
  }

  /** The client took what was sent: more rows may come. */
  drained(): void {
    if (this.#running === undefined || this.#owed === 0 || this.#done) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.#running.credit(owed);
  }

  interrupt(): void {
    if (this.#interrupted || this.#done) return;
    this.#interrupted = true;
    this.#running?.interrupt();
  }

  /** For a query that yielded no batch at all, because its statement has no columns. */
  sendNoRows(): void {
    if (this.#batches === 0) this.#send(NO_ROWS);
  }

  rows(batch: Uint8Array): void {
    assert(!this.#done, 'rows after the end of a request');
    if (!this.#interrupted) this.#send(batch);
    this.#owed++;
    if (this.#output.bufferedBytes < OUTPUT_HIGH_BYTES) this.drained();
  }

  end(result: RequestResult): void {
    assert(!this.#done, 'a request ends once');
    this.#done = true;
    this.#ended(result);
  }

  #send(body: Uint8Array): void {
    this.#batches++;
    this.#output.send(this.#encodeRows(body));
  }
}
