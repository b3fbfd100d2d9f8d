import fc from 'fast-check';
import { logIndex, type Value } from '../../../src/base/index.ts';
import type {
  ClientRequest,
  ClientResponse,
  ExtensionParameters,
  ExtensionRequest,
  ExtensionResponse,
} from '../../../src/wire/index.ts';

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom('', 'test', 'SELECT ?', 'INSERT INTO t VALUES (1)', 'é\u{10ffff}', 'BEGIN'),
);
const noNul = text.map((value) => value.replaceAll('\0', ''));
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const id = fc.oneof(fc.bigInt({ min: 0n, max: 4n }), u64);
const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const u32 = fc.nat(0xffff_ffff);
const small = fc.integer({ min: 1, max: 5 });
const count = fc.oneof(small, fc.nat(Number.MAX_SAFE_INTEGER));
const blob = fc.uint8Array({ maxLength: 40 });

export const values: fc.Arbitrary<Value> = fc.oneof(
  i64,
  fc.double(),
  noNul,
  blob,
  fc.constant(null),
);

export const clientRequests: fc.Arbitrary<ClientRequest> = fc.oneof(
  fc.constantFrom('leader' as const).map((type) => ({ type })),
  u64.map((client) => ({ type: 'client' as const, id: client })),
  fc.record({
    type: fc.constant('open' as const),
    name: fc.constantFrom('test', 'other', ''),
    flags: u64,
    vfs: fc.constantFrom('volatile', ''),
  }),
  fc.record({ type: fc.constant('prepare' as const), schema: fc.nat(1), db: id, sql: noNul }),
  fc.record({
    type: fc.constantFrom('exec' as const, 'query' as const),
    schema: fc.nat(1),
    db: fc.nat(2),
    statement: fc.nat(3),
    parameters: fc.array(values, { maxLength: 12 }),
  }),
  fc.record({
    type: fc.constantFrom('exec-sql' as const, 'query-sql' as const),
    schema: fc.nat(1),
    db: id,
    sql: noNul,
    parameters: fc.array(values, { maxLength: 12 }),
  }),
  fc.record({ type: fc.constant('finalize' as const), db: fc.nat(2), statement: fc.nat(3) }),
  fc.record({ type: fc.constant('interrupt' as const), db: id }),
  fc.record({ type: fc.constant('connect' as const), id, address: noNul }),
  fc.record({ type: fc.constant('add' as const), id, address: noNul }),
  fc.record({
    type: fc.constant('assign' as const),
    id,
    role: fc.constantFrom('voter' as const, 'stand-by' as const, 'spare' as const),
  }),
  fc.record({ type: fc.constantFrom('remove' as const, 'transfer' as const), id }),
  fc.record({ type: fc.constant('dump' as const), name: fc.constantFrom('test', 'no', '') }),
  fc.record({ type: fc.constantFrom('cluster' as const, 'describe' as const), format: id }),
  fc.record({ type: fc.constant('weight' as const), weight: u64 }),
);

const parameters: fc.Arbitrary<ExtensionParameters> = fc.oneof(
  fc.record({ kind: fc.constant('positional' as const), values: fc.array(values) }),
  fc.record({ kind: fc.constant('named' as const), values: fc.array(fc.tuple(text, values)) }),
);
const statement = fc.record({ sql: text, parameters });
const run = {
  type: fc.constant('run' as const),
  request: small,
  stream: fc.nat(2),
  deadlineMs: fc.nat(100),
  consistency: fc.constantFrom(...(['linearizable', 'lease', 'session', 'local'] as const)),
  mode: fc.constantFrom(...(['write', 'read', 'deferred'] as const)),
  minimumIndex: fc.nat(9).map((index) => logIndex(index)),
  maxStalenessMs: fc.option(fc.nat(1000), { nil: undefined }),
  maxStalenessEntries: fc.option(fc.nat(1000), { nil: undefined }),
  declaration: fc.constantFrom('', '0123456789abcdef0123456789abcdef'),
  database: fc.constantFrom('test', 'other', ''),
};

