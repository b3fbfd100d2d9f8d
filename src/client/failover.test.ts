import { expect, test } from 'vitest';
import { FakeCluster } from '../../test/fakes/fake-cluster.ts';
import { logIndex, QuorateError } from '../base/index.ts';

/** The error of a promise that must fail, settled in virtual time. */
async function failure(cluster: FakeCluster, promise: Promise<unknown>): Promise<QuorateError> {
  const error = await cluster.clock.until(
    promise.then(
      () => new Error('it did not fail'),
      (reason: unknown) => reason,
    ),
  );
  if (!(error instanceof QuorateError)) throw error;
  return error;
}

const INSERT = 'insert into t values (1)';

test('a write finds the leader among the servers', async () => {
  const cluster = new FakeCluster();
  cluster.lead(cluster.c);
  const db = cluster.client.database('d');
  const result = await cluster.clock.until(db.execute(INSERT));
  expect(cluster.c.statements).toEqual([INSERT]);
  expect(cluster.statements).toHaveLength(1);
  expect(result.executedBy).toEqual({ id: 3n, address: 'c:1' });
});

test('many calls share one connection to a node', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d');
  await cluster.clock.until(Promise.all(Array.from({ length: 100 }, () => db.execute(INSERT))));
  expect(cluster.a.connections).toBe(1);
  expect(cluster.a.statements).toHaveLength(100);
});

test('no more requests are in flight than the server permits', async () => {
  const cluster = new FakeCluster({ requestsInFlight: 3 });
  let inFlight = 0;
  let most = 0;
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'run') return;
    most = Math.max(most, ++inFlight);
    cluster.clock.after(10, () => {
      inFlight--;
      peer.end(request.request);
    });
  };
  const db = cluster.client.database('d');
  await cluster.clock.until(Promise.all(Array.from({ length: 20 }, () => db.execute(INSERT))));
  expect(most).toBe(3);
});

test('a refused write goes to the leader that the refusal names', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'run') return;
    peer.fail(request.request, { code: 'NOT_LEADER', leader: 'b:1', retryable: true });
    cluster.lead(cluster.b);
  };
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  expect(cluster.a.statements).toEqual([INSERT]);
  expect(cluster.b.statements).toEqual([INSERT]);
});

test('servers that name each other as leader are asked with growing pauses', async () => {
  const cluster = new FakeCluster();
  for (const [server, other] of [
    [cluster.a, 'b:1'],
    [cluster.b, 'a:1'],
  ] as const) {
    server.onRequest = (request, peer) => {
      if (request.type === 'run')
        peer.fail(request.request, { code: 'NOT_LEADER', leader: other, retryable: true });
    };
  }
  const db = cluster.client.database('d');
  const error = await failure(cluster, db.execute(INSERT, [], { timeoutMs: 10_000 }));
  expect(error.code).toBe('TIMEOUT');
  expect(error.outcome).toBe('rolled-back');
  expect(cluster.statements.length).toBeGreaterThan(3);
  expect(cluster.statements.length).toBeLessThan(60);
});

test('a write whose connection is lost is never repeated; its outcome is unknown', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (_request, peer) => peer.drop();
  const db = cluster.client.database('d');
  const error = await failure(cluster, db.execute(INSERT));
  expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', outcome: 'unknown', retryable: false });
  expect(cluster.statements).toEqual([INSERT]);
});

test('a read whose connection is lost is repeated', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (cluster.a.requests.length === 1) peer.drop();
    else if (request.type === 'run') peer.rows(request.request, ['x'], [[1]]);
  };
  const db = cluster.client.database('d');
  expect(await cluster.clock.until(db.query('select x from t'))).toEqual([{ x: 1 }]);
  expect(cluster.statements).toHaveLength(2);
});

test.each([
  ['rolled-back', true, 2],
  ['rolled-back', false, 1],
  ['unknown', true, 1],
  ['committed', true, 1],
  [undefined, true, 1],
] as const)(
  'a write that failed with outcome %s, retryable %s, is sent %d times',
  async (outcome, retryable, times) => {
    const cluster = new FakeCluster();
    cluster.a.onRequest = (request, peer) => {
      if (request.type !== 'run') return;
      if (cluster.a.requests.length > 1) peer.end(request.request);
      else peer.fail(request.request, { code: 'SQLITE_BUSY', outcome, retryable });
    };
    const db = cluster.client.database('d');
    const run = db.execute(INSERT);
    if (times === 1) expect((await failure(cluster, run)).outcome).toBe(outcome);
    else await cluster.clock.until(run);
    expect(cluster.statements).toHaveLength(times);
  },
);

