import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type QuorateNode, startNode } from '../../dist/index.js';
import { freePort } from '../interop/processes.ts';
import { ENDLESS } from '../support/wire-client.ts';

/* `threads: false`: SQL, consensus and sockets share the thread of the test. */

const root = mkdtempSync(join(tmpdir(), 'quorate-one-thread-'));
let node: QuorateNode;

beforeAll(async () => {
  node = await startNode({
    dir: join(root, '1'),
    address: `127.0.0.1:${await freePort()}`,
    threads: false,
  });
  await node.ready();
});

afterAll(async () => {
  await node.close({ handover: false });
  rmSync(root, { recursive: true, force: true });
});

test('a statement without end fails, and the node goes on leading', async () => {
  const { term } = await node.status();
  const database = node.database('one');
  await database.execute('CREATE TABLE t (x)');
  await expect(database.execute(ENDLESS)).rejects.toMatchObject({
    code: 'STATEMENT_TOO_LONG',
    message: expect.stringContaining('threads: true'),
  });
  const write = `INSERT INTO t ${ENDLESS}`;
  await expect(database.execute(write)).rejects.toMatchObject({ code: 'STATEMENT_TOO_LONG' });
  await database.execute('INSERT INTO t VALUES (1)');
  expect(await database.first('SELECT count(*) AS n FROM t')).toEqual({ n: 1 });
  expect((await node.status()).term).toBe(term);
});
