import {
  ByteReader,
  ByteWriter,
  DecodeError,
  hexadecimal,
  type LogIndex,
  logIndex,
} from '../base/index.ts';
import {
  beginMessage,
  type ExtensionStatement,
  expectEnd,
  finishMessage,
  readName,
  readParameters,
  readString,
  writeParameters,
  writeString,
} from './extension-value.ts';
import { readStatements, type StatementBatch, writeStatements } from './statement-batch.ts';

/** Message types of requests (docs/protocol-extensions.md). */
export const EXTENSION_REQUEST = {
  hello: 32,
  run: 33,
  credit: 34,
  cancel: 35,
  openStream: 36,
  closeStream: 37,
  readIndex: 38,
  describe: 39,
  status: 40,
  digest: 41,
} as const;

export const EXTENSION_VERSION = 1;

const CONSISTENCIES = ['linearizable', 'lease', 'session', 'local'] as const;
const KINDS = ['statement', 'script', 'batch', 'schema', 'rehearse'] as const;
const MODES = ['write', 'read', 'deferred'] as const;
const ANY_STALENESS = 0xffffffff;
const READ_ONLY = 1;
/** Bytes of the identification of what a session declares; all zero = nothing. */
const DECLARATION_BYTES = 16;

/** What to run: one statement, a script, a batch, or a request about the schema, whose JSON stands in place of the statement. */
export interface ExtensionWork {
  readonly consistency: (typeof CONSISTENCIES)[number];
  readonly kind: (typeof KINDS)[number];
  readonly mode: (typeof MODES)[number];
  readonly minimumIndex: LogIndex;
  /** undefined = any. */
  readonly maxStalenessMs: number | undefined;
  readonly maxStalenessEntries: number | undefined;
  /** 32 hexadecimal digits: which migrations the code that asks knows; '' = it does not say. */
  readonly declaration: string;
  readonly database: string;
  readonly statements: readonly ExtensionStatement[];
}

export interface ExtensionRun extends ExtensionWork {
  readonly type: 'run';
  readonly request: number;
  /** 0 = none. */
  readonly stream: number;
  /** Milliseconds from arrival; 0 = none. */
  readonly deadlineMs: number;
}

export type ExtensionRequest =
  | { readonly type: 'hello'; readonly version: number }
  | ExtensionRun
  | { readonly type: 'credit'; readonly request: number; readonly batches: number }
  | { readonly type: 'cancel'; readonly request: number }
  | {
      readonly type: 'open-stream';
      readonly request: number;
      readonly stream: number;
      readonly readOnly: boolean;
      /** 0 = the server's default. */
      readonly idleMs: number;
      readonly totalMs: number;
      readonly database: string;
    }
  | { readonly type: 'close-stream'; readonly request: number; readonly stream: number }
  | { readonly type: 'read-index'; readonly request: number; readonly deadlineMs: number }
  | {
      readonly type: 'describe';
      readonly request: number;
      readonly database: string;
      readonly sql: string;
    }
  | { readonly type: 'status'; readonly request: number }
  | { readonly type: 'digest'; readonly request: number; readonly database: string };

/** A Run as it arrives. */
export interface ReceivedRun extends Omit<ExtensionRun, 'statements'> {
  /** Those of a batch stay as they travelled. */
  readonly statements: ExtensionStatement | StatementBatch;
}

export type ReceivedRequest = Exclude<ExtensionRequest, ExtensionRun> | ReceivedRun;

/** A whole message, header included. Throws RangeError for an integer that does not fit into 64 bits. */
export function encodeExtensionRequest(request: ExtensionRequest): Uint8Array {
  const writer = ByteWriter.pooled();
  const code = EXTENSION_REQUEST;
  switch (request.type) {
    case 'hello':
      beginMessage(writer, code.hello).safe(request.version).safe(0);
      break;
    case 'run':
      return encodeExtensionRun(request.request, request.stream, request.deadlineMs, request);
    case 'credit':
      beginMessage(writer, code.credit).safe(request.request).safe(request.batches);
      break;
    case 'cancel':
      beginMessage(writer, code.cancel).safe(request.request);
      break;
    case 'open-stream':
      beginMessage(writer, code.openStream).safe(request.request).safe(request.stream);
      writer.u32(request.readOnly ? READ_ONLY : 0).u32(request.idleMs);
      writer.u32(request.totalMs).u32(0);
      writeString(writer, request.database);
      break;
    case 'close-stream':
      beginMessage(writer, code.closeStream).safe(request.request).safe(request.stream);
      break;
    case 'read-index':
      beginMessage(writer, code.readIndex).safe(request.request).u32(request.deadlineMs).u32(0);
      break;
    case 'describe':
      beginMessage(writer, code.describe).safe(request.request);
      writeString(writer, request.database);
      writeString(writer, request.sql);
      break;
    case 'status':
      beginMessage(writer, code.status).safe(request.request);
      break;
    case 'digest':
      beginMessage(writer, code.digest).safe(request.request);
      writeString(writer, request.database);
      break;
  }
  return finishMessage(writer);
}

