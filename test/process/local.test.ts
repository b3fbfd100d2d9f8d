import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Database, type QuorateNode } from '../../dist/index.js';
import { eventually } from '../interop/processes.ts';
import { type LeaderAndFollower, startLeaderAndFollower } from '../support/leader-and-follower.ts';
import { ENDLESS } from '../support/wire-client.ts';

const ROWS = 40;

type Reader = NonNullable<Database['local']>;

function localOf(database: Database): Reader {
  if (database.local === undefined) throw new Error('no local reader');
  return database.local;
}

function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'no error';
}

const count = (reader: Reader): number =>
  reader.get<{ n: number }>('SELECT count(*) n FROM t')?.n ?? -1;

describe.each([{ threads: true }, { threads: false }])(
  'local reads, threads: $threads',
  ({ threads }) => {
    let nodes: LeaderAndFollower;
    let leader: QuorateNode;
    let follower: QuorateNode;
    let db: Database;
    let replica: Reader;

    beforeAll(async () => {
      nodes = await startLeaderAndFollower('local', threads);
      ({ leader, follower } = nodes);
      db = leader.database('shop');
      await db.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, v, b BLOB)');
      replica = localOf(follower.database('shop'));
      await eventually('the table on the follower', async () =>
        codeOf(() => count(replica)) === 'no error' ? true : undefined,
      );
    });

    afterAll(() => nodes.close());

    it('the follower reads its own pages while the leader writes', async () => {
      const seen: number[] = [];
      let writing = true;
      const writes = (async () => {
        for (let i = 0; i < ROWS; i++) {
          await db.execute('INSERT INTO t (v, b) VALUES (?, randomblob(100000))', [`row ${i}`]);
        }
        writing = false;
      })();
      while (writing) {
        seen.push(count(replica));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await writes;
      const last = await db.execute('SELECT count(*) FROM t');
      await eventually('all rows', async () => (count(replica) === ROWS ? true : undefined));
      expect(new Set(seen).size).toBeGreaterThan(2);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(replica.get('SELECT sum(length(b)) AS bytes FROM t')).toEqual({
        bytes: ROWS * 100_000,
      });
      expect(replica.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
      expect(replica.state.index).toBe(last.index);
      expect(replica.state.index).toBe(localOf(db).state.index);
    });

    it('a snapshot keeps one version while others are published', async () => {
      const reader = localOf(db);
      const insert = "INSERT INTO t (v, b) VALUES ('big', randomblob(500000));";
      const writes = db.executeMultiple(insert.repeat(ROWS));
      await eventually('the first of them', async () => (count(reader) > ROWS ? true : undefined));
      reader.snapshot((inner) => {
        const { index } = inner.state;
        const before = count(inner);
        // Without threads of its own the node stands still until this function returns.
        const until = Date.now() + (threads ? 10_000 : 0);
        while (count(reader) === before && Date.now() < until);
        if (threads) expect(count(reader)).toBeGreaterThan(before);
        if (threads) expect(reader.state.index).toBeGreaterThan(index);
        expect(count(inner)).toBe(before);
        expect(inner.snapshot(count)).toBe(before);
        expect(inner.state.index).toBe(index);
      });
      await writes;
      await eventually('all of them', async () => (count(reader) === 2 * ROWS ? true : undefined));
      let kept: Reader | undefined;
      reader.snapshot((inner) => {
        kept = inner;
      });
      expect(codeOf(() => kept?.get('SELECT 1'))).toBe('CLOSED');
    });

    it('values, parameters and integers are those of query()', async () => {
      const sql =
        'SELECT ? AS a, ? AS b, ? AS c, ? AS d, typeof(?) AS e, 9007199254740993 AS f, 7 AS g, 2.0 AS h';
      const args = ['text', 1.5, null, new Uint8Array([1, 2]), 1];
      const reader = localOf(db);
      expect(reader.all(sql, args)).toEqual(await db.query(sql, args));
      expect(reader.get('SELECT :x AS x, @y AS y', { x: true, '@y': 2n ** 62n })).toEqual({
        x: 1,
        y: 2n ** 62n,
      });
      expect(reader.get(sql, args, { integers: 'bigint' })).toEqual(
        await db.first(sql, args, { integers: 'bigint' }),
      );
      expect(codeOf(() => reader.get(sql, args, { integers: 'number' }))).toBe('INTEGER_RANGE');
      expect(reader.get('SELECT v FROM t WHERE id = -1')).toBeUndefined();
      expect(reader.get('SELECT v FROM t ORDER BY id')?.[0]).toBe('row 0');
    });

    it('refuses what is no query, and what does not fit', () => {
      const reader = localOf(db);
      expect(codeOf(() => reader.all("INSERT INTO t (v) VALUES ('x')"))).toBe('SQLITE_READONLY');
      expect(codeOf(() => reader.all("INSERT INTO t (v) VALUES ('x') RETURNING v"))).toBe(
        'SQLITE_READONLY',
      );
      expect(codeOf(() => reader.all('BEGIN'))).toBe('SQLITE_READONLY');
      expect(codeOf(() => reader.snapshot((inner) => inner.all('COMMIT')))).toBe('SQLITE_READONLY');
      expect(codeOf(() => reader.all('CREATE TEMP TABLE x (a)'))).toBe('SQLITE_READONLY');
      expect(codeOf(() => reader.all('PRAGMA foreign_keys = 0'))).toBe('SQLITE_READONLY');
      expect(codeOf(() => reader.all('SELECT 1; SELECT 2'))).toBe('STATEMENT_TAIL');
      expect(codeOf(() => reader.all('SELECT 1; SELEKT'))).toBe('SQLITE_ERROR');
      expect(codeOf(() => reader.all(' -- nothing'))).toBe('EMPTY_STATEMENT');
      expect(codeOf(() => reader.all('SELECT 1', [2]))).toBe('PARAMETERS');
      expect(codeOf(() => reader.all('SELECT ?', { a: 2 }))).toBe('PARAMETERS');
      expect(codeOf(() => reader.all('SELEKT'))).toBe('SQLITE_ERROR');
      expect(reader.all('SELECT 1 AS one; -- done')).toEqual([{ one: 1 }]);
      if (!threads) expect(codeOf(() => reader.all(ENDLESS))).toBe('STATEMENT_TOO_LONG');
      expect(count(reader)).toBe(2 * ROWS);
    });

    it('tells how old it is, and refuses what is older than asked for', async () => {
      const settled = { maxStaleness: { ms: 10_000, entries: 0 } };
      await eventually('a settled follower', async () =>
        codeOf(() => replica.all('SELECT 1', [], settled)) === 'no error' ? true : undefined,
      );
      expect(replica.state.ageMs).toBeGreaterThanOrEqual(0);
      expect(replica.state.lag).toBe(0);
      const tooStrict = { maxStaleness: { ms: -1 } };
      expect(codeOf(() => replica.all('SELECT 1', [], tooStrict))).toBe('TOO_STALE');
      expect(codeOf(() => replica.snapshot((r) => r.get('SELECT 1', [], tooStrict)))).toBe(
        'TOO_STALE',
      );
    });

    it('a database that is not here is not found; connect() has no local reads', async () => {
      expect(codeOf(() => localOf(follower.database('nowhere')).all('SELECT 1'))).toBe(
        'DATABASE_NOT_FOUND',
      );
      expect(codeOf(() => localOf(leader.database('nowhere')).state)).toBe('DATABASE_NOT_FOUND');
      const remote = connect({ servers: [leader.address], database: 'shop' });
      expect(remote.local).toBeUndefined();
      await remote.close();
    });

    it('follows a database that is deleted and made again', async () => {
      const victim = leader.database('victim');
      const reader = localOf(follower.database('victim'));
      const value = (): unknown => {
        try {
          return reader.get<{ x: number }>('SELECT x FROM v')?.x;
        } catch (error) {
          return codeOf(() => {
            throw error;
          });
        }
      };
      await victim.batch(['CREATE TABLE v (x)', 'INSERT INTO v VALUES (1)']);
      await eventually('the first', async () => (value() === 1 ? true : undefined));
      await victim.transaction((tx) => tx.execute('PRAGMA delete_database'));
      await eventually('nothing', async () =>
        value() === 'DATABASE_NOT_FOUND' ? true : undefined,
      );
      await victim.batch(['CREATE TABLE v (x)', 'INSERT INTO v VALUES (2)']);
      await eventually('the second', async () => (value() === 2 ? true : undefined));
    });

    it('ages when the leader is gone, and ends with the node', async () => {
      await leader.close({ handover: false });
      const strict = { maxStaleness: { ms: 400 } };
      await eventually('an old replica', async () =>
        codeOf(() => replica.all('SELECT 1', [], strict)) === 'TOO_STALE' ? true : undefined,
      );
      expect(count(replica)).toBe(2 * ROWS);
      await follower.close({ handover: false });
      expect(codeOf(() => replica.all('SELECT 1'))).toBe('CLOSED');
    });
  },
);
