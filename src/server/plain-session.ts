import { DecodeError, QuorateError } from '../base/index.ts';
import type { NodeSession, RequestResult } from '../node/index.ts';
import {
  type ClientResponse,
  type DecodedRequest,
  decodeClientRequest,
  encodeClientResponse,
  encodeMessageHeader,
  REQUEST,
  RESPONSE,
  type WireMessage,
} from '../wire/index.ts';
import { OUTPUT_HIGH_BYTES, type SessionContext, type SessionOutput } from './context.ts';
import { refuseName } from './database-name.ts';
import { dumpParts } from './dump.ts';
import { openDeclaration } from './open-declaration.ts';
import { nodeAnswer } from './plain-admin.ts';
import { PlainCall } from './plain-call.ts';
import { PlainDatabase, type SqlRequest } from './plain-database.ts';
import { FAILURE, failure, NO_DATABASE, NO_STATEMENT, NOT_LEADER } from './plain-failure.ts';

/** With this many requests or bytes waiting, nothing more is read from the connection. */
const QUEUE_REQUESTS = 64;
const QUEUE_BYTES = 1024 * 1024;

const JOINED_BYTES = 1024;

/** Requests that exist in more than schema 0 (client-protocol.md §4). */
const SCHEMAS: ReadonlySet<number> = new Set([
  REQUEST.prepare,
  REQUEST.exec,
  REQUEST.query,
  REQUEST.execSql,
  REQUEST.querySql,
]);

const DUMP_ELSEWHERE = failure(FAILURE.error, 'Dump needs a connection without the extension');

/** The server's side of dqlite's client protocol on one connection: requests one after another, in order. */
export class PlainSession {
  readonly #context: SessionContext;
  readonly #output: SessionOutput;
  readonly #legacy: boolean;
  readonly #queue: WireMessage[] = [];
  #queueBytes = 0;
  #busy = false;
  #pumping = false;
  #closed = false;
  #database: PlainDatabase | undefined;
  #call: PlainCall | undefined;
  /** Lost while its request ran: closed when that is answered. */
  #leftover: NodeSession | undefined;
  #wakeDump: (() => void) | undefined;
  #dumping = false;
  #shared = false;

  constructor(context: SessionContext, output: SessionOutput, legacy: boolean) {
    this.#context = context;
    this.#output = output;
    this.#legacy = legacy;
  }

  /** Parts of one message leave one by one: nothing else may stand between them. */
  get dumping(): boolean {
    return this.#dumping;
  }

  /** The extension is spoken on this connection too: its messages may leave at any time. */
  share(): void {
    this.#shared = true;
  }

  /** More than enough is waiting: do not read on. */
  get full(): boolean {
    return this.#queue.length >= QUEUE_REQUESTS || this.#queueBytes >= QUEUE_BYTES;
  }

  get idle(): boolean {
    return !this.#busy && this.#queue.length === 0;
  }

