import {
  ByteReader,
  ByteWriter,
  DecodeError,
  type LogIndex,
  logIndex,
  type Outcome,
} from '../base/index.ts';
import {
  type ExtensionResult,
  readColumns,
  readResults,
  writeColumns,
  writeResults,
} from './extension-results.ts';
import {
  beginMessage,
  expectEnd,
  finishMessage,
  readCount,
  readString,
  repeat,
  writeString,
} from './extension-value.ts';

/** Message types of responses (docs/protocol-extensions.md). */
export const EXTENSION_RESPONSE = {
  hello: 32,
  rows: 33,
  end: 34,
  failure: 35,
  readIndex: 36,
  description: 37,
  status: 38,
  digest: 39,
  leader: 40,
} as const;

const OUTCOMES = [undefined, 'committed', 'rolled-back', 'unknown'] as const;
const IN_TRANSACTION = 1;
const READ_ONLY = 1;
const DIGEST_BYTES = 32;

export interface ExtensionFailure {
  readonly type: 'failure';
  readonly request: number;
  /** SQLite extended result code; 0 = not from SQLite. */
  readonly rawCode: number;
  readonly offset: number | undefined;
  readonly statementIndex: number | undefined;
  readonly outcome: Outcome | undefined;
  readonly retryable: boolean;
  readonly inTransaction: boolean;
  readonly code: string;
  readonly message: string;
  readonly extendedCode: string | undefined;
  readonly leader: string | undefined;
  /** Of the statements that stay in effect. */
  readonly results: readonly ExtensionResult[];
}

export interface ExtensionDescription {
  readonly readonly: boolean;
  /** Byte offset of the first byte after the statement. */
  readonly tail: number;
  /** '' = positional. */
  readonly parameters: readonly string[];
  readonly columns: readonly string[];
  readonly columnTypes: readonly string[];
}

export type ExtensionResponse =
  | {
      readonly type: 'hello';
      readonly version: number;
      readonly nodeId: bigint;
      readonly address: string;
      readonly requestsInFlight: number;
      readonly batchesAhead: number;
    }
  /** `batch` is read with ExtensionRowsReader; it shares memory with the message. */
  | {
      readonly type: 'rows';
      readonly request: number;
      readonly statementIndex: number;
      readonly batch: Uint8Array;
    }
  | {
      readonly type: 'end';
      readonly request: number;
      readonly index: LogIndex;
      readonly nodeId: bigint;
      readonly inTransaction: boolean;
      readonly results: readonly ExtensionResult[];
    }
  | ExtensionFailure
  | { readonly type: 'read-index'; readonly request: number; readonly index: LogIndex }
  | {
      readonly type: 'description';
      readonly request: number;
      readonly description: ExtensionDescription;
    }
  | { readonly type: 'status'; readonly request: number; readonly json: string }
  | {
      readonly type: 'digest';
      readonly request: number;
      readonly index: LogIndex;
      readonly pages: number;
      /** 32 bytes. */
      readonly sha256: Uint8Array;
    }
  /** Id 0 and an empty address: unknown. */
  | { readonly type: 'leader'; readonly id: bigint; readonly address: string };

type ExtensionEnd = Extract<ExtensionResponse, { readonly type: 'end' }>;

/** An End to be sent: its results may be encoded already (`ResultsWriter`). */
export interface SentEnd extends Omit<ExtensionEnd, 'results'> {
  readonly results: readonly ExtensionResult[] | Uint8Array;
}

/** A whole message, header included. */
export function encodeExtensionResponse(response: ExtensionResponse | SentEnd): Uint8Array {
  const code = EXTENSION_RESPONSE;
  const writer =
    response.type === 'rows' ? new ByteWriter(response.batch.length + 24) : ByteWriter.pooled();
  switch (response.type) {
    case 'hello':
      beginMessage(writer, code.hello).safe(response.version).u64(response.nodeId);
      writeString(writer, response.address);
      writer.u32(response.requestsInFlight).u32(response.batchesAhead);
      break;
    case 'rows':
      beginMessage(writer, code.rows).safe(response.request).safe(response.statementIndex);
      writer.raw(response.batch);
      break;
    case 'end':
      beginMessage(writer, code.end).safe(response.request).safe(response.index);
      writer.u64(response.nodeId).safe(response.inTransaction ? IN_TRANSACTION : 0);
      if (response.results instanceof Uint8Array) writer.raw(response.results);
      else writeResults(writer, response.results);
      break;
    case 'failure':
      writeFailure(beginMessage(writer, code.failure), response);
      break;
    case 'read-index':
      beginMessage(writer, code.readIndex).safe(response.request).safe(response.index);
      break;
    case 'description':
      beginMessage(writer, code.description).safe(response.request);
      writeDescription(writer, response.description);
      break;
    case 'status':
      beginMessage(writer, code.status).safe(response.request);
      writeString(writer, response.json);
      break;
    case 'digest':
      beginMessage(writer, code.digest).safe(response.request).safe(response.index);
      writer.safe(response.pages).raw(response.sha256);
      break;
    case 'leader':
      beginMessage(writer, code.leader).safe(0).u64(response.id);
      writeString(writer, response.address);
      break;
  }
  return finishMessage(writer);
}

