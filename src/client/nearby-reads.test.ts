import { describe, expect, test } from 'vitest';
import { FakeCluster } from '../../test/fakes/fake-cluster.ts';
import { type LogIndex, logIndex, QuorateError, type Value } from '../base/index.ts';
import type { LocalQuery } from './local-reader.ts';
import type { NearbyNode } from './nearby-reads.ts';

type Done = (index: LogIndex | undefined) => void;

/** A node nearby that has one row, and answers questions when it is told to. */
class Neighbour implements NearbyNode {
  readonly id = 7n;
  readonly address = 'nearby:1';
  applied = logIndex(5);
  version = logIndex(5);
  answer: Value = 1;
  declines = false;
  readonly asked: ('linearizable' | 'lease')[] = [];
  readonly questions: Done[] = [];
  readonly queries: LocalQuery[] = [];
  /** Answers at once with this index; undefined = when it is told to. */
  current: LogIndex | undefined = logIndex(9);

  confirm(consistency: 'linearizable' | 'lease', done: Done): void {
    this.asked.push(consistency);
    if (this.current === undefined) this.questions.push(done);
    else done(this.current);
  }

  read(_database: string, _declaration: string, query: LocalQuery) {
    this.queries.push(query);
    if (this.declines) throw new QuorateError('STATEMENT_TOO_LONG', 'declined');
    const { version: index, answer } = this;
    return { columns: ['n'], columnTypes: ['INT'], rows: [[answer]], index };
  }
}

