import { ByteReader, ByteWriter, type Role, type Value } from '../base/index.ts';
import { beginWireMessage, finishWireMessage } from './message.ts';
import { type DecodedParameters, MALFORMED_PARAMETERS, readTuple, writeTuple } from './tuple.ts';

/** Type numbers of requests (client-protocol.md §4). */
export const REQUEST = {
  leader: 0,
  client: 1,
  heartbeat: 2,
  open: 3,
  prepare: 4,
  exec: 5,
  query: 6,
  finalize: 7,
  execSql: 8,
  querySql: 9,
  interrupt: 10,
  connect: 11,
  add: 12,
  assign: 13,
  remove: 14,
  dump: 15,
  cluster: 16,
  transfer: 17,
  describe: 18,
  weight: 19,
} as const;

/** Role codes of the client protocol; raft configurations have others. */
const CLIENT_ROLES: readonly Role[] = ['voter', 'stand-by', 'spare'];

export function clientRoleCode(role: Role): number {
  return CLIENT_ROLES.indexOf(role);
}

export function clientRole(code: bigint): Role | undefined {
  return code < BigInt(CLIENT_ROLES.length) ? CLIENT_ROLES[Number(code)] : undefined;
}

/** A request with statement parameters. `parameters` may be malformed in requests that were decoded. */
interface Parametrized<P> {
  /** 0: 8-bit parameter count, 1: 32-bit. */
  readonly schema: number;
  readonly parameters: P;
}

type Requests<P> =
  | { readonly type: 'leader' }
  | { readonly type: 'client'; readonly id: bigint }
  | { readonly type: 'heartbeat'; readonly timestamp: bigint }
  | { readonly type: 'open'; readonly name: string; readonly flags: bigint; readonly vfs: string }
  | {
      readonly type: 'prepare';
      readonly schema: number;
      readonly db: bigint;
      readonly sql: string;
    }
  | ({
      readonly type: 'exec' | 'query';
      readonly db: number;
      readonly statement: number;
    } & Parametrized<P>)
  | { readonly type: 'finalize'; readonly db: number; readonly statement: number }
  | ({
      readonly type: 'exec-sql' | 'query-sql';
      readonly db: bigint;
      readonly sql: string;
    } & Parametrized<P>)
  | { readonly type: 'interrupt'; readonly db: bigint }
  | { readonly type: 'connect'; readonly id: bigint; readonly address: string }
  | { readonly type: 'add'; readonly id: bigint; readonly address: string }
  | { readonly type: 'assign'; readonly id: bigint; readonly role: Role }
  | { readonly type: 'remove'; readonly id: bigint }
  | { readonly type: 'dump'; readonly name: string }
  | { readonly type: 'cluster'; readonly format: bigint }
  | { readonly type: 'transfer'; readonly id: bigint }
  | { readonly type: 'describe'; readonly format: bigint }
  | { readonly type: 'weight'; readonly weight: bigint };

/** A request as a client sends it. */
export type ClientRequest = Requests<readonly Value[]>;

/** A request as a server reads it. */
export type DecodedRequest =
  | Requests<DecodedParameters>
  /** A type or a schema that does not exist: Failure 1005, and the connection goes on. */
  | { readonly type: 'unknown'; readonly code: number; readonly schema: number };

/** Encodes a request, header included. Throws RangeError for values the protocol cannot carry. */
export function encodeClientRequest(request: ClientRequest): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(128);
  writeBody(writer, request);
  return finishWireMessage(writer);
}

