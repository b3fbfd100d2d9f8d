import { type Connection, logIndex, type Value } from '../../src/base/index.ts';
import {
  type ClientResponse,
  type DecodedRequest,
  decodeClientRequest,
  decodeExtensionRequest,
  type ExtensionFailure,
  type ExtensionRequest,
  type ExtensionResponse,
  type ExtensionResult,
  ExtensionRowsWriter,
  encodeClientResponse,
  encodeExtensionResponse,
  isExtensionRequest,
  MessageReader,
} from '../../src/wire/index.ts';
import { unpacked } from '../support/batches.ts';
import type { TestNetwork } from './test-network.ts';

export type RunRequest = Extract<ExtensionRequest, { type: 'run' }>;
type Numbered = Exclude<ExtensionRequest, { type: 'hello' }>;

/** One connection as the script of a server sees it. */
export interface Peer {
  send(response: ExtensionResponse): void;
  /** Ends a run well. */
  end(request: number, end?: Partial<Extract<ExtensionResponse, { type: 'end' }>>): void;
  /** Answers a run with rows. */
  rows(
    request: number,
    columns: readonly string[],
    rows: readonly (readonly Value[])[],
    index?: number,
  ): void;
  fail(request: number, failure: Partial<ExtensionFailure>): void;
  drop(): void;
}

export interface FakeServerOptions {
  readonly id: bigint;
  readonly address: string;
  /** How it answers Hello: 'failure' as C since 1.12, 'silent' as C-1.11. Default 'extension'. */
  readonly speaks?: 'extension' | 'failure' | 'silent';
  readonly requestsInFlight?: number;
}

/** A server that does what its script says. */
export class FakeServer {
  readonly id: bigint;
  readonly address: string;
  readonly #options: FakeServerOptions;
  readonly #network: TestNetwork;
  readonly #peers = new Set<Peer>();
  /** All extension requests but Hello, in order. */
  readonly requests: Numbered[] = [];
  readonly plainRequests: DecodedRequest[] = [];
  leader: { readonly id: bigint; readonly address: string } = { id: 0n, address: '' };
  members: readonly string[] = [];
  /** Answers everything but Hello, Status, Credit and streams. */
  onRequest: (request: Numbered, peer: Peer) => void = (request, peer) => {
    if (request.type === 'run') peer.end(request.request);
  };
  /** Answers plain requests; undefined = no answer. */
  onPlain: (request: DecodedRequest) => readonly ClientResponse[] = () => [];
  connections = 0;
  /** See FakeServerOptions. */
  speaks: 'extension' | 'failure' | 'silent';
  /** How long it takes to look at what arrives: a busy process. */
  delayMs = 0;
  /** How long it takes, once, until the next message of the extension, which is a Hello, is looked at. */
  helloDelayMs = 0;

  constructor(network: TestNetwork, options: FakeServerOptions) {
    this.id = options.id;
    this.address = options.address;
    this.#options = options;
    this.speaks = options.speaks ?? 'extension';
    this.#network = network;
    this.start();
  }

  start(): void {
    this.#network.serve(this.address, (connection) => this.#accept(connection));
  }

  /** SQL texts of all runs, in order. */
  get statements(): string[] {
    return this.requests.flatMap((request) =>
      request.type === 'run' ? request.statements.map(({ sql }) => sql) : [],
    );
  }

  /** Changes whom it takes for the leader and tells everybody. */
  setLeader(leader: { readonly id: bigint; readonly address: string }): void {
    this.leader = leader;
    for (const peer of this.#peers) peer.send({ type: 'leader', ...leader });
  }

  #accept(connection: Connection): void {
    this.connections++;
    const reader = new MessageReader();
    const peer = this.#peer(connection);
    let handshake = true;
    connection.start({
      data: (bytes) => {
        reader.push(bytes);
        if (handshake) {
          if (reader.word() !== 1n) throw new Error('bad handshake');
          handshake = false;
        }
        for (let message = reader.next(); message !== undefined; message = reader.next()) {
          const { type, schema, body } = message;
          const copy = body.slice();
          const receive = () => this.#receive(type, schema, copy, connection, peer);
          if (this.delayMs > 0) this.#network.clock.after(this.delayMs, receive);
          else receive();
        }
      },
      drain: () => undefined,
      close: () => this.#peers.delete(peer),
    });
  }