/** A client with a neighbour that it reads from already. */
async function warm(): Promise<{ cluster: FakeCluster; neighbour: Neighbour }> {
  const neighbour = new Neighbour();
  const cluster = new FakeCluster({}, { nearby: neighbour });
  const database = cluster.client.database('app');
  for (let i = 0; i < 63; i++) await cluster.clock.until(database.query('SELECT n FROM warm'));
  expect(neighbour.asked).toEqual([]);
  expect(cluster.statements).toHaveLength(63);
  await cluster.clock.until(database.query('SELECT n FROM warm'));
  expect(neighbour.queries).toHaveLength(1);
  neighbour.queries.length = 0;
  neighbour.asked.length = 0;
  for (const server of cluster.servers) server.requests.length = 0;
  return { cluster, neighbour };
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a read nearby', () => {
  test('runs after what it must see was asked for, and tells it', async () => {
    const { cluster, neighbour } = await warm();
    neighbour.current = undefined;
    const reading = cluster.client.database('app').execute('SELECT n FROM t WHERE id = ?', [3]);
    await tick();
    expect(neighbour.asked).toEqual(['linearizable']);
    expect(neighbour.queries).toEqual([]);
    neighbour.questions[0](logIndex(9));
    const result = await cluster.clock.until(reading);
    expect(neighbour.queries).toMatchObject([
      { sql: 'SELECT n FROM t WHERE id = ?', parameters: { kind: 'positional', values: [3] } },
    ]);
    expect(result).toMatchObject({
      columns: ['n'],
      columnTypes: ['INT'],
      rowsAffected: 0,
      lastInsertRowid: undefined,
      index: 9,
      executedBy: { id: 7n, address: 'nearby:1' },
    });
    expect(result.rows.map((row) => ({ ...row }))).toEqual([{ n: 1 }]);
    expect(cluster.statements).toEqual([]);
  });

  test('of weaker levels asks nobody; a session waits at the node for what it has seen', async () => {
    const { cluster, neighbour } = await warm();
    const database = cluster.client.database('app');
    await cluster.clock.until(database.query('SELECT 1', [], { consistency: 'lease' }));
    expect(neighbour.asked).toEqual(['lease']);
    await cluster.clock.until(database.query('SELECT 1', [], { consistency: 'local' }));
    const session = database.session(`1.${(5).toString(36)}`);
    await cluster.clock.until(session.query('SELECT 2'));
    expect(neighbour.asked).toEqual(['lease']);
    expect(neighbour.queries).toHaveLength(3);
    const later = database.session(`1.${(6).toString(36)}`);
    await cluster.clock.until(later.query('SELECT 3'));
    expect(cluster.statements).toEqual(['SELECT 3']);
    // What a session has read is what it sees from then on.
    neighbour.version = logIndex(8);
    await cluster.clock.until(session.query('SELECT 4'));
    expect(session.token).toBe('1.8');
  });

  test('is left to a server when it is none: writes, batches, streams, chosen nodes, bounded age', async () => {
    const { cluster, neighbour } = await warm();
    const database = cluster.client.database('app');
    await cluster.clock.until(database.execute('INSERT INTO t VALUES (1)'));
    await cluster.clock.until(database.batch(['SELECT 1']));
    const stream = database.stream('SELECT 3');
    expect(await cluster.clock.until(stream.next())).toMatchObject({ done: true });
    await cluster.clock.until(database.query('SELECT 4', [], { readFrom: 'leader' }));
    await cluster.clock.until(
      database.query('SELECT 5', [], { consistency: 'local', maxStaleness: { ms: 10 } }),
    );
    const elsewhere = cluster.client.database('app', { readFrom: 'leader' });
    await cluster.clock.until(elsewhere.query('SELECT 6'));
    expect(neighbour.queries).toEqual([]);
    expect(neighbour.asked).toEqual([]);
    expect(cluster.statements).toHaveLength(6);
  });

  test('that is declined is run by a server, and so are the next 64 of its text', async () => {
    const { cluster, neighbour } = await warm();
    const database = cluster.client.database('app');
    neighbour.declines = true;
    await cluster.clock.until(database.query('SELECT long'));
    expect(cluster.statements).toEqual(['SELECT long']);
    neighbour.declines = false;
    for (let i = 0; i < 64; i++) await cluster.clock.until(database.query('SELECT long'));
    expect(neighbour.queries).toHaveLength(1);
    await cluster.clock.until(database.query('SELECT long'));
    expect(neighbour.queries).toHaveLength(2);
    expect(cluster.statements).toHaveLength(65);
    await cluster.clock.until(database.query('SELECT short'));
    expect(neighbour.queries).toHaveLength(3);
  });

  test('that nobody can vouch for is left to a server', async () => {
    const { cluster, neighbour } = await warm();
    neighbour.current = undefined;
    const reading = cluster.client.database('app').query('SELECT 1');
    await tick();
    neighbour.questions[0](undefined);
    await cluster.clock.until(reading);
    expect(neighbour.queries).toEqual([]);
    expect(cluster.statements).toEqual(['SELECT 1']);
  });

  test('ends with its call while it waits', async () => {
    const { cluster, neighbour } = await warm();
    neighbour.current = undefined;
    const database = cluster.client.database('app');
    const abort = new AbortController();
    const aborted = database.query('SELECT 1', [], { signal: abort.signal });
    const slow = database.query('SELECT 2', [], { timeoutMs: 50 });
    const closed = database.query('SELECT 3');
    const ends = Promise.allSettled([aborted, slow, closed]);
    await tick();
    abort.abort();
    await cluster.clock.advance(60);
    await database.close();
    expect((await ends).map((end) => (end.status === 'rejected' ? end.reason.code : 'ok'))).toEqual(
      ['ABORTED', 'TIMEOUT', 'CLOSED'],
    );
    for (const done of neighbour.questions) done(logIndex(9));
    await tick();
    expect(neighbour.queries).toEqual([]);
    expect(cluster.statements).toEqual([]);
  });

  test('with an integer that the caller cannot take fails as at a server', async () => {
    const { cluster, neighbour } = await warm();
    neighbour.answer = 2n ** 60n;
    const database = cluster.client.database('app');
    await cluster.clock.until(database.query('SELECT n', [], { integers: 'number' }));
    expect(cluster.statements).toEqual(['SELECT n']);
    await cluster.clock.until(database.query('SELECT n', [], { integers: 'bigint' }));
    expect(neighbour.queries.at(-1)?.bigints).toBe(true);
    expect(cluster.statements).toHaveLength(1);
  });
});
