import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DecodeError, fromUtf8, type Value } from '../base/index.ts';
import {
  type ClientResponse,
  type DecodedRequest,
  decodeClientRequest,
  decodeClientResponse,
  encodeClientRequest,
  encodeClientResponse,
  MessageReader,
  RowSetReader,
  RowSetWriter,
  readIntegerBigint,
  WIRE_VALUE,
  type WireMessage,
} from './index.ts';

interface GoldenValue {
  readonly t: number;
  readonly v: string | number | null | boolean | { readonly hex: string };
  /** Content of a blob in a row. */
  readonly hex?: string;
}

interface Golden {
  readonly type: string | number;
  readonly schema: number;
  readonly [field: string]: unknown;
}

interface Exchange {
  readonly dir: '<' | '>';
  readonly hex: string;
  readonly note?: string;
  readonly request?: Golden;
  readonly decoded?: Golden;
}

const directory = new URL('../../testdata/client/', import.meta.url);
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function message(text: string): WireMessage {
  const reader = new MessageReader();
  reader.push(hex(text));
  const found = reader.next();
  if (found === undefined) throw new Error('no complete message');
  expect(reader.bufferedBytes).toBe(0);
  return found;
}

/** The captures have 64-bit integers as texts, blobs as {hex}. */
function plain(value: Value): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return { hex: toHex(value) };
  return value;
}

function plainTyped(value: Value, type: number): GoldenValue['v'] {
  if (type === WIRE_VALUE.boolean) return value !== 0n;
  return plain(value) as GoldenValue['v'];
}

function isInexactFloat(value: GoldenValue): boolean {
  return value.t === WIRE_VALUE.float && Number.isInteger(value.v);
}

/** Request fields by the names of the captures. */
const REQUEST_NAMES: Readonly<Record<string, string>> = {
  exec_sql: 'exec-sql',
  query_sql: 'query-sql',
};

function checkRequest(request: DecodedRequest, golden: Golden): void {
  if (typeof golden.type === 'number') {
    expect(request.type).toBe(golden.type === 2 ? 'heartbeat' : 'unknown');
    return;
  }
  const name = golden.type.toLowerCase();
  expect(request.type).toBe(REQUEST_NAMES[name] ?? name);
  const fields: Readonly<Record<string, unknown>> = { ...request };
  if ('schema' in request) expect(request.schema).toBe(golden.schema);
  for (const field of ['name', 'vfs', 'sql', 'address']) {
    if (golden[field] !== undefined) expect(fields[field]).toBe(golden[field]);
  }
  if (golden.id !== undefined) expect(fields.id).toBe(BigInt(golden.id as number));
  if (golden.stmt !== undefined) expect(fields.statement).toBe(golden.stmt);
  if ('parameters' in request) {
    const wanted = (golden.params ?? []) as readonly GoldenValue[];
    if (request.parameters === 'malformed') {
      expect(wanted.some((value) => value.t === WIRE_VALUE.unixTime || value.t > 11)).toBe(true);
      return;
    }
    expect(request.parameters.map(plain)).toEqual(
      wanted.map((value) => (value.t === WIRE_VALUE.boolean ? String(Number(value.v)) : value.v)),
    );
  }
}

/** Times and booleans come out as text and integer: what they were is lost, so they are not compared. */
function canReencode(request: DecodedRequest, golden: Golden): boolean {
  if (request.type === 'unknown') return false;
  if (request.type === 'leader' || request.type === 'assign') return false;
  if (!('parameters' in request)) return true;
  if (request.parameters === 'malformed') return false;
  // An explicit count of 0 is legal, but never written by us.
  if (request.parameters.length === 0 && golden.params !== undefined) return false;
  const wanted = (golden.params ?? []) as readonly GoldenValue[];
  return !wanted.some((value) => value.t > 5 || isInexactFloat(value));
}

function checkRows(body: Uint8Array, golden: Golden): void {
  const reader = new RowSetReader(body, readIntegerBigint);
  expect(reader.columns).toEqual(golden.columns);
  const rows: { t: number; v: unknown }[][] = [];
  for (let row = reader.next(); row !== undefined; row = reader.next()) {
    rows.push(row.map((v, i) => ({ t: reader.types[i], v: plainTyped(v, reader.types[i]) })));
  }
  const wanted = golden.rows as readonly (readonly GoldenValue[])[];
  if (Array.isArray(wanted)) {
    for (const [i, row] of wanted.entries()) {
      for (const [k, value] of row.entries()) {
        expect(rows[i][k].t).toBe(value.t);
        if (value.hex !== undefined) expect(rows[i][k].v).toEqual({ hex: value.hex });
        else if (value.t !== WIRE_VALUE.boolean) expect(rows[i][k].v).toEqual(value.v);
        else expect(String(Number(rows[i][k].v))).toBe(String(Number(value.v)));
      }
    }
  }
  expect(String(golden.end).startsWith(reader.end ?? '?')).toBe(true);
}