function writeBody(writer: ByteWriter, request: ClientRequest): void {
  const begin = (type: number, schema = 0) => beginWireMessage(writer, type, schema);
  switch (request.type) {
    case 'leader':
      begin(REQUEST.leader).safe(0);
      break;
    case 'client':
      begin(REQUEST.client).u64(request.id);
      break;
    case 'heartbeat':
      begin(REQUEST.heartbeat).u64(request.timestamp);
      break;
    case 'open':
      begin(REQUEST.open).text(request.name).u64(request.flags).text(request.vfs);
      break;
    case 'prepare':
      begin(REQUEST.prepare, request.schema).u64(request.db).text(request.sql);
      break;
    case 'exec':
    case 'query':
      begin(REQUEST[request.type], request.schema).u32(request.db).u32(request.statement);
      writeTuple(writer, request.parameters, request.schema);
      break;
    case 'finalize':
      begin(REQUEST.finalize).u32(request.db).u32(request.statement);
      break;
    case 'exec-sql':
    case 'query-sql':
      begin(request.type === 'exec-sql' ? REQUEST.execSql : REQUEST.querySql, request.schema)
        .u64(request.db)
        .text(request.sql);
      writeTuple(writer, request.parameters, request.schema);
      break;
    case 'interrupt':
      begin(REQUEST.interrupt).u64(request.db);
      break;
    case 'connect':
    case 'add':
      begin(REQUEST[request.type]).u64(request.id).text(request.address);
      break;
    case 'assign':
      begin(REQUEST.assign).u64(request.id).safe(clientRoleCode(request.role));
      break;
    case 'remove':
    case 'transfer':
      begin(REQUEST[request.type]).u64(request.id);
      break;
    case 'dump':
      begin(REQUEST.dump).text(request.name);
      break;
    case 'cluster':
    case 'describe':
      begin(REQUEST[request.type]).u64(request.format);
      break;
    case 'weight':
      begin(REQUEST.weight).u64(request.weight);
      break;
  }
}

/**
 * Decodes the body of a request; bytes after its fields are ignored. Throws DecodeError when a field runs past
 * the end: the connection is then to be closed (client-protocol.md §1).
 */
export function decodeClientRequest(
  type: number,
  schema: number,
  body: Uint8Array,
): DecodedRequest {
  const reader = new ByteReader(body);
  switch (type) {
    case REQUEST.leader:
      return { type: 'leader' };
    case REQUEST.client:
      return { type: 'client', id: reader.u64() };
    case REQUEST.heartbeat:
      return { type: 'heartbeat', timestamp: reader.u64() };
    case REQUEST.open:
      return { type: 'open', name: reader.text(), flags: reader.u64(), vfs: reader.text() };
    case REQUEST.prepare:
      return { type: 'prepare', schema, db: reader.u64(), sql: reader.text() };
    case REQUEST.exec:
    case REQUEST.query:
    case REQUEST.execSql:
    case REQUEST.querySql:
      return decodeParametrized(type, schema, reader);
    case REQUEST.finalize:
      return { type: 'finalize', db: reader.u32(), statement: reader.u32() };
    case REQUEST.interrupt:
      return { type: 'interrupt', db: reader.u64() };
    case REQUEST.connect:
      return { type: 'connect', id: reader.u64(), address: reader.text() };
    case REQUEST.dump:
      return { type: 'dump', name: reader.text() };
    case REQUEST.cluster:
      return { type: 'cluster', format: reader.u64() };
    case REQUEST.describe:
      return { type: 'describe', format: reader.u64() };
    case REQUEST.weight:
      return { type: 'weight', weight: reader.u64() };
    default:
      return decodeMembership(type, schema, reader);
  }
}

function decodeMembership(type: number, schema: number, reader: ByteReader): DecodedRequest {
  switch (type) {
    case REQUEST.add:
      return { type: 'add', id: reader.u64(), address: reader.text() };
    case REQUEST.assign: {
      const id = reader.u64();
      // Without the second word it is the historical Promote; unknown roles mean voter, too.
      const role = reader.remaining > 0 ? clientRole(reader.u64()) : undefined;
      return { type: 'assign', id, role: role ?? 'voter' };
    }
    case REQUEST.remove:
      return { type: 'remove', id: reader.u64() };
    case REQUEST.transfer:
      return { type: 'transfer', id: reader.u64() };
    default:
      return { type: 'unknown', code: type, schema };
  }
}

function decodeParametrized(type: number, schema: number, reader: ByteReader): DecodedRequest {
  if (schema > 1) return { type: 'unknown', code: type, schema };
  if (type === REQUEST.exec || type === REQUEST.query) {
    const db = reader.u32();
    const statement = reader.u32();
    const parameters = readTuple(reader, schema);
    return { type: type === REQUEST.exec ? 'exec' : 'query', schema, db, statement, parameters };
  }
  const db = reader.u64();
  const sql = reader.text();
  const parameters = readTuple(reader, schema);
  return { type: type === REQUEST.execSql ? 'exec-sql' : 'query-sql', schema, db, sql, parameters };
}

/** Narrows decoded parameters to usable ones. */
export function areUsable(parameters: DecodedParameters): parameters is readonly Value[] {
  return parameters !== MALFORMED_PARAMETERS;
}