test('a refusal as not leader with unknown outcome is not repeated', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type === 'run')
      peer.fail(request.request, { code: 'NOT_LEADER', outcome: 'unknown', retryable: true });
  };
  const db = cluster.client.database('d');
  expect((await failure(cluster, db.execute(INSERT))).outcome).toBe('unknown');
  expect(cluster.statements).toHaveLength(1);
});

test('a script of which statements stay in effect is not repeated', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'run') return;
    const results = [{ rowsAffected: 1, lastInsertRowid: 1n, columns: [], columnTypes: [] }];
    peer.fail(request.request, {
      code: 'NOT_LEADER',
      outcome: 'rolled-back',
      retryable: true,
      statementIndex: 1,
      results,
    });
  };
  const db = cluster.client.database('d');
  const error = await failure(cluster, db.executeMultiple(`${INSERT}; ${INSERT}`));
  expect(error.statementIndex).toBe(1);
  expect(cluster.statements).toHaveLength(1);
});

test('a new leader is found when the old one dies', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  cluster.network.stop('a:1');
  cluster.lead(undefined);
  cluster.clock.after(2_000, () => cluster.lead(cluster.b));
  await cluster.clock.until(db.execute(INSERT));
  expect(cluster.b.statements).toEqual([INSERT]);
});

test('waiting calls go on as soon as a server tells of a leader', async () => {
  const cluster = new FakeCluster();
  cluster.lead(undefined);
  const db = cluster.client.database('d');
  const run = db.execute(INSERT);
  await cluster.clock.advance(6_000);
  const told = cluster.clock.now();
  cluster.lead(cluster.b);
  await cluster.clock.until(run);
  expect(cluster.clock.now() - told).toBeLessThan(100);
});

test('a member that is not among the configured servers is learned', async () => {
  const cluster = new FakeCluster({}, { servers: ['a:1'] });
  cluster.a.members = ['a:1', 'b:1', 'c:1'];
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  await cluster.clock.advance(100);
  cluster.network.stop('a:1');
  cluster.lead(cluster.c);
  await cluster.clock.until(db.execute(INSERT));
  expect(cluster.c.statements).toEqual([INSERT]);
});

test('without any server the call ends at its deadline and says why', async () => {
  const cluster = new FakeCluster();
  for (const { address } of cluster.servers) cluster.network.stop(address);
  const db = cluster.client.database('d');
  const start = cluster.clock.now();
  const error = await failure(cluster, db.execute(INSERT, [], { timeoutMs: 5_000 }));
  expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'rolled-back', retryable: true });
  expect(error.message).toContain('no server knows a leader');
  expect(cluster.clock.now() - start).toBe(5_000);
});

test('a silent server: the write times out as unknown, the connection is given up', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = () => undefined;
  const db = cluster.client.database('d');
  const error = await failure(cluster, db.execute(INSERT, [], { timeoutMs: 1_000 }));
  expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown', retryable: false });
  expect(cluster.a.requests.map(({ type }) => type)).toEqual(['run', 'cancel']);
  await cluster.clock.advance(20_000);
  cluster.a.onRequest = (request, peer) => {
    if (request.type === 'run') peer.end(request.request);
  };
  await cluster.clock.until(db.execute(INSERT));
  expect(cluster.a.connections).toBe(2);
});

test('a leader behind a connection that is dead without our knowing is found in the end', async () => {
  const cluster = new FakeCluster();
  cluster.lead(undefined);
  const db = cluster.client.database('d');
  await failure(cluster, db.execute(INSERT, [], { timeoutMs: 1_000 }));
  cluster.network.halfOpen('a:1');
  cluster.lead(cluster.a);
  await cluster.clock.until(db.execute(INSERT, [], { timeoutMs: 30_000 }));
  expect(cluster.a.connections).toBe(2);
});