  /** Takes one message; its body is copied if it has to wait. */
  accept(message: WireMessage): void {
    if (this.#closed) return;
    if (this.idle && this.#output.bufferedBytes < OUTPUT_HIGH_BYTES) {
      this.#start(message);
      return;
    }
    // Only what runs is interrupted, and only when nothing but the Interrupt follows it.
    if (message.type === REQUEST.interrupt && this.#queue.length === 0) {
      this.#call?.interrupt();
    }
    this.#queue.push({ ...message, body: message.body.slice() });
    this.#queueBytes += message.body.length;
    this.#pump();
  }

  /** What was sent is written. */
  drained(): void {
    this.#wakeDump?.();
    this.#call?.drained();
    this.#pump();
  }

  /** The connection is gone: what runs is ended, what is open is rolled back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.length = 0;
    this.#database?.session.close();
    this.#leftover?.close();
    this.#wakeDump?.();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#closed && !this.#busy && this.#output.bufferedBytes < OUTPUT_HIGH_BYTES) {
      const message = this.#queue.shift();
      if (message === undefined) break;
      this.#queueBytes -= message.body.length;
      this.#start(message);
    }
    this.#pumping = false;
  }

  #start(message: WireMessage): void {
    let request: DecodedRequest;
    try {
      request = decodeClientRequest(message.type, message.schema, message.body);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#output.end(error.message);
      return;
    }
    this.#busy = true;
    if (message.schema !== 0 && !SCHEMAS.has(message.type) && request.type !== 'unknown') {
      this.#finish(failure(FAILURE.parse, 'unrecognized schema version'));
    } else this.#run(request);
  }

  #send(response: ClientResponse): void {
    if (!this.#closed) this.#output.send([encodeClientResponse(response)]);
  }

  #finish(response: ClientResponse | undefined): void {
    if (response !== undefined) this.#send(response);
    this.#call = undefined;
    this.#busy = false;
    this.#pump();
  }

  #run(request: DecodedRequest): void {
    switch (request.type) {
      case 'unknown':
        this.#finish(
          failure(
            FAILURE.parse,
            SCHEMAS.has(request.code) ? 'unrecognized schema version' : 'unrecognized request type',
          ),
        );
        return;
      case 'open':
        this.#finish(this.#open(request.name, request.vfs));
        return;
      case 'prepare':
      case 'exec':
      case 'query':
      case 'exec-sql':
      case 'query-sql':
        this.#sql(request);
        return;
      case 'finalize':
        this.#finish(this.#finalize(request.statement));
        return;
      case 'interrupt':
        this.#finish({ type: 'empty' });
        return;
      case 'dump':
        if (this.#shared) this.#finish(DUMP_ELSEWHERE);
        else this.#dump(request.name).catch((error: unknown) => this.#output.end(String(error)));
        return;
      default:
        this.#node(request);
    }
  }

  #node(request: DecodedRequest): void {
    const answer = nodeAnswer(this.#context.services, request, this.#legacy);
    if (answer instanceof Promise) answer.then((response) => this.#finish(response));
    else this.#finish(answer ?? failure(FAILURE.parse, 'unrecognized request type'));
  }

  #open(name: string, vfs: string): ClientResponse {
    const { services, limits } = this.#context;
    if (!services.isLeader()) return NOT_LEADER;
    if (this.#database !== undefined) {
      return failure(FAILURE.busy, 'a database for this connection is already open');
    }
    const refused = refuseName(name, limits.databaseNameBytes, () =>
      services.status().databases.includes(name),
    );
    if (refused !== undefined) return failure(FAILURE.cannotOpen, refused);
    let declaration: string;
    try {
      declaration = openDeclaration(vfs);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      return failure(FAILURE.error, error.message);
    }
    const lost = (): void => this.#lost(database);
    const database: PlainDatabase = new PlainDatabase(this.#context, name, declaration, lost);
    this.#database = database;
    return { type: 'db', db: 0 };
  }

  /** Leadership is lost: as C-1.18, the socket stays, database and statements are gone (§9.1). */
  #lost(database: PlainDatabase): void {
    if (this.#database !== database) return;
    this.#database = undefined;
    if (this.#call === undefined) database.session.close();
    else this.#leftover = database.session;
  }

  #finalize(statement: number): ClientResponse {
    if (this.#database === undefined) return NO_DATABASE;
    return this.#database.statements.remove(statement) ? { type: 'empty' } : NO_STATEMENT;
  }

  #sql(request: SqlRequest): void {
    const database = this.#database;
    if (!this.#context.services.isLeader()) {
      this.#finish(NOT_LEADER);
      return;
    }
    if (database === undefined || BigInt(request.db) !== 0n) {
      this.#finish(NO_DATABASE);
      return;
    }
    const work = database.begin(request);
    if ('type' in work) {
      this.#finish(work);
      return;
    }
    const call = new PlainCall(this.#output, rowsMessage, (result) =>
      this.#answered(request, database, call, result),
    );
    this.#call = call;
    call.start((sink) => database.session.submit(work, sink));
  }

  #answered(
    request: SqlRequest,
    database: PlainDatabase,
    call: PlainCall,
    result: RequestResult,
  ): void {
    if (this.#closed) return;
    this.#leftover?.close();
    this.#leftover = undefined;
    const response = database.finish(request, result);
    const isQuery = request.type === 'query' || request.type === 'query-sql';
    const dropped = isQuery && call.interrupted;
    if (response === undefined && !dropped) call.sendNoRows();
    this.#finish(dropped ? undefined : response);
  }

  async #dump(name: string): Promise<void> {
    this.#dumping = true;
    const image = await this.#context.services.image(name);
    if (image === undefined) {
      this.#dumping = false;
      this.#finish(failure(FAILURE.databaseNotFound, 'database does not exists'));
      return;
    }
    for await (const part of dumpParts(name, image)) {
      if (this.#closed) return;
      this.#output.send([part]);
      while (!this.#closed && this.#output.bufferedBytes >= OUTPUT_HIGH_BYTES) {
        await new Promise<void>((resolve) => {
          this.#wakeDump = resolve;
        });
      }
    }
    this.#dumping = false;
    this.#finish(undefined);
  }
}

/** A short body is copied behind its header: one chunk costs the socket less than two. */
function rowsMessage(body: Uint8Array): readonly Uint8Array[] {
  if (body.length <= JOINED_BYTES) return [encodeClientResponse({ type: 'rows', body })];
  return [encodeMessageHeader(RESPONSE.rows, 0, body.length), body];
}
