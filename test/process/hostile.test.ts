import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/app/index.ts';
import { logIndex, type RaftMessage, term } from '../../src/base/index.ts';
import { encodeRaftConnect, encodeRaftMessage } from '../../src/wire/index.ts';
import { eventually } from '../interop/processes.ts';
import { RawClient } from '../support/raw-client.ts';
import { HELLO_WORD } from '../support/session-harness.ts';
import { WireClient } from '../support/wire-client.ts';
import { Program, startProgram } from './program.ts';

/* Peers that are none, connections without end and statements that want everything, against a node in a process of its own. */

const root = mkdtempSync(join(tmpdir(), 'quorate-hostile-'));
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

/** After everything: the old connection writes, and the term is what it was. */
afterEach(async () => {
  for (const raw of raws.splice(0)) raw.close();
  expect(await witness.exec(`INSERT INTO t VALUES (${++count})`)).toMatchObject({ type: 'result' });
});

async function raw(...bytes: readonly Uint8Array[]): Promise<RawClient> {
  const client = await RawClient.connect(address);
  raws.push(client);
  for (const chunk of bytes) client.send(chunk);
  return client;
}

function peer(id: bigint, ...bytes: readonly Uint8Array[]): Promise<RawClient> {
  return raw(encodeRaftConnect(id, '127.0.0.1:1'), ...bytes);
}

function bytesOf(message: RaftMessage): Uint8Array {
  const { head, payload } = encodeRaftMessage(message);
  return new Uint8Array(Buffer.concat([head, ...payload]));
}

async function status() {
  const client = connect({ servers: [address], database: 'db' });
  try {
    const { term: now, leader, role } = await client.cluster.status(address);
    return { now, leader: leader?.id, role };
  } finally {
    await client.close();
  }
}

const residentMiB = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) / 1024;
const openFiles = (): number => readdirSync(`/proc/${program.pid}/fd`).length;

const FORGED: readonly RaftMessage[] = [
  {
    ...{ type: 'request-vote', candidate: 9n, lastIndex: logIndex(99), lastTerm: term(99) },
    ...{ term: term(2 ** 50), disrupt: true, preVote: false },
  },
  {
    ...{ type: 'append-entries', term: term(2 ** 50), previousIndex: logIndex(0) },
    ...{ previousTerm: term(0), commit: logIndex(2 ** 50), entries: [] },
  },
  {
    type: 'append-entries-result',
    term: term(2 ** 50),
    rejected: logIndex(0),
    lastIndex: logIndex(1),
  },
  { type: 'timeout-now', term: term(2 ** 50), lastIndex: logIndex(0), lastTerm: term(0) },
  {
    ...{ type: 'install-snapshot', term: term(2 ** 50), lastIndex: logIndex(2 ** 50) },
    ...{ lastTerm: term(2 ** 50), configurationIndex: logIndex(1), dataLength: 2 ** 40 },
    configuration: { members: [{ id: 9n, address: '127.0.0.1:1', role: 'voter' }] },
  },
];

describe('TESTING 6: nodes that are no members', () => {
  test('Connect, then garbage: the connection ends', async () => {
    const client = await peer(9n, new Uint8Array(64).fill(0xff));
    await client.untilClosed();
  });

  test.each(FORGED.map((message) => [message.type, message] as const))(
    'a forged %s of an unknown id moves neither term nor leader',
    async (_type, message) => {
      const before = await status();
      const client = await peer(9n, bytesOf(message), bytesOf(message));
      await new Promise((resolve) => setTimeout(resolve, 100));
      client.close();
      expect(await status()).toEqual(before);
    },
  );

  test('a term of 2^63 ends the connection', async () => {
    const message = bytesOf(FORGED[0] ?? fail());
    message.fill(0, 16, 24);
    message[23] = 0x80;
    await (await peer(9n, message)).untilClosed();
  });

  test('thousands of claimed ids leave a bounded number of connections', async () => {
    const before = openFiles();
    const vote = bytesOf(FORGED[0] ?? fail());
    for (let id = 100n; id < 900n; id += 100n) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => peer(id + BigInt(i), vote)));
    }
    await eventually('most of them to be closed', () =>
      Promise.resolve(openFiles() - before < 80 ? true : undefined),
    );
  });
});

describe('TESTING 6: connections', () => {
  test('three bytes of a handshake, then silence: closed after its time', async () => {
    await (await raw(new Uint8Array(3))).untilClosed();
  });

  test('more connections than there may be are closed, the others go on', async () => {
    const clients = await Promise.all(Array.from({ length: 1_200 }, () => raw(HELLO_WORD)));
    await eventually('refusals', () =>
      Promise.resolve(clients.filter(({ closed }) => closed).length > 150 ? true : undefined),
    );
    expect((await witness.query('SELECT 1')).type).toBe('rows');
  });
});

describe('TESTING 6: statements that want everything', () => {
  test.each(
    [
      'SELECT zeroblob(1000000000)',
      'SELECT hex(zeroblob(60000000)) || hex(zeroblob(60000000))',
      `SELECT ${'('.repeat(5_000)}1${')'.repeat(5_000)}`,
      `SELECT ${'1+'.repeat(5_000)}1`,
      `SELECT ${'x'.repeat(1_000_000)}`,
      `SELECT ${Array.from({ length: 5_000 }, (_, i) => i).join(',')}`,
      `SELECT 1 ${'UNION ALL SELECT 1 '.repeat(5_000)}`,
      "SELECT printf('%.*c', 1000000, 'a') LIKE '%' || printf('%.*c', 3000, 'a') || 'b%'",
      "SELECT printf('%.*c', 100000, 'a') GLOB '*' || printf('%.*c', 900, 'a') || 'b*'",
      "SELECT instr(printf('%.*c', 30000000, 'a'), printf('%.*c', 15000000, 'a') || 'b')",
      'SELECT ?99999',
      "SELECT printf('%2000000000d', 1)",
      'CREATE VIRTUAL TABLE v USING fts3(x)',
      "SELECT fts3_tokenizer('simple', x'00')",
      "SELECT load_extension('x')",
      "ATTACH '/tmp/x' AS x",
      'PRAGMA writable_schema = 1',
      'PRAGMA journal_mode = DELETE',
      "VACUUM INTO '/tmp/x'",
    ].map((sql) => [sql.slice(0, 60), sql] as const),
  )('%s: an answer, and another client goes on', async (_, sql) => {
    const client = await WireClient.connect(address);
    raws.push(client.raw);
    const answer = client.query(sql);
    expect((await witness.query('SELECT count(*) FROM t')).type).toBe('rows');
    expect(['failure', 'rows']).toContain((await answer).type);
    expect((await client.query('SELECT 1')).type).toBe('rows');
  });

  test('more statements, and a longer text, than there may be', async () => {
    const client = await WireClient.connect(address);
    raws.push(client.raw);
    const types = new Set<string>();
    for (let i = 0; i < 1_100; i++) {
      const answer = await client.ask({ type: 'prepare', schema: 0, db: 0n, sql: 'SELECT 1' });
      types.add(answer.type);
    }
    expect([...types]).toEqual(['stmt', 'failure']);
    const before = residentMiB();
    client.raw.send(Uint8Array.of(1, 0, 128, 0, 9, 0, 0, 0));
    await client.raw.untilClosed();
    expect(residentMiB() - before).toBeLessThan(32);
  });
});

function fail(): never {
  throw new Error('no such message');
}
