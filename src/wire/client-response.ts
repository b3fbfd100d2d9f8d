import { assert, ByteReader, ByteWriter, DecodeError, type Role } from '../base/index.ts';
import { clientRole, clientRoleCode } from './client-request.ts';
import {
  beginWireMessage,
  encodeMessageHeader,
  finishWireMessage,
  MESSAGE_HEADER_BYTES,
} from './message.ts';
import { RowSetReader } from './row-set.ts';

const WORD_BYTES = 8;
/** Rows up to here are written into memory that responses share. */
const SHORT_ROWS_BYTES = 256;

/** Type numbers of responses (client-protocol.md §5). */
export const RESPONSE = {
  failure: 0,
  server: 1,
  welcome: 2,
  servers: 3,
  db: 4,
  stmt: 5,
  result: 6,
  rows: 7,
  empty: 8,
  files: 9,
  metadata: 10,
} as const;

export interface ClientServer {
  readonly id: bigint;
  readonly address: string;
  /** Absent in Cluster format 0. */
  readonly role?: Role | undefined;
}

export interface DumpFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export type ClientResponse =
  | { readonly type: 'failure'; readonly code: number; readonly message: string }
  /** `legacy`: the connection speaks the legacy protocol, whose answer has no id. */
  | {
      readonly type: 'server';
      readonly id: bigint;
      readonly address: string;
      readonly legacy?: boolean | undefined;
    }
  | { readonly type: 'welcome'; readonly heartbeatMs: number }
  /** `format` 1 has roles. */
  | { readonly type: 'servers'; readonly format: 0 | 1; readonly servers: readonly ClientServer[] }
  | { readonly type: 'db'; readonly db: number }
  /** `tail`: byte offset of the rest of the text; present in schema 1 only. */
  | {
      readonly type: 'stmt';
      readonly db: number;
      readonly statement: number;
      readonly parameters: number;
      readonly tail?: number | undefined;
    }
  | { readonly type: 'result'; readonly lastInsertRowid: bigint; readonly rowsAffected: bigint }
  /** One batch of a row set; read it with RowSetReader. */
  | { readonly type: 'rows'; readonly body: Uint8Array }
  | { readonly type: 'empty' }
  | { readonly type: 'files'; readonly files: readonly DumpFile[] }
  | { readonly type: 'metadata'; readonly failureDomain: bigint; readonly weight: bigint };

/** What a decoder must know that the message does not say. */
export interface ResponseContext {
  /** The legacy protocol version was chosen. */
  readonly legacy?: boolean | undefined;
  /** Format that the Cluster request asked for; default 1. */
  readonly clusterFormat?: 0 | 1 | undefined;
  /** The request was Query or Query SQL: a Failure of C may then be malformed (client-protocol.md §7.1). */
  readonly afterQuery?: boolean | undefined;
}

/** Encodes a response, header included. */
export function encodeClientResponse(response: ClientResponse): Uint8Array<ArrayBuffer> {
  const long = response.type === 'rows' && response.body.length > SHORT_ROWS_BYTES;
  const writer = long ? new ByteWriter(response.body.length + 8) : ByteWriter.pooled();
  const begin = (type: number, schema = 0) => beginWireMessage(writer, type, schema);
  switch (response.type) {
    case 'failure':
      begin(RESPONSE.failure).safe(response.code).text(response.message.replaceAll('\0', ' '));
      break;
    case 'server':
      begin(RESPONSE.server);
      if (response.legacy !== true) writer.u64(response.id);
      writer.text(response.address);
      break;
    case 'welcome':
      begin(RESPONSE.welcome).safe(response.heartbeatMs);
      break;
    case 'servers':
      begin(RESPONSE.servers);
      writeServers(writer, response.format, response.servers);
      break;
    case 'db':
      begin(RESPONSE.db).u32(response.db).u32(0);
      break;
    case 'stmt':
      begin(RESPONSE.stmt, response.tail === undefined ? 0 : 1)
        .u32(response.db)
        .u32(response.statement)
        .safe(response.parameters);
      if (response.tail !== undefined) writer.safe(response.tail);
      break;
    case 'result':
      begin(RESPONSE.result).i64(response.lastInsertRowid).i64(response.rowsAffected);
      break;
    case 'rows':
      begin(RESPONSE.rows).raw(response.body);
      break;
    case 'empty':
      begin(RESPONSE.empty).safe(0);
      break;
    case 'files':
      begin(RESPONSE.files).safe(response.files.length);
      for (const { name, bytes } of response.files) {
        writer.text(name).safe(bytes.length).raw(bytes);
      }
      break;
    case 'metadata':
      begin(RESPONSE.metadata).u64(response.failureDomain).u64(response.weight);
      break;
  }
  return finishWireMessage(writer);
}

function writeServers(writer: ByteWriter, format: 0 | 1, servers: readonly ClientServer[]): void {
  writer.safe(servers.length);
  for (const { id, address, role } of servers) {
    writer.u64(id).text(address);
    if (format === 1) {
      assert(role !== undefined, 'a server without role in format 1');
      writer.safe(clientRoleCode(role));
    }
  }
}

/**
 * The parts of a Files response that stand before the content of each file, for files that are streamed: the first
 * part begins with the message header. Sizes are multiples of 8: nothing pads the content. There is at least one file.
 */