test('the outcome that the server tells at the deadline is believed', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'cancel') return;
    peer.fail(request.request, {
      code: 'SQLITE_INTERRUPT',
      outcome: 'rolled-back',
      retryable: true,
    });
  };
  const db = cluster.client.database('d');
  const error = await failure(cluster, db.execute(INSERT, [], { timeoutMs: 1_000 }));
  expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'rolled-back' });
});

test('the deadline is told to the server', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d', { timeoutMs: 7_000 });
  await cluster.clock.until(db.execute(INSERT));
  const [run] = cluster.a.requests;
  if (run.type !== 'run') throw new Error(run.type);
  expect(run.deadlineMs).toBeGreaterThan(6_000);
  expect(run.deadlineMs).toBeLessThanOrEqual(7_000);
});

test('an aborted call ends at once and frees its slot at the server', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = () => undefined;
  const db = cluster.client.database('d');
  const controller = new AbortController();
  const run = db.execute(INSERT, [], { signal: controller.signal });
  cluster.clock.after(500, () => controller.abort(new Error('enough')));
  const error = await failure(cluster, run);
  expect(error).toMatchObject({ code: 'ABORTED', outcome: 'unknown' });
  expect(error.cause).toBeInstanceOf(Error);
  await cluster.clock.advance(10);
  expect(cluster.a.requests.map(({ type }) => type)).toEqual(['run', 'cancel']);
});

test('a call aborted before it is sent changed nothing', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d');
  const run = db.execute(INSERT, [], { signal: AbortSignal.abort() });
  expect(await failure(cluster, run)).toMatchObject({ code: 'ABORTED', outcome: 'rolled-back' });
  expect(cluster.statements).toEqual([]);
});

test('close ends what runs', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = () => undefined;
  const db = cluster.client.database('d');
  const run = db.query('select 1');
  await cluster.clock.advance(100);
  const failed = failure(cluster, run);
  await db.close();
  expect((await failed).code).toBe('CLOSED');
  expect(db.closed).toBe(true);
  expect((await failure(cluster, db.query('select 1'))).code).toBe('CLOSED');
});

test('nothing is left behind after close', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  await cluster.client.close();
  await cluster.clock.advance(10);
  expect(cluster.clock.timers).toBe(0);
});

test('an SQL error keeps all it says', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) =>
    peer.fail(request.request, {
      code: 'SQLITE_CONSTRAINT',
      message: 'UNIQUE constraint failed: t.x',
      extendedCode: 'SQLITE_CONSTRAINT_UNIQUE',
      rawCode: 2067,
      offset: 12,
      statementIndex: 2,
      outcome: 'rolled-back',
    });
  const db = cluster.client.database('d');
  expect(await failure(cluster, db.batch([INSERT, INSERT, INSERT]))).toMatchObject({
    code: 'SQLITE_CONSTRAINT',
    message: 'UNIQUE constraint failed: t.x',
    extendedCode: 'SQLITE_CONSTRAINT_UNIQUE',
    rawCode: 2067,
    offset: 12,
    statementIndex: 2,
    outcome: 'rolled-back',
    retryable: false,
  });
});

test('malformed bytes of a server cost the connection, not the process', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (cluster.a.requests.length > 1 || request.type !== 'run') {
      peer.end(request.type === 'run' ? request.request : 0);
    } else peer.end(999);
  };
  const db = cluster.client.database('d');
  expect((await failure(cluster, db.execute(INSERT))).code).toBe('OUTCOME_UNKNOWN');
  await cluster.clock.until(db.execute(INSERT));
  expect(cluster.a.connections).toBe(2);
});

test('reads run where they are told to', async () => {
  const cluster = new FakeCluster();
  for (const server of cluster.servers) {
    server.onRequest = (request, peer) => {
      if (request.type === 'run') peer.rows(request.request, ['x'], [[1]]);
    };
  }
  const db = cluster.client.database('d');
  const at = async (options: object) =>
    (await cluster.clock.until(db.execute('select x', [], options))).executedBy.address;
  expect(await at({})).toBe('a:1');
  expect(await at({ readFrom: 'b:1', consistency: 'local' })).toBe('b:1');
  expect(await at({ readFrom: 'leader' })).toBe('a:1');
  const seen = new Set<string>();
  for (let i = 0; i < 30; i++) seen.add(await at({ readFrom: 'any' }));
  expect([...seen].sort()).toEqual(['a:1', 'b:1', 'c:1']);
  cluster.network.stop('b:1');
  for (let i = 0; i < 10; i++) expect(await at({ readFrom: 'any' })).not.toBe('b:1');
});