export const extensionRequests: fc.Arbitrary<ExtensionRequest> = fc.oneof(
  fc.constant({ type: 'hello' as const, version: 1 }),
  fc.record({
    ...run,
    kind: fc.constantFrom('statement' as const, 'script' as const, 'schema' as const),
    statements: fc.array(statement, { minLength: 1, maxLength: 1 }),
  }),
  fc.record({
    ...run,
    kind: fc.constant('batch' as const),
    statements: fc.array(statement, { maxLength: 4 }),
  }),
  fc.record({ type: fc.constant('credit' as const), request: small, batches: count }),
  fc.record({ type: fc.constant('cancel' as const), request: small }),
  fc.record({
    type: fc.constant('open-stream' as const),
    request: small,
    stream: small,
    readOnly: fc.boolean(),
    idleMs: u32,
    totalMs: u32,
    database: fc.constantFrom('test', ''),
  }),
  fc.record({ type: fc.constant('close-stream' as const), request: small, stream: small }),
  fc.record({ type: fc.constant('read-index' as const), request: small, deadlineMs: u32 }),
  fc.record({ type: fc.constant('describe' as const), request: small, database: text, sql: text }),
  fc.record({ type: fc.constant('status' as const), request: small }),
  fc.record({ type: fc.constant('digest' as const), request: small, database: text }),
);

const role = fc.constantFrom('voter' as const, 'stand-by' as const, 'spare' as const);

export const clientResponses: fc.Arbitrary<ClientResponse> = fc.oneof(
  fc.record({ type: fc.constant('failure' as const), code: u32, message: noNul }),
  fc.record({ type: fc.constant('server' as const), id, address: noNul }),
  fc.record({ type: fc.constant('welcome' as const), heartbeatMs: count }),
  fc.record({
    type: fc.constant('servers' as const),
    format: fc.constant(1 as const),
    servers: fc.array(fc.record({ id, address: noNul, role })),
  }),
  fc.record({ type: fc.constant('db' as const), db: fc.nat(2) }),
  fc.record({
    type: fc.constant('stmt' as const),
    db: fc.nat(2),
    statement: fc.nat(2),
    parameters: count,
    tail: count,
  }),
  fc.record({ type: fc.constant('result' as const), lastInsertRowid: i64, rowsAffected: i64 }),
  fc.constant({ type: 'empty' as const }),
  fc.record({
    type: fc.constant('files' as const),
    files: fc.array(
      fc.record({ name: noNul, bytes: blob.map((bytes) => bytes.slice(0, bytes.length & ~7)) }),
    ),
  }),
  fc.record({ type: fc.constant('metadata' as const), failureDomain: u64, weight: u64 }),
);

const names = fc.array(fc.tuple(text, text), { maxLength: 4 });
const results = fc.array(
  fc.tuple(count, i64, names).map(([rowsAffected, lastInsertRowid, columns]) => ({
    rowsAffected,
    lastInsertRowid,
    columns: columns.map(([name]) => name),
    columnTypes: columns.map(([, type]) => type),
  })),
  { maxLength: 3 },
);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const index = fc.nat(1000).map((value) => logIndex(value));

export const extensionResponses: fc.Arbitrary<ExtensionResponse> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    version: fc.constant(1),
    nodeId: id,
    address: text,
    requestsInFlight: fc.nat(300),
    batchesAhead: fc.nat(4),
  }),
  fc.record({
    type: fc.constant('end' as const),
    request: small,
    index,
    nodeId: id,
    inTransaction: fc.boolean(),
    results,
  }),
  fc.record({
    type: fc.constant('failure' as const),
    request: small,
    rawCode: u32,
    offset: optional(u32),
    statementIndex: optional(u32),
    outcome: optional(fc.constantFrom('committed' as const, 'rolled-back' as const)),
    retryable: fc.boolean(),
    inTransaction: fc.boolean(),
    code: fc.constantFrom('SQLITE_ERROR', 'NOT_LEADER', 'TIMEOUT', 'nonsense'),
    message: text,
    extendedCode: fc.constant(undefined),
    leader: optional(fc.constantFrom('a:1', 'nowhere')),
    results,
  }),
  fc.record({ type: fc.constant('read-index' as const), request: small, index }),
  fc.record({
    type: fc.constant('description' as const),
    request: small,
    description: fc.tuple(names, fc.array(text), fc.boolean(), count).map((parts) => ({
      readonly: parts[2],
      tail: parts[3],
      parameters: parts[1],
      columns: parts[0].map(([name]) => name),
      columnTypes: parts[0].map(([, type]) => type),
    })),
  }),
  fc.record({ type: fc.constant('status' as const), request: small, json: fc.json() }),
  fc.record({
    type: fc.constant('digest' as const),
    request: small,
    index,
    pages: count,
    sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  fc.record({ type: fc.constant('leader' as const), id, address: fc.constantFrom('a:1', 'b:1') }),
);
