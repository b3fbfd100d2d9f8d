import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SingleNode, startSingleNode } from '../../test/support/single-node.ts';
import { WireClient } from '../../test/support/wire-client.ts';
import { digestOf, Program } from '../schema/index.ts';
import { plainRequest } from './node-request.ts';

/* Migrations as plain dqlite clients see them, on a node with SQLite behind it. */

const SQL = 'create table t(a)';
const BREAK = 'alter table t add column b';
const ONE = { name: '0001', kind: 'expand', checksum: digestOf(SQL) } as const;
const TWO = { name: '0002', kind: 'breaking', checksum: digestOf(BREAK) } as const;
const OLD = new Program({ namespace: 'app', entries: [ONE] });
const NEW = new Program({ namespace: 'app', entries: [ONE, TWO] });

let running: SingleNode;
const clients: WireClient[] = [];

beforeAll(async () => {
  running = await startSingleNode('127.0.0.1:9712');
});

afterAll(async () => {
  for (const client of clients) client.raw.close();
  await running.close();
});

/** A request about the schema; the answer is JSON and of no interest here. */
function ask(request: object): Promise<void> {
  const session = running.node.openSession({
    ...{ readOnly: false, transactionIdleMs: 0, transactionTotalMs: 0 },
    lost: () => undefined,
  });
  return new Promise((resolve, reject) => {
    const json = JSON.stringify(request);
    session.submit(plainRequest('db', { action: 'schema', json }), {
      rows: () => undefined,
      end: (result) => {
        session.close();
        if (result.kind === 'failed') reject(new Error(result.failure.message));
        else resolve();
      },
    });
  });
}

function register(id: string, { manifest }: Program): Promise<void> {
  const participant = { id, kind: 'node', boot: 'b', release: '' };
  return ask({ op: 'register', participant, manifests: [manifest] });
}

function migrate({ digest }: Program, name: string, sql: string): Promise<void> {
  const claim = { namespace: 'app', name, manifest: digest, run: name, by: 'test' };
  return ask({ op: 'migrate', ...claim, sql });
}

function control(action: string, value: string): Promise<void> {
  return ask({ op: 'control', namespace: 'app', action, value, by: 'me' });
}

async function plain(declaration = ''): Promise<WireClient> {
  const client = await WireClient.connect(running.listening, '');
  clients.push(client);
  const vfs = declaration === '' ? 'volatile' : `volatile;q=${declaration}`;
  await client.ask({ type: 'open', name: 'db', flags: 0n, vfs });
  return client;
}

function declared({ digest }: Program): string {
  return digestOf(JSON.stringify({ app: digest })).slice(0, 32);
}

const WRITE = 'insert into t(a) values (1)';
const READ = 'select count(*) from t';
const failed = (text: RegExp) => ({ type: 'failure', message: expect.stringMatching(text) });

describe('plain clients and migrations', () => {
  test('undeclared ones are under the policy: allow, read-only, refuse', async () => {
    await register('1', OLD);
    await migrate(OLD, ONE.name, SQL);
    const client = await plain();
    expect(await client.exec(WRITE)).toMatchObject({ type: 'result' });
    await control('undeclared-policy', 'read-only');
    expect(await client.exec(WRITE)).toMatchObject(
      failed(/^SCHEMA_UNDECLARED: .*declare which migrations/),
    );
    expect(await client.query(READ)).toMatchObject({ type: 'rows' });
    await control('undeclared-policy', 'refuse');
    expect(await client.query(READ)).toMatchObject(
      failed(/^SCHEMA_UNDECLARED: .*declare which migrations/),
    );
    const other = await plain(declared(OLD));
    expect(await other.exec(WRITE)).toMatchObject({ type: 'result' });
    await control('undeclared-policy', 'allow');
    expect(await client.exec(WRITE)).toMatchObject({ type: 'result' });
  });

  test('declared ones are fenced when something is applied that breaks their code', async () => {
    const old = await plain(declared(OLD));
    expect(await old.exec(WRITE)).toMatchObject({ type: 'result' });
    await register('1', NEW);
    expect(await (await plain(declared(NEW))).query(READ)).toMatchObject(failed(/0002/));
    await migrate(NEW, TWO.name, BREAK);
    expect(await old.exec(WRITE)).toMatchObject(failed(/0002 was applied .*breaks this build/));
    expect(await old.query(READ)).toMatchObject(failed(/^SCHEMA_FENCED: .*breaks this build/));
    expect(await (await plain(declared(NEW))).exec(WRITE)).toMatchObject({ type: 'result' });
    expect(await (await plain('f'.repeat(32))).exec(WRITE)).toMatchObject(failed(/register/));
  });
});
