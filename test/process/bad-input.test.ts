import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ClientResponse } from '../../src/wire/index.ts';
import { eventually } from '../interop/processes.ts';
import { RawClient } from '../support/raw-client.ts';
import { HELLO_WORD } from '../support/session-harness.ts';
import { ENDLESS, WireClient } from '../support/wire-client.ts';
import { Program, startProgram } from './program.ts';

/* Bytes and statements that nobody should send, to a node in a process of its own: it must go on serving. */

const root = mkdtempSync(join(tmpdir(), 'quorate-bad-'));
const raws: RawClient[] = [];
let program: Program;
let address = '';
let witness: WireClient;
let count = 0;

beforeAll(async () => {
  ({ program, address } = await startProgram(join(root, '1'), ['--id', '1']));
  await eventually('a leader', async () => {
    witness = await WireClient.connect(address);
    const made = await witness.exec('CREATE TABLE t(x)');
    return made.type === 'result' ? true : undefined;
  });
});

afterAll(async () => {
  witness.raw.close();
  await Program.killAll();
  rmSync(root, { recursive: true, force: true });
});

/** After everything: a write and a read on an old connection, and a new connection. */
afterEach(async () => {
  for (const raw of raws.splice(0)) raw.close();
  count++;
  expect(await witness.exec(`INSERT INTO t VALUES (${count})`)).toMatchObject({ type: 'result' });
  const fresh = await WireClient.connect(address);
  expect(lastInteger(await fresh.query('SELECT count(*) FROM t'))).toBe(BigInt(count));
  fresh.raw.close();
});

async function raw(...bytes: readonly Uint8Array[]): Promise<RawClient> {
  const client = await RawClient.connect(address);
  raws.push(client);
  for (const chunk of bytes) client.send(chunk);
  return client;
}

async function opened(): Promise<WireClient> {
  const client = await WireClient.connect(address);
  raws.push(client.raw);
  return client;
}

function header(words: number, type: number, schema = 0): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, words, true);
  bytes[4] = type;
  bytes[5] = schema;
  return bytes;
}

/** The last value of a batch of rows, which ends with a marker. */
function lastInteger(answer: ClientResponse): bigint {
  if (answer.type !== 'rows') throw new Error(JSON.stringify(answer));
  const { buffer, byteOffset, byteLength } = answer.body;
  return new DataView(buffer, byteOffset, byteLength).getBigInt64(byteLength - 16, true);
}

const isLast = (answer: { readonly body: Uint8Array }): boolean => answer.body.at(-1) === 0xff;

const word = (value: bigint): Uint8Array => new Uint8Array(new BigUint64Array([value]).buffer);
const openFiles = (): number => readdirSync(`/proc/${program.pid}/fd`).length;
const residentMiB = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) / 1024;

describe('bytes', () => {
  test('a wrong version word closes the connection', async () => {
    for (const value of [0n, 2n, 2n ** 64n - 1n, 0x0a0d_0a0d_2054_4547n]) {
      await (await raw(word(value))).untilClosed();
    }
  });

  test('garbage instead of messages ends in a Failure or a closed connection', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      let state = seed;
      const bytes = Uint8Array.from({ length: 64 + seed * 8 }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return state >>> 16;
      });
      await raw(HELLO_WORD, bytes);
    }
  });

  test('sizes beyond the limit close the connection, and take no memory', async () => {
    const before = residentMiB();
    for (const words of [0xffff_ffff, 0x1fff_ffff, 0x0080_0001]) {
      const client = await raw(HELLO_WORD, header(words, 3));
      while ((await client.next()) !== undefined);
    }
    expect(residentMiB() - before).toBeLessThan(32);
  });

  test('messages without a body, cut messages, unknown types and schemas', async () => {
    for (let type = 0; type < 256; type += 5) {
      await raw(HELLO_WORD, header(0, type));
      await raw(HELLO_WORD, header(2, type), word(7n));
      await raw(HELLO_WORD, header(1, type, 9), word(7n));
    }
    const client = await raw(HELLO_WORD, header(1, 200), word(0n));
    expect((await client.next())?.type).toBe(0);
  });
});

describe('requests', () => {
  test.each([
    '',
    ':memory:',
    'file:x?mode=memory',
    '../../x',
    '/abs',
    '.',
    'a/b',
    'a\nb',
    'é',
    'x'.repeat(256),
  ])('the database name %j is refused', async (name) => {
    const client = await WireClient.connect(address, '');
    raws.push(client.raw);
    const answer = await client.ask({ type: 'open', name, flags: 0n, vfs: 'volatile' });
    const failed = answer.type === 'db' ? await client.exec('CREATE TABLE x(y)') : answer;
    expect(failed.type).toBe('failure');
  });

  test('unknown databases and statements get a Failure; the connection goes on', async () => {
    const client = await opened();
    const query = { type: 'query-sql', schema: 0, sql: 'SELECT 1', parameters: [] } as const;
    expect((await client.ask({ ...query, db: 7n })).type).toBe('failure');

    expect((await client.ask({ type: 'finalize', db: 0, statement: 99 })).type).toBe('failure');
    expect((await client.query('SELECT 1')).type).toBe('rows');
  });

  test('an error in the middle of several statements keeps what came before, as in C', async () => {
    const client = await opened();
    const text =
      'CREATE TABLE m(x); INSERT INTO m VALUES (1); SELECT nope; INSERT INTO m VALUES (2)';
    expect(await client.exec(text)).toMatchObject({ type: 'failure' });
    expect(lastInteger(await client.query('SELECT sum(x) FROM m'))).toBe(1n);
  });

  test('a query that fails after rows were sent ends in a Failure; the connection goes on', async () => {
    const client = await opened();
    client.sendQuery(
      'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5000) SELECT CASE WHEN x = 5000 THEN abs(-9223372036854775807 - 1) ELSE x END FROM c',
    );
    const types = new Set<string>();
    let answer = await client.next();
    for (; answer.type === 'rows' && !isLast(answer); answer = await client.next())
      types.add('rows');
    expect([...types, answer.type]).toEqual(['rows', 'failure']);
    expect((await client.query('SELECT 1')).type).toBe('rows');
  });

  test('closing the connection ends endless queries: all readers are free again', async () => {
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(Array.from({ length: 4 }, opened));
      for (const client of clients) client.sendQuery(ENDLESS);
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (const client of clients) client.raw.close();
    }
    const after = await Promise.all(Array.from({ length: 4 }, opened));
    for (const client of after) expect((await client.query('SELECT 1')).type).toBe('rows');
  });
});

test('2,000 connections opened and dropped leave no descriptor and no memory behind', async () => {
  const round = async (connections: number): Promise<void> => {
    const clients = await Promise.all(Array.from({ length: connections }, opened));
    for (const client of clients) client.raw.close();
    raws.length = 0;
  };
  await round(100);
  await eventually('closed sockets', () => Promise.resolve(openFiles() < 80 ? true : undefined));
  const files = openFiles();
  const before = residentMiB();
  for (let i = 0; i < 20; i++) await round(100);
  await eventually('closed sockets', () =>
    Promise.resolve(openFiles() <= files + 2 ? true : undefined),
  );
  expect(residentMiB() - before).toBeLessThan(64);
});
