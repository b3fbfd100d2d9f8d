import { DecodeError, Numbered, QuorateError } from '../base/index.ts';
import type { NodeRequest, NodeServices } from '../node/index.ts';
import {
  decodeExtensionRequest,
  EXTENSION_REQUEST,
  EXTENSION_VERSION,
  type ExtensionResponse,
  encodeExtensionResponse,
  type ReceivedRequest,
  type ReceivedRun,
  type SentEnd,
} from '../wire/index.ts';
import { OUTPUT_HIGH_BYTES, type SessionContext, type SessionOutput } from './context.ts';
import { ExtensionCall } from './extension-call.ts';
import { ownFailure, rejectionFailure } from './extension-failure.ts';
import { StreamState, type StreamTask } from './extension-stream.ts';
import { describeRequest, runRequest } from './node-request.ts';
import { statusJson } from './status-json.ts';

type Request<T extends ReceivedRequest['type']> = Extract<ReceivedRequest, { readonly type: T }>;

/** An unanswered request: what it holds, and how Credit and Cancel reach it. */
interface Unanswered {
  readonly bytes: number;
  readonly stream: number;
  readonly call: ExtensionCall | undefined;
}

/** Requests in flight may hold this many bytes of messages together, beside one that is larger. */
const IN_FLIGHT_BYTES = 128 * 1024 * 1024;

/** Limit of a Read index without a deadline of its own. */
const READ_INDEX_MS = 10_000;

/** The server's side of the protocol extension on one connection (docs/protocol-extensions.md). */
export class ExtensionSession {
  readonly #context: SessionContext;
  readonly #services: NodeServices;
  readonly #output: SessionOutput;
  readonly #unanswered = new Numbered<Unanswered>();
  readonly #streams = new Map<number, StreamState>();
  #unansweredBytes = 0;
  #nodeId = 0n;
  #unsubscribe: (() => void) | undefined;
  #leader = '';
  #closed = false;
  #refusing = false;

  constructor(context: SessionContext, output: SessionOutput) {
    this.#context = context;
    this.#services = context.services;
    this.#output = output;
  }

  get requestsInFlight(): number {
    return this.#unanswered.size;
  }