  #receive(
    type: number,
    schema: number,
    body: Uint8Array,
    connection: Connection,
    peer: Peer,
  ): void {
    const { speaks, helloDelayMs } = this;
    if (!isExtensionRequest(type)) {
      const request = decodeClientRequest(type, schema, body);
      this.plainRequests.push(request);
      if (request.type === 'cluster' && request.format > 1n && speaks !== 'silent') {
        const message = 'unrecognized cluster format';
        connection.write(encodeClientResponse({ type: 'failure', code: 1005, message }));
        return;
      }
      for (const answer of this.onPlain(request)) connection.write(encodeClientResponse(answer));
      return;
    }
    if (helloDelayMs > 0) {
      this.helloDelayMs = 0;
      const receive = () => this.#receive(type, schema, body, connection, peer);
      this.#network.clock.after(helloDelayMs, receive);
      return;
    }
    if (speaks !== 'extension') {
      const message = 'unrecognized request type';
      if (speaks === 'failure') {
        connection.write(encodeClientResponse({ type: 'failure', code: 1005, message }));
      }
      return;
    }
    const request = unpacked(decodeExtensionRequest(type, body));
    if (request.type === 'hello') {
      peer.send({
        type: 'hello',
        version: 1,
        nodeId: this.id,
        address: this.address,
        requestsInFlight: this.#options.requestsInFlight ?? 16,
        batchesAhead: 2,
      });
      peer.send({ type: 'leader', ...this.leader });
      this.#peers.add(peer);
      return;
    }
    if (request.type === 'status') {
      const members = this.members.map((address, i) => ({ id: i + 1, address, role: 'voter' }));
      peer.send({ type: 'status', request: request.request, json: JSON.stringify({ members }) });
      return;
    }
    this.requests.push(request);
    if (request.type === 'open-stream' || request.type === 'close-stream')
      peer.end(request.request);
    else this.onRequest(request, peer);
  }

  #peer(connection: Connection): Peer {
    const send = (response: ExtensionResponse) =>
      connection.write(encodeExtensionResponse(response));
    const end: Peer['end'] = (request, overrides = {}) =>
      send({
        type: 'end',
        request,
        index: logIndex(0),
        nodeId: this.id,
        inTransaction: false,
        results: [result()],
        ...overrides,
      });
    return {
      send,
      end,
      rows: (request, columns, rows, index = 0) => {
        const batch = rowBatch(columns, rows);
        send({ type: 'rows', request, statementIndex: 0, batch });
        end(request, { index: logIndex(index), results: [result({ columns })] });
      },
      fail: (request, failure) =>
        send({
          type: 'failure',
          request,
          rawCode: 0,
          offset: undefined,
          statementIndex: undefined,
          outcome: undefined,
          retryable: false,
          inTransaction: false,
          code: 'SQLITE_ERROR',
          message: 'scripted failure',
          extendedCode: undefined,
          leader: undefined,
          results: [],
          ...failure,
        }),
      drop: () => connection.destroy(),
    };
  }
}

export function result(overrides: Partial<ExtensionResult> = {}): ExtensionResult {
  return {
    rowsAffected: 0,
    lastInsertRowid: 0n,
    columns: [],
    columnTypes: [],
    ...overrides,
  };
}

/** One batch of rows; the first of its statement unless `next`. */
export function rowBatch(
  columns: readonly string[],
  rows: readonly (readonly Value[])[],
  { more = false, next = false } = {},
): Uint8Array {
  const writer = new ExtensionRowsWriter();
  // A later batch repeats no names, but the writer must know how many columns there are.
  writer.beginFirst(columns);
  if (next) writer.beginNext();
  for (const row of rows) {
    writer.beginRow();
    for (const value of row) writer.value(value);
  }
  return writer.end(more);
}