/** The 24 bytes before a row batch of `batchBytes` bytes, so that the batch itself need not be copied. */
export function encodeExtensionRowsHead(
  request: number,
  statementIndex: number,
  batchBytes: number,
): Uint8Array {
  const writer = beginMessage(ByteWriter.pooled(), EXTENSION_RESPONSE.rows);
  writer.safe(request).safe(statementIndex);
  return writer.patchU32(0, (16 + batchBytes) / 8).finish();
}

function writeFailure(writer: ByteWriter, failure: ExtensionFailure): void {
  writer.safe(failure.request).safe(failure.rawCode);
  writer.i64(BigInt(failure.offset ?? -1)).i64(BigInt(failure.statementIndex ?? -1));
  writer.u8(OUTCOMES.indexOf(failure.outcome)).u8(failure.retryable ? 1 : 0);
  writer.u8(failure.inTransaction ? IN_TRANSACTION : 0).zeros(5);
  writeString(writer, failure.code);
  writeString(writer, failure.message);
  writeString(writer, failure.extendedCode ?? '');
  writeString(writer, failure.leader ?? '');
  writeResults(writer, failure.results);
}

function readFailure(request: number, reader: ByteReader): ExtensionFailure {
  const rawCode = reader.safe();
  const offset = optional(reader.i64());
  const statementIndex = optional(reader.i64());
  const outcome = reader.u8();
  if (outcome >= OUTCOMES.length) throw new DecodeError(`unknown outcome ${outcome}`);
  const retryable = reader.u8() !== 0;
  const inTransaction = (reader.u8() & IN_TRANSACTION) !== 0;
  reader.skip(5);
  return {
    type: 'failure',
    request,
    rawCode,
    offset,
    statementIndex,
    outcome: OUTCOMES[outcome],
    retryable,
    inTransaction,
    code: readString(reader),
    message: readString(reader),
    extendedCode: readString(reader) || undefined,
    leader: readString(reader) || undefined,
    results: readResults(reader),
  };
}

function optional(value: bigint): number | undefined {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError(`${value} is above 2^53`);
  return value < 0n ? undefined : Number(value);
}

function writeDescription(writer: ByteWriter, description: ExtensionDescription): void {
  writer.safe(description.readonly ? READ_ONLY : 0).safe(description.tail);
  writer.safe(description.parameters.length);
  for (const name of description.parameters) writeString(writer, name);
  writeColumns(writer, description.columns, description.columnTypes);
}

function readDescription(reader: ByteReader): ExtensionDescription {
  return {
    readonly: (reader.safe() & READ_ONLY) !== 0,
    tail: reader.safe(),
    parameters: repeat(readCount(reader), () => readString(reader)),
    ...readColumns(reader),
  };
}

/** Decodes the body of a message of type 32 to 40. Throws DecodeError. */
export function decodeExtensionResponse(type: number, body: Uint8Array): ExtensionResponse {
  const reader = new ByteReader(body);
  const response = readResponse(type, reader);
  expectEnd(reader);
  return response;
}

function readResponse(type: number, reader: ByteReader): ExtensionResponse {
  if (type === EXTENSION_RESPONSE.hello) {
    return {
      type: 'hello',
      version: reader.safe(),
      nodeId: reader.u64(),
      address: readString(reader),
      requestsInFlight: reader.u32(),
      batchesAhead: reader.u32(),
    };
  }
  const request = reader.safe();
  switch (type) {
    case EXTENSION_RESPONSE.rows: {
      const statementIndex = reader.safe();
      return { type: 'rows', request, statementIndex, batch: reader.take(reader.remaining) };
    }
    case EXTENSION_RESPONSE.end:
      return {
        type: 'end',
        request,
        index: logIndex(reader.safe()),
        nodeId: reader.u64(),
        inTransaction: (reader.safe() & IN_TRANSACTION) !== 0,
        results: readResults(reader),
      };
    case EXTENSION_RESPONSE.failure:
      return readFailure(request, reader);
    case EXTENSION_RESPONSE.readIndex:
      return { type: 'read-index', request, index: logIndex(reader.safe()) };
    case EXTENSION_RESPONSE.description:
      return { type: 'description', request, description: readDescription(reader) };
    case EXTENSION_RESPONSE.status:
      return { type: 'status', request, json: readString(reader) };
    case EXTENSION_RESPONSE.digest:
      return {
        type: 'digest',
        request,
        index: logIndex(reader.safe()),
        pages: reader.safe(),
        sha256: reader.take(DIGEST_BYTES).slice(),
      };
    case EXTENSION_RESPONSE.leader:
      return { type: 'leader', id: reader.u64(), address: readString(reader) };
    default:
      throw new DecodeError(`unknown response type ${type}`);
  }
}
