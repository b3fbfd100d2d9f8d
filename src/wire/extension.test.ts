import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packed, unpacked } from '../../test/support/batches.ts';
import { DecodeError, logIndex, type Value } from '../base/index.ts';
import {
  decodeExtensionRequest,
  decodeExtensionResponse,
  type ExtensionRequest,
  type ExtensionResponse,
  ExtensionRowsReader,
  ExtensionRowsWriter,
  encodeExtensionRequest,
  encodeExtensionResponse,
  encodeExtensionRowsHead,
} from './extension.ts';

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const index = fc.nat().map((n) => logIndex(n));
const u32 = fc.integer({ min: 0, max: 0xfffffffe });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 60n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 60n) }),
  fc.double({ noNaN: true }).filter((x) => !Number.isInteger(x) || Object.is(x, -0)),
  text,
  fc.uint8Array({ maxLength: 20 }),
);
const parameters = fc.oneof(
  fc.record({ kind: fc.constant('positional' as const), values: fc.array(value) }),
  fc.record({ kind: fc.constant('named' as const), values: fc.array(fc.tuple(text, value)) }),
);
const statement = fc.record({ sql: text, parameters });
const run = fc
  .record({
    type: fc.constant('run' as const),
    request: id,
    stream: fc.nat(),
    deadlineMs: u32,
    consistency: fc.constantFrom('linearizable', 'lease', 'session', 'local'),
    kind: fc.constantFrom('statement', 'script', 'batch', 'schema', 'rehearse'),
    mode: fc.constantFrom('write', 'read', 'deferred'),
    minimumIndex: index,
    maxStalenessMs: fc.option(u32, { nil: undefined }),
    maxStalenessEntries: fc.option(u32, { nil: undefined }),
    declaration: fc.constantFrom('', '0123456789abcdef0123456789abcdef'),
    database: text,
    statements: fc.array(statement, { minLength: 1, maxLength: 4 }),
  })
  .map((r) => ({ ...r, statements: r.kind === 'batch' ? r.statements : r.statements.slice(0, 1) }));
const requests: fc.Arbitrary<ExtensionRequest> = fc.oneof(
  run,
  fc.record({ type: fc.constant('hello' as const), version: fc.nat() }),
  fc.record({ type: fc.constant('credit' as const), request: id, batches: fc.nat() }),
  fc.record({ type: fc.constant('cancel' as const), request: id }),
  fc.record({
    type: fc.constant('open-stream' as const),
    request: id,
    stream: id,
    readOnly: fc.boolean(),
    idleMs: u32,
    totalMs: u32,
    database: text,
  }),
  fc.record({ type: fc.constant('close-stream' as const), request: id, stream: id }),
  fc.record({ type: fc.constant('read-index' as const), request: id, deadlineMs: u32 }),
  fc.record({ type: fc.constant('describe' as const), request: id, database: text, sql: text }),
  fc.record({ type: fc.constant('status' as const), request: id }),
  fc.record({ type: fc.constant('digest' as const), request: id, database: text }),
);

const columns = fc
  .array(fc.tuple(text, text), { maxLength: 4 })
  .map((pairs) => ({ columns: pairs.map(([name]) => name), columnTypes: pairs.map(([, t]) => t) }));
const result = fc
  .tuple(fc.nat(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), columns)
  .map(([rowsAffected, lastInsertRowid, rest]) => ({ rowsAffected, lastInsertRowid, ...rest }));