  /** Takes one message of types 32 to 41. Throws DecodeError when it is malformed or against the protocol. */
  accept(type: number, body: Uint8Array): void {
    if (this.#closed) return;
    if (type !== EXTENSION_REQUEST.hello && this.#unsubscribe === undefined) {
      throw new DecodeError(`message of type ${type} before Hello`);
    }
    const request = decodeExtensionRequest(type, body);
    switch (request.type) {
      case 'hello':
        this.#hello(request.version);
        return;
      case 'credit':
        this.#unanswered.get(request.request)?.call?.credit(request.batches);
        return;
      case 'cancel':
        this.#cancel(request.request);
        return;
      default:
        this.#admit(request, body.length);
    }
  }

  /** From now on new requests are refused, so that their clients go elsewhere; what has begun goes on. */
  refuse(): void {
    this.#refusing = true;
  }

  /** What was sent is written. */
  drained(): void {
    for (const { call } of this.#unanswered.values()) call?.drained();
  }

  /** The connection is gone: everything that runs is ended, everything open is rolled back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe?.();
    for (const stream of this.#streams.values()) stream.session.close();
    for (const { call, stream } of this.#unanswered.values()) if (stream === 0) call?.cancel();
    this.#streams.clear();
    this.#unanswered.clear();
  }

  #send(response: ExtensionResponse | SentEnd): void {
    if (!this.#closed) this.#output.send([encodeExtensionResponse(response)]);
  }

  #hello(version: number): void {
    if (version !== EXTENSION_VERSION) throw new DecodeError(`extension version ${version}`);
    const { id, address } = this.#services.status();
    this.#nodeId = id;
    this.#send({
      type: 'hello',
      version: EXTENSION_VERSION,
      nodeId: id,
      address,
      requestsInFlight: this.#context.limits.requestsInFlightPerConnection,
      batchesAhead: this.#context.limits.rowsBatchesAhead,
    });
    this.#leader = '';
    this.#tellLeader();
    this.#unsubscribe ??= this.#services.on((event) => {
      if (event.kind === 'leader' || event.kind === 'role') this.#tellLeader();
    });
  }

  #tellLeader(): void {
    const { leader } = this.#services.status();
    const id = leader?.id ?? 0n;
    const address = leader?.address ?? '';
    const text = `${id} ${address}`;
    if (text === this.#leader) return;
    this.#leader = text;
    this.#send({ type: 'leader', id, address });
  }

  #admit(
    request: Exclude<ReceivedRequest, Request<'hello' | 'credit' | 'cancel'>>,
    bytes: number,
  ): void {
    if (this.#unanswered.get(request.request) !== undefined) {
      throw new DecodeError(`request id ${request.request} is in use`);
    }
    if (this.#refusing && beginsAnew(request)) {
      const options = { retryable: true, outcome: 'rolled-back' } as const;
      this.#send(ownFailure(request.request, 'NODE_STOPPED', 'the node is stopping', options));
      return;
    }
    const { requestsInFlightPerConnection } = this.#context.limits;
    if (
      this.#unanswered.size >= requestsInFlightPerConnection ||
      (this.#unanswered.size > 0 && this.#unansweredBytes + bytes > IN_FLIGHT_BYTES)
    ) {
      const message = `more than ${requestsInFlightPerConnection} requests or ${IN_FLIGHT_BYTES} bytes are in flight on this connection`;
      const options = { retryable: true, outcome: 'rolled-back' } as const;
      this.#send(ownFailure(request.request, 'TOO_MANY_REQUESTS', message, options));
      return;
    }
    switch (request.type) {
      case 'run':
        this.#run(request, bytes);
        return;
      case 'describe':
        this.#execute(request.request, 0, bytes, describeRequest(request.database, request.sql));
        return;
      case 'open-stream':
        this.#openStream(request);
        return;
      case 'close-stream':
        this.#closeStream(request);
        return;
      case 'read-index':
        this.#promise(request.request, async () => ({
          type: 'read-index',
          request: request.request,
          index: await this.#services.readIndex(request.deadlineMs || READ_INDEX_MS),
        }));
        return;
      case 'status':
        this.#send({
          type: 'status',
          request: request.request,
          json: statusJson(this.#services.status()),
        });
        return;
      case 'digest':
        this.#promise(request.request, () => this.#digest(request));
    }
  }

  #run(run: ReceivedRun, bytes: number): void {
    const options = { retryable: true, outcome: 'rolled-back' } as const;
    const stream = this.#streams.get(run.stream);
    if (run.stream !== 0 && stream === undefined) {
      const message = `no stream ${run.stream} is open on this connection`;
      this.#send(ownFailure(run.request, 'STREAM_NOT_FOUND', message, options));
      return;
    }
    const request = runRequest(run, stream?.database ?? run.database);
    if (request instanceof QuorateError) this.#send(rejectionFailure(run.request, request));
    else this.#execute(run.request, run.stream, bytes, request);
  }

  #execute(request: number, streamId: number, bytes: number, nodeRequest: NodeRequest): void {
    const stream = this.#streams.get(streamId);
    const call = new ExtensionCall(
      request,
      this.#nodeId,
      (response) => this.#send(response),
      () => this.#output.bufferedBytes >= OUTPUT_HIGH_BYTES,
      () => {
        this.#answered(request);
        if (!this.#closed) stream?.next();
      },
    );
    this.#enter(request, { bytes, stream: streamId, call });
    if (stream === undefined) {
      call.start((sink) => this.#services.execute(nodeRequest, sink));
      return;
    }
    stream.add({
      request,
      run: () => {
        if (stream.lost) this.#refuseLost(request, stream);
        else call.start((sink) => stream.session.submit(nodeRequest, sink));
      },
    });
  }

  #refuseLost(request: number, stream: StreamState): void {
    this.#answered(request);
    const message = 'the stream was lost when this node lost its leadership: open another';
    this.#send(
      ownFailure(request, 'TX_ABORTED', message, { retryable: true, outcome: 'rolled-back' }),
    );
    stream.next();
  }

  #openStream(request: Request<'open-stream'>): void {
    const { stream: id, database } = request;
    const { limits } = this.#context;
    if (this.#streams.has(id)) throw new DecodeError(`stream ${id} is open already`);
    if (this.#streams.size >= limits.streamsPerConnection) {
      const message = `more than ${limits.streamsPerConnection} streams on this connection`;
      this.#send(ownFailure(request.request, 'TOO_MANY_STREAMS', message, { retryable: true }));
      return;
    }
    // A client may ask for less than the limit in all, and for any part of that without work; not for more.
    const totalMs = Math.min(
      request.totalMs || limits.transactionTotalMs,
      limits.transactionTotalMs,
    );
    const idleMs = Math.min(request.idleMs || limits.transactionIdleMs, totalMs);
    const session = this.#services.openSession({
      readOnly: request.readOnly,
      transactionIdleMs: idleMs,
      transactionTotalMs: totalMs,
      lost: () => {
        const stream = this.#streams.get(id);
        if (stream !== undefined) stream.lost = true;
      },
    });
    this.#streams.set(id, new StreamState(database, session));
    this.#acknowledge(request.request);
  }

  #closeStream(request: Request<'close-stream'>): void {
    const stream = this.#streams.get(request.stream);
    if (stream === undefined) {
      this.#acknowledge(request.request);
      return;
    }
    this.#enter(request.request, { bytes: 0, stream: request.stream, call: undefined });
    const task: StreamTask = {
      request: request.request,
      run: () => {
        this.#streams.delete(request.stream);
        stream.session.close();
        this.#answered(request.request);
        this.#acknowledge(request.request);
        for (const waiting of stream.removeAll()) {
          this.#answered(waiting.request);
          const options = { retryable: true, outcome: 'rolled-back' } as const;
          this.#send(
            ownFailure(waiting.request, 'STREAM_NOT_FOUND', 'the stream was closed', options),
          );
        }
      },
    };
    stream.add(task);
  }

  #cancel(request: number): void {
    const unanswered = this.#unanswered.get(request);
    if (unanswered?.call === undefined) return;
    if (this.#streams.get(unanswered.stream)?.remove(request) === true) {
      this.#answered(request);
      const options = { retryable: true, outcome: 'rolled-back' } as const;
      this.#send(ownFailure(request, 'INTERRUPTED', 'cancelled before it began', options));
      return;
    }
    unanswered.call.cancel();
  }

  #acknowledge(request: number): void {
    const { applied } = this.#services.status();
    this.#send({
      type: 'end',
      request,
      index: applied,
      nodeId: this.#nodeId,
      inTransaction: false,
      results: [],
    });
  }

  #promise(request: number, work: () => Promise<ExtensionResponse>): void {
    this.#enter(request, { bytes: 0, stream: 0, call: undefined });
    work()
      .catch((error: unknown) => rejectionFailure(request, error))
      .then((response) => {
        this.#answered(request);
        this.#send(response);
      });
  }

  async #digest(request: Request<'digest'>): Promise<ExtensionResponse> {
    const image = await this.#services.image(request.database);
    if (image === undefined) {
      return ownFailure(
        request.request,
        'DATABASE_NOT_FOUND',
        `this node has no database "${request.database}"`,
      );
    }
    const hash = this.#context.hash();
    for await (const chunk of image.chunks()) hash.update(chunk);
    const { index, pages } = image;
    return { type: 'digest', request: request.request, index, pages, sha256: hash.digest() };
  }

  #enter(request: number, unanswered: Unanswered): void {
    this.#unanswered.set(request, unanswered);
    this.#unansweredBytes += unanswered.bytes;
  }

  #answered(request: number): void {
    const unanswered = this.#unanswered.get(request);
    if (unanswered === undefined) return;
    this.#unanswered.delete(request);
    this.#unansweredBytes -= unanswered.bytes;
  }
}

/** Not a part of what is open already, such as a transaction. */
function beginsAnew(request: ReceivedRequest): boolean {
  switch (request.type) {
    case 'run':
      return request.stream === 0;
    case 'describe':
    case 'open-stream':
    case 'read-index':
      return true;
    default:
      return false;
  }
}
