import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type QuorateNode, startNode } from '../../dist/index.js';
import { eventually, freePort } from '../interop/processes.ts';

type Handle = ReturnType<typeof connect>;

const root = mkdtempSync(join(tmpdir(), 'quorate-spine-'));
const DATABASE = 'spine';
let nodes: QuorateNode[] = [];
let db: Handle;

beforeAll(async () => {
  nodes = [];
  for (let i = 1; i <= 3; i++) {
    const first = nodes[0];
    nodes.push(
      await startNode({
        dir: join(root, String(i)),
        address: `127.0.0.1:${await freePort()}`,
        ...(first === undefined ? {} : { join: [first.address] }),
      }),
    );
  }
  db = connect({ servers: nodes.map((node) => node.address), database: DATABASE });
  await eventually('three voters', async () => {
    const voters = (await db.cluster.members()).filter((member) => member.role === 'voter');
    return voters.length === 3 ? true : undefined;
  });
  await db.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)');
});

afterAll(async () => {
  await db.close();
  await Promise.all(nodes.map((node) => node.close({ handover: false })));
  rmSync(root, { recursive: true, force: true });
});

async function leaderNode(): Promise<QuorateNode> {
  return eventually('a leader', async () => {
    const leader = await db.cluster.leader();
    return nodes.find((node) => node.id === leader?.id);
  });
}

describe('three nodes in this process, threads on', () => {
  it('serves writes and reads on every node, each through its own handle', async () => {
    for (const [i, node] of nodes.entries()) {
      const own = node.database(DATABASE);
      await own.execute('INSERT INTO t VALUES (?, ?)', [i + 1, `from node ${node.id}`]);
      const row = await own.first<{ v: string }>('SELECT v FROM t WHERE id = ?', [i + 1]);
      expect(row?.v).toBe(`from node ${node.id}`);
    }
    const executors = await Promise.all(
      nodes.map(async (node) => (await node.database(DATABASE).execute('SELECT 1')).executedBy.id),
    );
    expect(executors).toEqual(nodes.map((node) => node.id));
  });

  it('groups commits: with 64 clients, entries are at most an eighth of the transactions', async () => {
    const leader = await leaderNode();
    const before = (await leader.status()).counters;
    const own = leader.database(DATABASE);
    const work = async (client: number): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        await own.execute('INSERT INTO t (v) VALUES (?)', [`client ${client}, row ${i}`]);
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, client) => work(client)));
    const after = (await leader.status()).counters;
    const transactions = after.transactionsProposed - before.transactionsProposed;
    const entries = after.entriesProposed - before.entriesProposed;
    expect(transactions).toBe(64 * 50);
    expect(entries * 8).toBeLessThanOrEqual(transactions);
  });

  it('a long query on the leader causes no election, and inserts go on', async () => {
    const leader = await leaderNode();
    const { term } = await leader.status();
    const own = leader.database(DATABASE);
    const seconds = Number(process.env.LONG_QUERY_SECONDS ?? 4);
    let running = true;
    const endless =
      'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
    const query = own
      .query(endless, [], { timeoutMs: seconds * 1000 })
      .catch((error: unknown) => error);
    let inserted = 0;
    const insert = async (): Promise<void> => {
      while (running) {
        await db.execute('INSERT INTO t (v) VALUES (?)', ['meanwhile']);
        inserted++;
      }
    };
    const clients = Array.from({ length: 8 }, insert);
    const failure = await query;
    running = false;
    await Promise.all(clients);
    expect(failure).toBeInstanceOf(Error);
    expect((await leader.status()).term).toBe(term);
    expect((await leader.status()).role).toBe('leader');
    expect(inserted).toBeGreaterThan(100);
  });

  it('streams a million rows in bounded memory', async () => {
    const own = (await leaderNode()).database(DATABASE);
    const millions =
      "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000) SELECT x, 'row ' || x AS v FROM c";
    const highestOf = async (rows: number): Promise<number> => {
      let highest = 0;
      let count = 0;
      for await (const _ of own.stream(`${millions} LIMIT ${rows}`)) {
        if (++count % 10_000 === 0) highest = Math.max(highest, process.memoryUsage().rss);
      }
      expect(count).toBe(rows);
      return highest;
    };
    // The heaps of all threads breathe: what counts is how the highest reading grows with the rows.
    const few = await highestOf(300_000);
    const many = await highestOf(1_000_000);
    expect((many - few) / 2 ** 20).toBeLessThan(50);
  });

  it('an aborted call frees the write slot', async () => {
    const own = (await leaderNode()).database(DATABASE);
    const abort = new AbortController();
    const endless =
      "INSERT INTO t (v) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT 'x' FROM c LIMIT 100000000";
    const blocked = own
      .execute(endless, [], { signal: abort.signal })
      .catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 300));
    abort.abort();
    const startedAt = performance.now();
    await own.execute('INSERT INTO t (v) VALUES (?)', ['after the abort']);
    expect(await blocked).toBeInstanceOf(Error);
    console.log(`slot free after ${(performance.now() - startedAt).toFixed(1)} ms`);
  });

  it('leadership moves when the leader closes, and nothing is lost', async () => {
    const leader = await leaderNode();
    const { n } = (await db.first<{ n: number }>('SELECT count(*) AS n FROM t')) ?? { n: -1 };
    await leader.close();
    nodes = nodes.filter((node) => node !== leader);
    await db.execute('INSERT INTO t (v) VALUES (?)', ['under the next leader']);
    expect(await db.first('SELECT count(*) AS n FROM t')).toMatchObject({ n: n + 1 });
  });
});