test('a read that a follower cannot serve goes on to the leader', async () => {
  const cluster = new FakeCluster();
  cluster.b.onRequest = (request, peer) =>
    peer.fail(request.request, { code: 'NOT_LEADER', leader: 'a:1', retryable: true });
  cluster.c.onRequest = cluster.b.onRequest;
  cluster.a.onRequest = (request, peer) => peer.rows(request.request, ['x'], [[1]]);
  const db = cluster.client.database('d', { readFrom: 'any' });
  for (let i = 0; i < 5; i++) {
    const { executedBy } = await cluster.clock.until(db.execute('select x'));
    expect(executedBy.address).toBe('a:1');
  }
});

test('the node in the process serves reads; writes go to the leader', async () => {
  const cluster: FakeCluster = new FakeCluster(
    {},
    { localServer: { address: 'b:1', dial: () => cluster.network.dial('b:1', 0) } },
  );
  const db = cluster.client.database('d');
  expect((await cluster.clock.until(db.execute('select 1'))).executedBy.address).toBe('b:1');
  expect((await cluster.clock.until(db.execute(INSERT))).executedBy.address).toBe('a:1');
  cluster.network.stop('b:1');
  expect((await cluster.clock.until(db.execute('select 1'))).executedBy.address).toBe('a:1');
});

test('a session carries the index of its writes into its reads', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => peer.end(request.request, { index: logIndex(41) });
  cluster.b.onRequest = (request, peer) => peer.rows(request.request, ['x'], [[1]], 50);
  const db = cluster.client.database('d', { readFrom: 'b:1' });
  const session = db.session();
  await cluster.clock.until(session.execute(INSERT));
  await cluster.clock.until(session.query('select x'));
  expect(cluster.b.requests[0]).toMatchObject({ consistency: 'session', minimumIndex: 41 });
  const continued = db.session(session.token);
  await cluster.clock.until(continued.query('select x'));
  expect(cluster.b.requests[1]).toMatchObject({ consistency: 'session', minimumIndex: 50 });
  expect(() => db.session('nonsense')).toThrow(QuorateError);
});

test('staleness limits travel with local reads only', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d');
  const maxStaleness = { ms: 500, entries: 10 };
  await cluster.clock.until(db.execute('select 1', [], { consistency: 'local', maxStaleness }));
  await cluster.clock.until(db.execute('select 1', [], { maxStaleness }));
  expect(cluster.a.requests[0]).toMatchObject({ maxStalenessMs: 500, maxStalenessEntries: 10 });
  expect(cluster.a.requests[1]).toMatchObject({
    consistency: 'linearizable',
    maxStalenessMs: undefined,
  });
});

test('a leader that is cut off is left as soon as another one is known', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  cluster.network.cut('a:1');
  const stuck = db.execute(INSERT);
  cluster.lead(cluster.b);
  const failed = failure(cluster, stuck);
  await cluster.clock.advance(3_000);
  await cluster.clock.until(db.execute(INSERT, [], { timeoutMs: 1_000 }));
  expect(cluster.b.statements).toEqual([INSERT]);
  expect(await failed).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
});

test('a busy node that answers Hello late is not taken for a plain one', async () => {
  const cluster = new FakeCluster({}, { servers: ['a:1'] });
  cluster.a.delayMs = 2_500;
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  expect(cluster.a.statements).toEqual([INSERT]);
});

test('those who wait for a slot are not overtaken', async () => {
  const cluster = new FakeCluster({ requestsInFlight: 1 });
  const db = cluster.client.database('d');
  const order: number[] = [];
  const calls = Array.from({ length: 20 }, (_, i) =>
    db.execute(INSERT).then(async () => {
      order.push(i);
      if (i < 3) await db.execute('insert late').then(() => order.push(100 + i));
    }),
  );
  await cluster.clock.until(Promise.all(calls));
  expect(order.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test('a question to a node that cannot be reached ends with CONNECTION_LOST', async () => {
  const cluster = new FakeCluster();
  const admin = cluster.client.cluster;
  for (const question of [() => admin.status('z:1'), () => admin.digest('z:1', 'd')]) {
    const error = await failure(cluster, question());
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
  }
});
