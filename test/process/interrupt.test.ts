import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type QuorateNode, startNode } from '../../dist/index.js';
import { freePort } from '../interop/processes.ts';
import { ENDLESS, WireClient } from '../support/wire-client.ts';

/* Queries without end, on a node with threads: its sockets are served while SQL runs. */

const root = mkdtempSync(join(tmpdir(), 'quorate-interrupt-'));
const clients: WireClient[] = [];
let node: QuorateNode;

async function connectPlain(): Promise<WireClient> {
  const client = await WireClient.connect(node.address, 'interrupts');
  clients.push(client);
  return client;
}

beforeAll(async () => {
  node = await startNode({ dir: join(root, '1'), address: `127.0.0.1:${await freePort()}` });
  await node.ready();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.raw.close();
});

afterAll(async () => {
  await node.close({ handover: false });
  rmSync(root, { recursive: true, force: true });
});

describe('Interrupt and going away', () => {
  test('Interrupt ends an endless query, and the connection goes on', async () => {
    const client = await connectPlain();
    client.sendQuery(ENDLESS);
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.send({ type: 'interrupt', db: 0n });
    expect(await client.next()).toEqual({ type: 'empty' });
    expect((await client.query('SELECT 1')).type).toBe('rows');
  });

  test('Interrupt ends an endless row set in the middle', async () => {
    const client = await connectPlain();
    const sql = ENDLESS.replace('count(*)', 'x');
    client.sendQuery(sql);
    expect((await client.next()).type).toBe('rows');
    client.send({ type: 'interrupt', db: 0n });
    let answer = await client.next();
    while (answer.type === 'rows') answer = await client.next();
    expect(answer).toEqual({ type: 'empty' });
    expect((await client.exec('CREATE TABLE IF NOT EXISTS t(x)')).type).toBe('result');
  });

  test('a client that goes away ends its endless query; others were served meanwhile', async () => {
    const first = await connectPlain();
    first.sendQuery(ENDLESS);
    const second = await connectPlain();
    expect((await second.exec('CREATE TABLE IF NOT EXISTS t(x)')).type).toBe('result');
    first.raw.close();
    expect((await second.query('SELECT count(*) FROM t')).type).toBe('rows');
  });
});
