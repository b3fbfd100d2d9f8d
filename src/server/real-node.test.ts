import { afterEach, describe, expect, test } from 'vitest';
import type { RawClient } from '../../test/support/raw-client.ts';
import { type SingleNode, startSingleNode } from '../../test/support/single-node.ts';
import { ENDLESS, WireClient } from '../../test/support/wire-client.ts';
import { type Limits, logIndex } from '../base/index.ts';
import {
  decodeExtensionResponse,
  type ExtensionRequest,
  type ExtensionResponse,
  type ExtensionRun,
  encodeClientRequest,
  encodeExtensionRequest,
} from '../wire/index.ts';

/* What only a node with SQLite behind it can show; by black box, over sockets. */

let running: SingleNode | undefined;
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await running?.close();
  running = undefined;
});

async function start(
  limits: Partial<Limits> = {},
  dqliteReads?: 'linearizable' | 'lease',
): Promise<void> {
  running = await startSingleNode('127.0.0.1:9711', limits, dqliteReads);
}

async function connectPlain(database = 'db'): Promise<WireClient> {
  if (running === undefined) throw new Error('no node');
  const client = await WireClient.connect(running.listening, database);
  clients.push(client.raw);
  return client;
}

/** Makes the float 0.5 of a message 1.0, which our own encoders would send as the integer 1. */
function halfToOne(message: Uint8Array): Uint8Array {
  const at = Buffer.from(message).indexOf(Buffer.from('000000000000e03f', 'hex'));
  message[at + 6] = 0xf0;
  return message;
}

describe('plain protocol on a real node', () => {
  test('a client that goes away in the middle of a transaction leaves nothing', async () => {
    await start();
    const first = await connectPlain();
    await first.exec('CREATE TABLE t(x)');
    await first.exec('BEGIN IMMEDIATE');
    await first.exec('INSERT INTO t VALUES(1)');
    first.raw.close();
    const second = await connectPlain();
    expect(await second.exec('INSERT INTO t VALUES(2)')).toMatchObject({ rowsAffected: 1n });
    const rows = await second.query('SELECT count(*) FROM t WHERE x = 1');
    expect(rows).toMatchObject({ type: 'rows' });
    if (rows.type === 'rows') expect(rows.body[rows.body.length - 16]).toBe(0);
  });

  test.each([
    "ATTACH '/tmp/x.db' AS y",
    "SELECT load_extension('x')",
    'PRAGMA journal_mode=DELETE',
    'PRAGMA page_size=1024',
    'PRAGMA locking_mode=EXCLUSIVE',
    'PRAGMA wal_checkpoint',
    "VACUUM INTO '/tmp/quorate-vacuum.db'",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/tmp/x', 'x')",
    "SELECT fts3_tokenizer('simple')",
    "PRAGMA temp_store_directory='/tmp'",
    'UPDATE sqlite_dbpage SET data = zeroblob(4096) WHERE pgno = 2',
  ])('%s is refused', async (sql) => {
    await start();
    const client = await connectPlain();
    await client.exec('CREATE TABLE t(x)');
    const answer = await client.exec(sql);
    expect(answer.type).toBe('failure');
    expect((await client.exec('INSERT INTO t VALUES(1)')).type).toBe('result');
  });

  test('sqlite_master cannot be written', async () => {
    await start();
    const client = await connectPlain();
    await client.exec('CREATE TABLE t(x)');
    await client.exec('PRAGMA writable_schema=ON');
    expect((await client.exec("UPDATE sqlite_master SET sql = 'x'")).type).toBe('failure');
  });

  test('reads of plain clients ask no quorum where the node promises a lease', async () => {
    await start({}, 'lease');
    const client = await connectPlain();
    await client.exec('CREATE TABLE t(x)');
    const leased = () => running?.node.status().counters.leasedReads ?? 0;
    const before = leased();
    expect((await client.query('SELECT count(*) FROM t')).type).toBe('rows');
    expect((await client.query('SELECT count(*) FROM t')).type).toBe('rows');
    expect(leased() - before).toBeGreaterThan(0);
  });

  test('floats that are whole numbers stay floats, integers stay integers', async () => {
    await start();
    const client = await connectPlain();
    const sql = 'SELECT typeof(?) || typeof(?) || typeof(?)';
    const parameters = [0.5, 1n, -0.5];
    const query = { type: 'query-sql', schema: 0, db: 0n, sql, parameters } as const;
    client.raw.send(halfToOne(encodeClientRequest(query)));
    const rows = await client.next();
    if (rows.type !== 'rows') throw new Error(JSON.stringify(rows));
    expect(Buffer.from(rows.body).toString('latin1')).toContain('realintegerreal');
  });

  test.each([
    'SELECT zeroblob(2000000000)',
    `SELECT ${'('.repeat(3_000)}1${')'.repeat(3_000)}`,
    "SELECT hex(zeroblob(600000000)) LIKE '%1%'",
  ])('a bomb gets a failure or an answer, and the node lives: %.30s', async (sql) => {
    await start();
    const client = await connectPlain();
    const answer = await client.query(sql);
    expect(['failure', 'rows']).toContain(answer.type);
    expect((await client.exec('CREATE TABLE t(x)')).type).toBe('result');
  });
});