const filled = fc.string({ minLength: 1, maxLength: 10 });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const responses: fc.Arbitrary<ExtensionResponse> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    version: fc.nat(),
    nodeId: u64,
    address: text,
    requestsInFlight: u32,
    batchesAhead: u32,
  }),
  fc.record({
    type: fc.constant('end' as const),
    request: id,
    index,
    nodeId: u64,
    inTransaction: fc.boolean(),
    results: fc.array(result, { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('failure' as const),
    request: id,
    rawCode: fc.nat(),
    offset: fc.option(fc.nat(), { nil: undefined }),
    statementIndex: fc.option(fc.nat(), { nil: undefined }),
    outcome: fc.constantFrom(undefined, 'committed', 'rolled-back', 'unknown'),
    retryable: fc.boolean(),
    inTransaction: fc.boolean(),
    code: text,
    message: text,
    extendedCode: fc.option(filled, { nil: undefined }),
    leader: fc.option(filled, { nil: undefined }),
    results: fc.array(result, { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant('read-index' as const), request: id, index }),
  fc.record({
    type: fc.constant('description' as const),
    request: id,
    description: fc
      .tuple(fc.boolean(), fc.nat(), fc.array(text, { maxLength: 3 }), columns)
      .map(([readonly, tail, names, rest]) => ({ readonly, tail, parameters: names, ...rest })),
  }),
  fc.record({ type: fc.constant('status' as const), request: id, json: text }),
  fc.record({
    type: fc.constant('digest' as const),
    request: id,
    index,
    pages: fc.nat(),
    sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  fc.record({ type: fc.constant('leader' as const), id: u64, address: text }),
);

/** Header checked, body split off. */
function open(message: Uint8Array): { type: number; body: Uint8Array } {
  const view = new DataView(message.buffer, message.byteOffset);
  expect(message.length).toBe(8 + view.getUint32(0, true) * 8);
  return { type: message[4], body: message.subarray(8) };
}

function isPair(item: Value | readonly [string, Value]): item is readonly [string, Value] {
  return Array.isArray(item);
}

/** Integers in parameters are read as bigint. */
function withBigints(request: ExtensionRequest): unknown {
  if (request.type !== 'run') return request;
  const big = (x: Value) => (Number.isSafeInteger(x) && !Object.is(x, -0) ? BigInt(Number(x)) : x);
  const bigger = (item: Value | readonly [string, Value]) =>
    isPair(item) ? [item[0], big(item[1])] : big(item);
  const statements = request.statements.map(({ sql, parameters: { kind, values } }) => ({
    sql,
    parameters: {
      kind,
      values: values.map(bigger),
    },
  }));
  return { ...request, statements };
}

test('requests survive encoding', () => {
  fc.assert(
    fc.property(requests, (request) => {
      const { type, body } = open(encodeExtensionRequest(request));
      expect(unpacked(decodeExtensionRequest(type, body))).toEqual(withBigints(request));
    }),
  );
});

test('responses survive encoding', () => {
  fc.assert(
    fc.property(responses, (response) => {
      const { type, body } = open(encodeExtensionResponse(response));
      expect(decodeExtensionResponse(type, body)).toEqual(response);
    }),
  );
});

test('rows survive encoding in any number of batches', () => {
  const table = fc
    .integer({ min: 1, max: 20 })
    .chain((width) =>
      fc.tuple(
        fc.array(text, { minLength: width, maxLength: width }),
        fc.array(
          fc.array(fc.array(value, { minLength: width, maxLength: width }), { maxLength: 4 }),
          { minLength: 1, maxLength: 3 },
        ),
      ),
    );
  fc.assert(
    fc.property(table, ([names, batches]) => {
      const writer = new ExtensionRowsWriter();
      const reader = new ExtensionRowsReader();
      const read: Value[][] = [];
      batches.forEach((rows, i) => {
        if (i === 0) writer.beginFirst(names);
        else writer.beginNext();
        for (const row of rows) {
          writer.beginRow();
          for (const item of row) writer.value(item);
        }
        const bytes = writer.end(i < batches.length - 1);
        const message = encodeExtensionResponse({
          type: 'rows',
          request: 7,
          statementIndex: 1,
          batch: bytes,
        });
        expect(message.subarray(0, 24)).toEqual(encodeExtensionRowsHead(7, 1, bytes.length));
        const { type, body } = open(message);
        const response = decodeExtensionResponse(type, body);
        if (response.type !== 'rows') throw new Error(response.type);
        expect(response.statementIndex).toBe(1);
        read.push(...reader.batch(response.batch));
      });
      expect(reader.ended).toBe(true);
      expect(reader.columns).toEqual(names);
      expect(read).toEqual(batches.flat());
    }),
  );
});

test('a text that repeats travels once', () => {
  const parameters = { kind: 'positional', values: [7n] } as const;
  const sql = ['a', 'a', 'b', 'a', 'a', 'a'];
  const { runs } = packed(sql.map((text) => ({ sql: text, parameters })));
  expect(runs).toEqual([
    { sql: 'a', count: 2 },
    { sql: 'b', count: 1 },
    { sql: 'a', count: 3 },
  ]);
});

test('integers at the borders of what a number holds', () => {
  const border = BigInt(Number.MAX_SAFE_INTEGER);
  for (const integer of [
    border,
    border + 1n,
    -border,
    -border - 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ]) {
    const writer = new ExtensionRowsWriter();
    writer.beginFirst(['x']);
    writer.beginRow();
    writer.integer(integer);
    const rows = new ExtensionRowsReader().batch(writer.end(false));
    const safe = integer <= border && integer >= -border;
    expect(rows).toEqual([[safe ? Number(integer) : integer]]);
  }
});

test('mutated bytes give a DecodeError or a message, nothing else', () => {
  const harmless = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
    }
  };
  fc.assert(
    fc.property(
      fc.oneof(requests.map(encodeExtensionRequest), responses.map(encodeExtensionResponse)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.nat(20),
      (message, changes, cut) => {
        const body = message.slice(8, message.length - cut);
        for (const [at, byte] of changes) if (body.length > 0) body[at % body.length] = byte;
        for (let type = 30; type < 44; type++) {
          harmless(() => decodeExtensionRequest(type, body));
          harmless(() => decodeExtensionResponse(type, body));
        }
        harmless(() => new ExtensionRowsReader().batch(body));
      },
    ),
  );
});