/** Encodes the same rows with the declared types that give the same codes. */
function reencodeRows(body: Uint8Array): Uint8Array {
  const reader = new RowSetReader(body, readIntegerBigint);
  const writer = new RowSetWriter();
  const rows: { values: Value[]; types: number[] }[] = [];
  for (let row = reader.next(); row !== undefined; row = reader.next()) {
    rows.push({ values: row, types: [...reader.types] });
  }
  const declared = reader.columns.map((_, i) => {
    if (rows.some((row) => row.types[i] === WIRE_VALUE.boolean)) return 'Boolean';
    const isTime = (type: number) => type === WIRE_VALUE.unixTime || type === WIRE_VALUE.iso8601;
    return rows.some((row) => isTime(row.types[i])) ? 'timestamp' : 'INTEGER';
  });
  writer.beginFirst(reader.columns, declared);
  for (const { values, types } of rows) {
    writer.beginRow();
    for (const [i, value] of values.entries()) {
      if (types[i] === WIRE_VALUE.iso8601 && value === '') writer.null();
      else if (value === null) writer.null();
      else if (typeof value === 'bigint') writer.integer(value);
      else if (typeof value === 'number') writer.float(value);
      else if (typeof value === 'string') writer.text(new TextEncoder().encode(value));
      else writer.blob(value);
    }
  }
  return writer.end(reader.end === 'more');
}

/** Padding after blobs is stale memory in C: zeroed before comparing. */
function hasBlobPadding(golden: Golden): boolean {
  const rows = golden.rows as readonly (readonly GoldenValue[])[] | undefined;
  return rows?.some((row) => row.some((value) => value.t === WIRE_VALUE.blob)) ?? false;
}

function checkResponse(response: ClientResponse, golden: Golden): void {
  expect(response.type).toBe(String(golden.type).toLowerCase());
  switch (response.type) {
    case 'failure':
      expect(response).toMatchObject({ code: golden.code, message: golden.message });
      break;
    case 'server':
      expect(response.address).toBe(golden.address);
      if (golden.id !== undefined) expect(response.id).toBe(BigInt(golden.id as string));
      break;
    case 'welcome':
      expect(response.heartbeatMs).toBe(golden.heartbeatTimeoutMs);
      break;
    case 'servers':
      expect(response.servers.map((s) => [s.id.toString(), s.address])).toEqual(
        (golden.servers as readonly { id: string; address: string }[]).map((s) => [
          s.id,
          s.address,
        ]),
      );
      break;
    case 'stmt':
      expect([response.db, response.statement, response.parameters, response.tail]).toEqual([
        golden.db,
        golden.stmt,
        golden.params,
        golden.tailOffset,
      ]);
      break;
    case 'result':
      expect([String(response.lastInsertRowid), String(response.rowsAffected)]).toEqual([
        golden.lastInsertId,
        golden.rowsAffected,
      ]);
      break;
    case 'rows':
      checkRows(response.body, golden);
      if (!hasBlobPadding(golden))
        expect(toHex(reencodeRows(response.body))).toBe(toHex(response.body));
      break;
    case 'files':
      expect(
        response.files.map(({ name, bytes }) => ({
          name,
          size: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        })),
      ).toEqual(golden.files);
      break;
    case 'metadata':
      expect([String(response.failureDomain), String(response.weight)]).toEqual([
        golden.failureDomain,
        golden.weight,
      ]);
      break;
    case 'db':
    case 'empty':
      break;
  }
}

const files = readdirSync(directory).filter((name) => !name.startsWith('handshake-bad'));

describe.each(files)('client capture %s', (file) => {
  const { exchanges } = JSON.parse(readFileSync(new URL(file, directory), 'utf8')) as {
    readonly exchanges: readonly Exchange[];
  };

  it('decodes as recorded and encodes to the same bytes', () => {
    let checked = 0;
    let format: 0 | 1 = 1;
    const isLegacy = exchanges[0].hex === 'e53f4360d74d1086';
    for (const { dir, hex: bytes, request: golden, decoded } of exchanges) {
      if (golden !== undefined && bytes !== '') {
        const { type, schema, body } = message(bytes);
        const request = decodeClientRequest(type, schema, body);
        checkRequest(request, golden);
        if (request.type === 'cluster') format = request.format === 0n ? 0 : 1;
        if (canReencode(request, golden)) {
          const again = encodeClientRequest(request as Parameters<typeof encodeClientRequest>[0]);
          expect(toHex(again)).toBe(bytes);
        }
        checked++;
      } else if (dir === '<' && decoded !== undefined) {
        const { type, schema, body } = message(bytes);
        const malformed = decoded.trailing !== undefined;
        const context = { legacy: isLegacy, clusterFormat: format, afterQuery: malformed };
        const response = decodeClientResponse(type, schema, body, context);
        checked++;
        if (malformed) {
          expect(response).not.toMatchObject({ message: decoded.message });
          continue;
        }
        checkResponse(response, decoded);
        expect(toHex(encodeClientResponse(response))).toBe(bytes);
      }
    }
    expect(checked).toBeGreaterThan(0);
  });
});

it('finds the error in the malformed Failure of C', () => {
  const { type, schema, body } = message(
    '0600000000000000010000000000000061000000000000000100000000000000' +
      '696e7465676572206f766572666c6f770000000000000000',
  );
  expect(decodeClientResponse(type, schema, body, { afterQuery: true })).toEqual({
    type: 'failure',
    code: 1,
    message: 'integer overflow',
  });
});

it('refuses a response type that does not exist', () => {
  expect(() => decodeClientResponse(77, 0, new Uint8Array(8))).toThrow(DecodeError);
  expect(fromUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toBe('\ufeffa');
});