describe('extension on a real node', () => {
  const run = (
    request: number,
    sql: string,
    part: Partial<ExtensionRun> = {},
  ): ExtensionRequest => ({
    type: 'run',
    request,
    stream: 0,
    deadlineMs: 5_000,
    consistency: 'linearizable',
    kind: 'statement',
    mode: 'write',
    minimumIndex: logIndex(0),
    maxStalenessMs: undefined,
    maxStalenessEntries: undefined,
    declaration: '',
    database: 'db',
    statements: [{ sql, parameters: { kind: 'positional', values: [] } }],
    ...part,
  });

  async function connect(): Promise<{
    ask(request: ExtensionRequest): void;
    next(): Promise<ExtensionResponse>;
    send(bytes: Uint8Array): void;
  }> {
    const { raw } = await connectPlain('');
    const next = async (): Promise<ExtensionResponse> => {
      const message = await raw.next();
      if (message === undefined) throw new Error('closed');
      return decodeExtensionResponse(message.type, message.body);
    };
    const ask = (request: ExtensionRequest): void => raw.send(encodeExtensionRequest(request));
    ask({ type: 'hello', version: 1 });
    expect((await next()).type).toBe('hello');
    expect(await next()).toEqual({ type: 'leader', id: 1n, address: '127.0.0.1:9711' });
    return { ask, next, send: (bytes) => raw.send(bytes) };
  }

  test('floats that are whole numbers stay floats, integers stay integers', async () => {
    await start();
    const { send, next } = await connect();
    const sql = 'SELECT typeof(?) || typeof(?) || typeof(?)';
    const parameters = { kind: 'positional', values: [0.5, 1n, -0.5] } as const;
    send(halfToOne(encodeExtensionRequest(run(1, sql, { statements: [{ sql, parameters }] }))));
    const rows = await next();
    if (rows.type !== 'rows') throw new Error(JSON.stringify(rows));
    expect(Buffer.from(rows.batch).toString('latin1')).toContain('realintegerreal');
  });

  test('200 writes in flight, every level of consistency, streams, digest', async () => {
    await start();
    const { ask, next } = await connect();
    ask(run(1, 'CREATE TABLE t(x)'));
    expect(await next()).toMatchObject({ type: 'end', request: 1 });
    for (let i = 2; i <= 201; i++) ask(run(i, `INSERT INTO t VALUES(${i})`));
    const seen = new Set<number>();
    let index = 0;
    for (let i = 2; i <= 201; i++) {
      const answer = await next();
      if (answer.type !== 'end') throw new Error(JSON.stringify(answer));
      seen.add(answer.request);
      index = Math.max(index, answer.index);
      expect(answer.results).toMatchObject([{ rowsAffected: 1 }]);
    }
    expect(seen.size).toBe(200);
    let id = 300;
    for (const consistency of ['linearizable', 'lease', 'session', 'local'] as const) {
      ask(run(++id, 'SELECT count(*) FROM t', { consistency, minimumIndex: logIndex(index) }));
      expect((await next()).type).toBe('rows');
      expect(await next()).toMatchObject({ type: 'end', request: id });
    }
    ask({
      type: 'open-stream',
      request: 400,
      stream: 1,
      readOnly: false,
      idleMs: 0,
      totalMs: 0,
      database: 'db',
    });
    expect(await next()).toMatchObject({ type: 'end', request: 400 });
    ask(run(401, 'BEGIN', { stream: 1 }));
    ask(run(402, 'DELETE FROM t', { stream: 1 }));
    ask(run(403, 'nonsense', { stream: 1 }));
    ask(run(404, 'ROLLBACK', { stream: 1 }));
    expect(await next()).toMatchObject({ type: 'end', request: 401, inTransaction: true });
    expect(await next()).toMatchObject({ request: 402, results: [{ rowsAffected: 200 }] });
    expect(await next()).toMatchObject({ type: 'failure', request: 403, inTransaction: true });
    expect(await next()).toMatchObject({ type: 'end', request: 404, inTransaction: false });
    ask({ type: 'digest', request: 405, database: 'db' });
    expect(await next()).toMatchObject({ type: 'digest', request: 405 });
    ask({ type: 'read-index', request: 406, deadlineMs: 1_000 });
    const confirmed = await next();
    if (confirmed.type !== 'read-index') throw new Error(JSON.stringify(confirmed));
    expect(confirmed.index).toBeGreaterThanOrEqual(index);
  });

  test('a batch is one transaction; rows carry the number of their statement', async () => {
    await start();
    const { ask, next } = await connect();
    const statement = (sql: string) =>
      ({ sql, parameters: { kind: 'positional', values: [] } }) as const;
    ask(
      run(1, '', {
        kind: 'batch',
        statements: ['CREATE TABLE b(x)', 'INSERT INTO b VALUES(1),(2)', 'SELECT x FROM b'].map(
          statement,
        ),
      }),
    );
    const rows: number[] = [];
    let answer = await next();
    for (; answer.type === 'rows'; answer = await next()) rows.push(answer.statementIndex);
    expect(rows.at(-1)).toBe(2);
    expect(answer).toMatchObject({
      type: 'end',
      results: [{ columns: [] }, { rowsAffected: 2 }, { columns: ['x'] }],
    });
    ask(run(2, '', { kind: 'batch', statements: ['DELETE FROM b', 'nonsense'].map(statement) }));
    for (answer = await next(); answer.type === 'rows'; ) answer = await next();
    expect(answer).toMatchObject({ type: 'failure', statementIndex: 1 });
    ask({ type: 'describe', request: 3, database: 'db', sql: 'SELECT x FROM b WHERE x = :a' });
    expect(await next()).toMatchObject({
      type: 'description',
      description: { parameters: [':a'], columns: ['x'], readonly: true },
    });
  });

  test('a deadline ends an endless query; Status is served', async () => {
    await start();
    const { ask, next } = await connect();
    ask(run(1, ENDLESS, { deadlineMs: 150 }));
    expect(await next()).toMatchObject({ type: 'failure', request: 1 });
    ask({ type: 'status', request: 3 });
    const status = await next();
    if (status.type !== 'status') throw new Error(status.type);
    expect(JSON.parse(status.json)).toMatchObject({ id: 1, role: 'leader' });
  });
});
