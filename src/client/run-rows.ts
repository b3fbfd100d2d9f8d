import { DecodeError, QuorateError, type Value } from '../base/index.ts';
import { type ExtensionRequest, ExtensionRowsReader } from '../wire/index.ts';
import type { RowsResponse, RowsTaker } from './exchange.ts';
import type { RowsHandler, Run } from './link.ts';

const NOTHING = (): void => undefined;

/** Decodes the rows of a run and lets the server send more as they are taken. */
export class RunRows implements RowsTaker {
  readonly #run: Run;
  readonly #handler: RowsHandler;
  readonly #send: (request: ExtensionRequest) => void;
  readonly #readers: ExtensionRowsReader[] = [];
  /** Number of the request, once it is known. */
  request = 0;
  /** Why the caller does not want the rows that came. */
  refused: QuorateError | undefined;

  constructor(run: Run, handler: RowsHandler, send: (request: ExtensionRequest) => void) {
    this.#run = run;
    this.#handler = handler;
    this.#send = send;
  }

  rows({ statementIndex, batch }: RowsResponse): void {
    if (this.refused !== undefined) {
      this.#credit();
      return;
    }
    const run = this.#run;
    this.#readers[statementIndex] ??= new ExtensionRowsReader(run.integers);
    const reader = this.#readers[statementIndex];
    let values: Value[][];
    try {
      values = reader.batch(batch);
    } catch (error) {
      if (error instanceof DecodeError || !(error instanceof QuorateError)) throw error;
      // The caller's own limit (INTEGER_RANGE): the rest is not wanted, but the outcome is.
      this.refused = error;
      if (run.write) this.#credit();
      else this.#send({ type: 'cancel', request: this.request });
      return;
    }
    // Where another statement follows, its rows are wanted too.
    const last = reader.ended && statementIndex === run.statements.length - 1;
    const taken = last ? NOTHING : (): void => this.#credit();
    this.#handler(statementIndex, reader.columns ?? [], values, taken);
  }

  #credit(): void {
    this.#send({ type: 'credit', request: this.request, batches: 1 });
  }
}
