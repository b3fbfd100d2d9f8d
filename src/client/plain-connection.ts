import { type Connection, DecodeError } from '../base/index.ts';
import {
  type ClientRequest,
  type ClientResponse,
  decodeClientResponse,
  encodeClientRequest,
} from '../wire/index.ts';
import type { Call } from './call.ts';
import { NotAnswered } from './errors.ts';
import { FrameReader } from './frame-reader.ts';

/** Version 1 of dqlite's protocol (client-protocol.md §1). */
const HANDSHAKE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
/** The word that ends a batch of rows when more follow. */
const ROWS_MORE = 0xee;

interface Waiting {
  readonly afterQuery: boolean;
  rows(body: Uint8Array): void;
  final(response: ClientResponse): void;
  failed(reason: Error): void;
}

/** One connection in plain dqlite: a request, its answer, the next request (client-protocol.md). */
export class PlainConnection {
  readonly #connection: Connection;
  readonly #onClose: (reason: Error) => void;
  #waiting: Waiting | undefined;
  #closed: Error | undefined;

  constructor(connection: Connection, onClose: (reason: Error) => void = () => undefined) {
    this.#connection = connection;
    this.#onClose = onClose;
    const frames = new FrameReader((type, schema, body) => this.#receive(type, schema, body));
    connection.start({
      data: (bytes) => {
        if (this.#closed !== undefined) return;
        try {
          frames.push(bytes);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
          this.destroy(error);
        }
      },
      drain: () => undefined,
      close: (reason) => this.#end(reason ?? new Error('the server ended the connection')),
    });
    connection.write(HANDSHAKE);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  destroy(reason: Error = new Error('closed')): void {
    this.#end(reason);
    this.#connection.destroy(reason);
  }

  #end(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.failed(reason);
    this.#onClose(reason);
  }

  #receive(type: number, schema: number, body: Uint8Array): void {
    const waiting = this.#waiting;
    if (waiting === undefined) throw new DecodeError('an answer without a request');
    const { afterQuery } = waiting;
    const response = decodeClientResponse(type, schema, body, { afterQuery });
    if (response.type === 'rows') {
      waiting.rows(response.body);
      if (body[body.length - 1] === ROWS_MORE) return;
    }
    this.#waiting = undefined;
    waiting.final(response);
  }

  /**
   * Sends a request and waits for its answer; for a query, `onRows` gets the batches. There is no way to
   * take a request back: when the call ends first, the connection is closed, which ends the statement.
   */
  exchange(
    request: ClientRequest,
    call: Call,
    onRows: (body: Uint8Array) => void = () => undefined,
  ): Promise<ClientResponse> {
    return new Promise((resolve, reject) => {
      call.check();
      if (this.#closed !== undefined) throw new NotAnswered(this.#closed.message, false);
      if (this.#waiting !== undefined) throw new Error('a request is under way');
      const message = encodeClientRequest(request);
      const listener = { callEnded: (reason: Error) => this.destroy(reason) };
      call.addListener(listener);
      this.#waiting = {
        afterQuery: request.type === 'query' || request.type === 'query-sql',
        rows: onRows,
        final: (response) => {
          call.removeListener(listener);
          resolve(response);
        },
        failed: (reason) => {
          call.removeListener(listener);
          reject(new NotAnswered(reason.message, true, call.ended, reason));
        },
      };
      this.#connection.write(message);
    });
  }

  /** As `exchange`, for answers of one type; a Failure becomes what `fail` makes of it. */
  async expect<T extends ClientResponse['type']>(
    type: T,
    request: ClientRequest,
    call: Call,
    fail: (code: number, message: string) => Error,
    onRows?: (body: Uint8Array) => void,
  ): Promise<Extract<ClientResponse, { type: T }>> {
    const response = await this.exchange(request, call, onRows);
    if (response.type === 'failure') throw fail(response.code, response.message);
    if (isType(response, type)) return response;
    const error = new Error(`an unexpected answer ${response.type} to ${request.type}`);
    this.destroy(error);
    throw new NotAnswered(error.message, true);
  }
}

function isType<T extends ClientResponse['type']>(
  response: ClientResponse,
  type: T,
): response is Extract<ClientResponse, { type: T }> {
  return response.type === type;
}

/** Dials within a call; a connection that comes too late is closed. Throws NotAnswered. */
export async function dialWithin(
  dial: () => Promise<Connection>,
  address: string,
  call: Call,
): Promise<Connection> {
  call.check();
  const dialled = dial();
  try {
    return await call.race(dialled);
  } catch (error) {
    if (!(error instanceof NotAnswered)) {
      throw new NotAnswered(`cannot reach ${address}`, false, undefined, error);
    }
    dialled.then(
      (connection) => connection.destroy(),
      () => undefined,
    );
    throw error;
  }
}