/** As `encodeExtensionRequest`, for a Run. */
export function encodeExtensionRun(
  request: number,
  stream: number,
  deadlineMs: number,
  run: ExtensionWork,
): Uint8Array {
  const writer = beginMessage(ByteWriter.pooled(), EXTENSION_REQUEST.run);
  writer.safe(request).safe(stream).u32(deadlineMs);
  writer.u8(CONSISTENCIES.indexOf(run.consistency)).u8(KINDS.indexOf(run.kind));
  writer.u8(MODES.indexOf(run.mode)).u8(0).safe(run.minimumIndex);
  writer.u32(run.maxStalenessMs ?? ANY_STALENESS).u32(run.maxStalenessEntries ?? ANY_STALENESS);
  writeDeclaration(writer, run.declaration);
  writeString(writer, run.database);
  if (run.kind === 'batch') writeStatements(writer, run.statements);
  else writeStatement(writer, run.statements);
  return finishMessage(writer);
}

function writeStatement(writer: ByteWriter, [statement]: readonly ExtensionStatement[]): void {
  writer.safe(1);
  writeString(writer, statement.sql);
  writeParameters(writer, statement.parameters);
}

/** True for the types of the extension's requests. */
export function isExtensionRequest(type: number): boolean {
  return type >= EXTENSION_REQUEST.hello && type <= EXTENSION_REQUEST.digest;
}

/** Decodes the body of a message of type 32 to 41. Throws DecodeError. */
export function decodeExtensionRequest(type: number, body: Uint8Array): ReceivedRequest {
  const reader = new ByteReader(body);
  const request = readRequest(type, reader);
  expectEnd(reader);
  return request;
}

function readRequest(type: number, reader: ByteReader): ReceivedRequest {
  if (type === EXTENSION_REQUEST.hello) {
    const version = reader.safe();
    reader.skip(8);
    return { type: 'hello', version };
  }
  const request = reader.safe();
  if (request === 0) throw new DecodeError('request id 0');
  switch (type) {
    case EXTENSION_REQUEST.run:
      return readRun(request, reader);
    case EXTENSION_REQUEST.credit:
      return { type: 'credit', request, batches: reader.safe() };
    case EXTENSION_REQUEST.cancel:
      return { type: 'cancel', request };
    case EXTENSION_REQUEST.openStream: {
      const stream = streamId(reader.safe());
      const readOnly = (reader.u32() & READ_ONLY) !== 0;
      const idleMs = reader.u32();
      const totalMs = reader.u32();
      reader.skip(4);
      const database = readString(reader);
      return { type: 'open-stream', request, stream, readOnly, idleMs, totalMs, database };
    }
    case EXTENSION_REQUEST.closeStream:
      return { type: 'close-stream', request, stream: streamId(reader.safe()) };
    case EXTENSION_REQUEST.readIndex: {
      const deadlineMs = reader.u32();
      reader.skip(4);
      return { type: 'read-index', request, deadlineMs };
    }
    case EXTENSION_REQUEST.describe:
      return {
        type: 'describe',
        request,
        database: readString(reader),
        sql: readString(reader),
      };
    case EXTENSION_REQUEST.status:
      return { type: 'status', request };
    case EXTENSION_REQUEST.digest:
      return { type: 'digest', request, database: readString(reader) };
    default:
      throw new DecodeError(`unknown request type ${type}`);
  }
}

function readRun(request: number, reader: ByteReader): ReceivedRun {
  const stream = reader.safe();
  const deadlineMs = reader.u32();
  const consistency = pick(CONSISTENCIES, reader.u8(), 'consistency');
  const kind = pick(KINDS, reader.u8(), 'kind');
  const mode = pick(MODES, reader.u8(), 'batch mode');
  reader.skip(1);
  const minimumIndex = logIndex(reader.safe());
  const maxStalenessMs = staleness(reader.u32());
  const maxStalenessEntries = staleness(reader.u32());
  const declaration = readDeclaration(reader);
  const database = readName(reader);
  const statements = kind === 'batch' ? readStatements(reader) : readStatement(reader);
  return {
    type: 'run',
    request,
    stream,
    deadlineMs,
    consistency,
    kind,
    mode,
    minimumIndex,
    maxStalenessMs,
    maxStalenessEntries,
    declaration,
    database,
    statements,
  };
}

function readStatement(reader: ByteReader): ExtensionStatement {
  const count = reader.safe();
  if (count !== 1) throw new DecodeError(`${count} statements where there can be one`);
  return { sql: readName(reader), parameters: readParameters(reader) };
}

function writeDeclaration(writer: ByteWriter, declaration: string): void {
  if (declaration === '') {
    writer.zeros(DECLARATION_BYTES);
    return;
  }
  for (let i = 0; i < DECLARATION_BYTES; i++) {
    const digits = declaration.slice(2 * i, 2 * i + 2);
    writer.u8(digits === '' ? 0 : Number.parseInt(digits, 16));
  }
}

function readDeclaration(reader: ByteReader): string {
  for (let i = 0; i < DECLARATION_BYTES; i++) {
    if (reader.bytes[reader.offset + i] !== 0) return hexadecimal(reader.take(DECLARATION_BYTES));
  }
  reader.skip(DECLARATION_BYTES);
  return '';
}

function streamId(id: number): number {
  if (id === 0) throw new DecodeError('stream id 0');
  return id;
}

function staleness(value: number): number | undefined {
  return value === ANY_STALENESS ? undefined : value;
}

function pick<T>(values: readonly T[], code: number, what: string): T {
  const value = values[code];
  if (value === undefined) throw new DecodeError(`unknown ${what} ${code}`);
  return value;
}
