import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostedNode } from '../../dist/app/nearby-node.js';
import { connect, type Database, type QuorateNode, startNode } from '../../dist/index.js';
import { freePort } from '../interop/processes.ts';
import { type LeaderAndFollower, startLeaderAndFollower } from '../support/leader-and-follower.ts';
import { ENDLESS } from '../support/wire-client.ts';

/* Reads that a client in the process of a node runs itself, beside the same reads by a client elsewhere. */

const counts = { read: 0, declined: 0 };
const { read } = HostedNode.prototype;
HostedNode.prototype.read = function counted(this: HostedNode, ...args) {
  try {
    const result = read.apply(this, args);
    counts.read++;
    return result;
  } catch (error) {
    counts.declined++;
    throw error;
  }
};

const value = fc.oneof(
  fc.constant(null),
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 40 }),
);

const EVERYTHING = `SELECT ?1 AS a, typeof(?1) AS t, v, v + 1 AS w, b, x'' AS "0", id AS length, NULL AS n, count(*) AS c, 1.0 AS f
  FROM t WHERE id >= ?2`;

describe.each([{ threads: true }, { threads: false }])(
  'reads nearby, threads: $threads',
  ({ threads }) => {
    let nodes: LeaderAndFollower;
    let leader: QuorateNode;
    let follower: QuorateNode;
    let db: Database;
    let replica: Database;
    let remote: Database;

    beforeAll(async () => {
      nodes = await startLeaderAndFollower('nearby', threads);
      ({ leader, follower } = nodes);
      db = leader.database('shop');
      replica = follower.database('shop');
      remote = connect({ servers: [leader.address], database: 'shop' });
      await db.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(9), b BLOB)');
      await db.execute("INSERT INTO t VALUES (1, 'one', x'0102'), (2, 9223372036854775807, NULL)");
      for (const database of [db, replica]) {
        for (let i = 0; i < 70; i++) await database.query('SELECT v FROM t WHERE id = 1');
      }
    });

    afterAll(async () => {
      await remote.close();
      await nodes.close();
    });

    it('give what the same reads give elsewhere', async () => {
      const before = counts.read;
      const plain = (result: Awaited<ReturnType<Database['execute']>>) => {
        const { rows, columns, columnTypes, rowsAffected, lastInsertRowid, index } = result;
        const cells = rows.map((row) => ({ named: { ...row }, all: Array.from(row) }));
        return { cells, columns, columnTypes, rowsAffected, lastInsertRowid, index };
      };
      await fc.assert(
        fc.asyncProperty(value, fc.constantFrom(1, 2, 3), async (first, id) => {
          for (const integers of ['auto', 'bigint'] as const) {
            const there = plain(await remote.execute(EVERYTHING, [first, id], { integers }));
            const here = await db.execute(EVERYTHING, [first, id], { integers });
            expect(plain(here)).toEqual(there);
            expect(here.executedBy).toEqual({ id: leader.id, address: leader.address });
          }
        }),
        { numRuns: 60 },
      );
      expect(counts.read - before).toBeGreaterThanOrEqual(100);
    });

    it('see what was acknowledged before they began, on every node', async () => {
      const before = counts.read;
      for (let i = 1; i <= 200; i++) {
        await remote.execute('INSERT OR REPLACE INTO t (id, v) VALUES (3, ?)', [i]);
        const reader = i % 2 === 0 ? db : replica;
        const consistency = i % 4 < 2 ? 'linearizable' : 'lease';
        const sql = 'SELECT CAST(v AS INTEGER) AS n FROM t WHERE id = 3';
        expect((await reader.first<{ n: number }>(sql, [], { consistency }))?.n).toBe(i);
      }
      expect(counts.read - before).toBe(200);
    });

    it('of a session see its writes', async () => {
      const session = replica.session();
      for (let i = 0; i < 50; i++) {
        await session.execute('INSERT OR REPLACE INTO t (id, v) VALUES (4, ?)', [i]);
        const row = await session.first<{ n: number }>(
          'SELECT CAST(v AS INTEGER) AS n FROM t WHERE id = 4',
        );
        expect(row?.n).toBe(i);
      }
    });

    it('that take long, fail or are none run on the node and leave the event loop alone', async () => {
      const before = counts.declined;
      let turns = 0;
      const turning = setInterval(() => {
        turns++;
      }, 1);
      const long =
        'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60000) SELECT max(n) AS m FROM c';
      expect(await db.first(long)).toEqual({ m: 60_000 });
      if (threads) {
        expect(turns).toBeGreaterThan(2);
        await expect(db.query(ENDLESS, [], { timeoutMs: 300 })).rejects.toMatchObject({
          code: 'TIMEOUT',
        });
      }
      clearInterval(turning);
      await expect(db.query('SELECT nothing')).rejects.toMatchObject({ code: 'SQLITE_ERROR' });
      await expect(db.query('SELECT 1; SELECT 2')).rejects.toMatchObject({
        code: 'STATEMENT_TAIL',
      });
      expect(await db.query("SELECT instr('abc', 'c') AS n")).toEqual([{ n: 3 }]);
      expect(await db.query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      expect(counts.declined - before).toBeGreaterThanOrEqual(4);
    });

    it('of a database that was deleted and made anew see the new one', async () => {
      const drop = leader.database('drop');
      for (let i = 0; i < 20; i++) {
        await drop.execute('CREATE TABLE IF NOT EXISTS d (n)');
        await drop.execute('INSERT INTO d VALUES (?)', [i]);
        for (let k = 0; k < 5; k++) {
          expect(await drop.query('SELECT n FROM d ORDER BY n')).toEqual([{ n: i }]);
        }
        await drop.transaction((transaction) => transaction.execute('PRAGMA delete_database'));
      }
    });

    it('fail at once when the node is closed', async () => {
      const address = `127.0.0.1:${await freePort()}`;
      const node = await startNode({ dir: join(nodes.root, '3'), address, threads });
      await node.ready();
      const database = node.database('x');
      await database.execute('CREATE TABLE x (a)');
      for (let i = 0; i < 70; i++) await database.query('SELECT a FROM x');
      const pending = Promise.allSettled(
        Array.from({ length: 8 }, () => database.query('SELECT a FROM x')),
      );
      await node.close();
      const ends = await pending;
      expect(ends.every((end) => end.status === 'fulfilled' || end.reason.code === 'CLOSED')).toBe(
        true,
      );
      await expect(database.query('SELECT a FROM x')).rejects.toMatchObject({ code: 'CLOSED' });
    });
  },
);