export function encodeFilesParts(
  files: readonly { readonly name: string; readonly sizeBytes: number }[],
): Uint8Array<ArrayBuffer>[] {
  let bodyBytes = 0;
  const parts = files.map(({ name, sizeBytes }, index) => {
    assert(sizeBytes % 8 === 0, 'the size of a dumped file is not whole words');
    const part = new ByteWriter(64);
    if (index === 0) part.zeros(MESSAGE_HEADER_BYTES).safe(files.length);
    part.text(name).safe(sizeBytes);
    bodyBytes += part.length + sizeBytes;
    return part.finish();
  });
  assert(parts.length > 0, 'a Files response without files');
  parts[0].set(encodeMessageHeader(RESPONSE.files, 0, bodyBytes - MESSAGE_HEADER_BYTES));
  return parts;
}

/**
 * Decodes a response. Rows bodies and file contents share memory with `body`. Throws DecodeError when a field
 * runs past the end, and on types that dqlite does not have.
 */
export function decodeClientResponse(
  type: number,
  schema: number,
  body: Uint8Array,
  context: ResponseContext = {},
): ClientResponse {
  const reader = new ByteReader(body);
  switch (type) {
    case RESPONSE.failure:
      return decodeFailure(body, context.afterQuery === true);
    case RESPONSE.server: {
      const legacy = context.legacy === true;
      const id = legacy ? 0n : reader.u64();
      return { type: 'server', id, address: reader.text(), ...(legacy ? { legacy } : {}) };
    }
    case RESPONSE.welcome:
      return { type: 'welcome', heartbeatMs: reader.safe() };
    case RESPONSE.servers:
      return decodeServers(reader, context.clusterFormat ?? 1);
    case RESPONSE.db:
      return { type: 'db', db: reader.u32() };
    case RESPONSE.stmt: {
      const db = reader.u32();
      const statement = reader.u32();
      const parameters = reader.safe();
      const tail = schema === 0 ? {} : { tail: reader.safe() };
      return { type: 'stmt', db, statement, parameters, ...tail };
    }
    case RESPONSE.result:
      return { type: 'result', lastInsertRowid: reader.i64(), rowsAffected: reader.i64() };
    case RESPONSE.rows:
      return { type: 'rows', body };
    case RESPONSE.empty:
      return { type: 'empty' };
    case RESPONSE.files:
      return decodeFiles(reader);
    case RESPONSE.metadata:
      return { type: 'metadata', failureDomain: reader.u64(), weight: reader.u64() };
    default:
      throw new DecodeError(`response type ${type} is not known`);
  }
}

function decodeServers(reader: ByteReader, format: 0 | 1): ClientResponse {
  const count = reader.safe();
  if (count > reader.remaining / 16)
    throw new DecodeError(`${count} servers do not fit the message`);
  const servers: ClientServer[] = [];
  for (let i = 0; i < count; i++) {
    const id = reader.u64();
    const address = reader.text();
    if (format === 0) servers.push({ id, address });
    else {
      const role = clientRole(reader.u64());
      if (role === undefined) throw new DecodeError('a server with an unknown role');
      servers.push({ id, address, role });
    }
  }
  return { type: 'servers', format, servers };
}

function decodeFiles(reader: ByteReader): ClientResponse {
  const count = reader.safe();
  if (count > reader.remaining / 16) throw new DecodeError(`${count} files do not fit the message`);
  const files: DumpFile[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.text();
    files.push({ name, bytes: reader.take(reader.safe()) });
  }
  return { type: 'files', files };
}

/**
 * Decodes a Failure. C leaves what it had encoded of a row set before code and message when a query fails after
 * its start; naive clients then take the number of columns for the code. Here the row set is skipped until
 * exactly one word and one text are left.
 */
function decodeFailure(body: Uint8Array, afterQuery: boolean): ClientResponse {
  // Looked for once: looking again at every row would take the square of the length.
  const lastNul = body.lastIndexOf(0, body.length - WORD_BYTES - 1);
  const whole = failureAt(body, 0, lastNul);
  if (whole !== undefined) return whole;
  if (afterQuery) {
    const skipped = failureAfterRows(body, lastNul);
    if (skipped !== undefined) return skipped;
  }
  const reader = new ByteReader(body);
  return { type: 'failure', code: failureCode(reader.u64()), message: reader.text() };
}

function failureAfterRows(body: Uint8Array, lastNul: number): ClientResponse | undefined {
  try {
    const rows = new RowSetReader(body);
    for (;;) {
      const failure = failureAt(body, rows.offset, lastNul);
      if (failure !== undefined) return failure;
      if (rows.next() === undefined) return undefined;
    }
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/**
 * A word and a text that end exactly at the end of the body. `lastNul`: where the last zero byte before the body's
 * last word is; a text that goes beyond the last word begins behind it.
 */
function failureAt(body: Uint8Array, offset: number, lastNul: number): ClientResponse | undefined {
  if (offset + 2 * WORD_BYTES > body.length || lastNul >= offset + WORD_BYTES) return undefined;
  if (!body.includes(0, body.length - WORD_BYTES)) return undefined;
  const reader = new ByteReader(body, offset);
  return { type: 'failure', code: failureCode(reader.u64()), message: reader.text() };
}

/** Codes are small; anything else is a sign of a peer that speaks something else. */
function failureCode(code: bigint): number {
  if (code > 0xffff_ffffn) throw new DecodeError(`failure code ${code}`);
  return Number(code);
}
