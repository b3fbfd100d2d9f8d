import { expect, test } from 'vitest';
import { FakeCluster } from '../../test/fakes/fake-cluster.ts';
import type { FakeServer } from '../../test/fakes/fake-server.ts';
import { QuorateError, type Value } from '../base/index.ts';
import {
  areUsable,
  type ClientResponse,
  type DecodedRequest,
  RowSetWriter,
} from '../wire/index.ts';
import { plainFailure } from './plain-failure.ts';

type Answer = readonly ClientResponse[] | undefined;

function notLeader(): readonly ClientResponse[] {
  return [{ type: 'failure', code: 10250, message: 'not leader' }];
}

/** Makes the servers answer as C nodes of which `leader` leads; `scripted` may answer instead. */
function asC(
  cluster: FakeCluster,
  leader: FakeServer,
  scripted: (request: DecodedRequest) => Answer = () => undefined,
): void {
  for (const server of cluster.servers) {
    server.onPlain = (request) => {
      switch (request.type) {
        case 'leader':
          return [{ type: 'server', id: leader.id, address: leader.address }];
        case 'cluster':
          return [
            {
              type: 'servers',
              format: 1,
              servers: cluster.servers.map(({ id, address }) => ({ id, address, role: 'voter' })),
            },
          ];
        case 'open':
          return server === leader ? [{ type: 'db', db: 0 }] : notLeader();
        case 'exec-sql':
          return scripted(request) ?? [{ type: 'result', lastInsertRowid: 5n, rowsAffected: 2n }];
        case 'query-sql':
          return scripted(request) ?? [{ type: 'rows', body: rows(['x'], ['INTEGER'], [[1n]]) }];
        default:
          return scripted(request) ?? [{ type: 'empty' }];
      }
    };
  }
}

function rows(
  columns: readonly string[],
  types: readonly string[],
  values: readonly (readonly (bigint | string | null)[])[],
  more = false,
): Uint8Array {
  const writer = new RowSetWriter();
  writer.beginFirst(columns, types);
  for (const row of values) {
    writer.beginRow();
    for (const value of row) {
      if (value === null) writer.null();
      else if (typeof value === 'bigint') writer.integer(value);
      else writer.text(new TextEncoder().encode(value));
    }
  }
  return writer.end(more);
}

function sqlOf(server: FakeServer): string[] {
  return server.plainRequests.flatMap((request) =>
    request.type === 'exec-sql' || request.type === 'query-sql' ? [request.sql] : [],
  );
}

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

test.each(['failure', 'silent'] as const)('C nodes that answer Hello with %s', async (speaks) => {
  const cluster = new FakeCluster({ speaks });
  asC(cluster, cluster.b);
  const db = cluster.client.database('d');
  const written = await cluster.clock.until(db.execute(INSERT));
  expect([written.rowsAffected, written.lastInsertRowid, written.index]).toEqual([2, 5n, 0]);
  expect(written.executedBy).toEqual({ id: 2n, address: 'b:1' });
  expect(await cluster.clock.until(db.query('select x from t'))).toEqual([{ x: 1 }]);
  expect(sqlOf(cluster.b)).toEqual([INSERT, 'select x from t']);
  expect(sqlOf(cluster.a)).toEqual([]);
});

test('a statement that C has run to its end and not replicated has an unknown outcome', () => {
  const error = plainFailure(1, 'no more rows available', true);
  expect(error).toMatchObject({ code: 'LEADERSHIP_LOST', outcome: 'unknown', retryable: false });
  expect(plainFailure(1, 'no more rows available', false).outcome).toBeUndefined();
});

test('what a Quorate node refuses for reasons that C does not have keeps its code', () => {
  const error = plainFailure(1, 'SCHEMA_UNDECLARED: sessions must declare', false);
  expect(error).toMatchObject({ code: 'SCHEMA_UNDECLARED', outcome: 'rolled-back' });
  expect(error.message).toBe('sessions must declare');
  const foreign = plainFailure(1, 'OTHER: no such table', false);
  expect(foreign).toMatchObject({ code: 'SQLITE_ERROR', message: 'OTHER: no such table' });
});

test('a node of ours that is too busy to say Hello is not taken for an old one', async () => {
  const cluster = new FakeCluster({}, { servers: ['a:1'] });
  asC(cluster, cluster.a);
  cluster.a.helloDelayMs = 4_000;
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  expect(sqlOf(cluster.a)).toEqual([]);
  expect(cluster.a.statements).toEqual([INSERT]);
});

test('a C node of today that is slow to refuse Hello is not taken for an old one', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' }, { servers: ['a:1'] });
  asC(cluster, cluster.a);
  cluster.a.helloDelayMs = 4_000;
  const db = cluster.client.database('d');
  const returning = 'insert into t values (1) returning x';
  // An old one would not replicate it.
  expect(await cluster.clock.until(db.query(returning))).toEqual([{ x: 1 }]);
  expect(sqlOf(cluster.a)).toEqual([returning]);
});

test('a session that was told no index reads linearizably until it is told one (S15)', async () => {
  const cluster = new FakeCluster({ speaks: 'silent' });
  asC(cluster, cluster.a);
  const db = cluster.client.database('d', { readFrom: 'b:1' });
  const session = db.session();
  await cluster.clock.until(session.execute(INSERT));
  const { token } = session;
  // One after another they are replaced.
  for (const server of cluster.servers) {
    cluster.network.stop(server.address);
    server.speaks = 'extension';
    server.start();
  }
  await cluster.clock.until(db.query('select x from t'));
  cluster.b.onRequest = (request, peer) => peer.rows(request.request, ['x'], [[1]], 50);
  cluster.b.requests.length = 0;
  await cluster.clock.until(session.query('select x from t'));
  await cluster.clock.until(session.query('select x from t'));
  await cluster.clock.until(db.session(token).query('select x from t'));
  expect(cluster.b.requests).toMatchObject([
    { consistency: 'linearizable' },
    { consistency: 'session', minimumIndex: 50 },
    { consistency: 'linearizable' },
  ]);
});

test('several batches of rows; NULL in a column of times', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  asC(cluster, cluster.a, (request) =>
    request.type === 'query-sql'
      ? [
          { type: 'rows', body: rows(['x', 't'], ['', 'DATETIME'], [[1n, null]], true) },
          { type: 'rows', body: rows(['x', 't'], ['', 'DATETIME'], [[2n, 'noon']]) },
        ]
      : undefined,
  );
  const db = cluster.client.database('d');
  expect(await cluster.clock.until(db.query('select x, t from t'))).toEqual([
    { x: 1, t: null },
    { x: 2, t: 'noon' },
  ]);
});

test('named parameters are sent by position', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  let sent: readonly Value[] = [];
  asC(cluster, cluster.a, (request) => {
    if (request.type === 'query-sql' && areUsable(request.parameters)) sent = request.parameters;
    return undefined;
  });
  const db = cluster.client.database('d');
  await cluster.clock.until(db.query('select :b, ?, @a, :b', { a: 1.5, ':b': 'x' }));
  expect(sent).toEqual(['x', null, 1.5]);
});

test('a batch is a transaction; a failing one is rolled back', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  asC(cluster, cluster.a, (request) =>
    request.type === 'exec-sql' && request.sql === 'bad'
      ? [{ type: 'failure', code: 2067, message: 'UNIQUE constraint failed: t.x' }]
      : undefined,
  );
  const db = cluster.client.database('d');
  await cluster.clock.until(db.batch([INSERT, 'select x from t']));
  expect(sqlOf(cluster.a)).toEqual(['begin immediate', INSERT, 'select x from t', 'commit']);
  const error = await failure(cluster, db.batch([INSERT, 'bad', INSERT]));
  expect(error).toMatchObject({
    code: 'SQLITE_CONSTRAINT',
    extendedCode: 'SQLITE_CONSTRAINT_UNIQUE',
    rawCode: 2067,
    statementIndex: 1,
    outcome: 'rolled-back',
  });
  expect(sqlOf(cluster.a).slice(4)).toEqual(['begin immediate', INSERT, 'bad', 'rollback']);
});

test('a transaction has a connection of its own', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  asC(cluster, cluster.a);
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  const before = cluster.a.connections;
  await cluster.clock.until(
    db.transaction(async (tx) => {
      await tx.execute('insert 1');
      await db.execute('insert 2');
    }),
  );
  expect(sqlOf(cluster.a)).toEqual([INSERT, 'begin immediate', 'insert 1', 'insert 2', 'commit']);
  expect(cluster.a.connections).toBe(before + 1);
});

test('10506 to a write: the outcome is unknown and it is not repeated', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  asC(cluster, cluster.a, (request) =>
    request.type === 'exec-sql'
      ? [{ type: 'failure', code: 10506, message: 'leadership lost' }]
      : undefined,
  );
  const db = cluster.client.database('d');
  expect(await failure(cluster, db.execute(INSERT))).toMatchObject({
    code: 'LEADERSHIP_LOST',
    outcome: 'unknown',
    retryable: false,
  });
  expect(sqlOf(cluster.a)).toEqual([INSERT]);
});

test('10506 within a transaction: rolled back; at its COMMIT: unknown', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  let losing = 'insert 1';
  asC(cluster, cluster.a, (request) =>
    request.type === 'exec-sql' && request.sql === losing
      ? [{ type: 'failure', code: 10506, message: 'leadership lost' }]
      : undefined,
  );
  const db = cluster.client.database('d');
  const run = () => db.transaction((tx) => tx.execute('insert 1'));
  expect(await failure(cluster, run())).toMatchObject({ outcome: 'rolled-back', retryable: true });
  losing = 'commit';
  expect(await failure(cluster, run())).toMatchObject({ outcome: 'unknown', retryable: false });
});

test('a new leader is asked after a refusal, also when it was refused to a connection in use', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  asC(cluster, cluster.a);
  const db = cluster.client.database('d');
  await cluster.clock.until(db.execute(INSERT));
  asC(cluster, cluster.c);
  const answer = cluster.a.onPlain;
  cluster.a.onPlain = (request) => (request.type === 'exec-sql' ? notLeader() : answer(request));
  await cluster.clock.until(db.execute(INSERT));
  expect(sqlOf(cluster.c)).toEqual([INSERT]);
});

test('RETURNING is refused where it would not be replicated', async () => {
  const cluster = new FakeCluster({ speaks: 'silent' });
  asC(cluster, cluster.a);
  const db = cluster.client.database('d');
  const error = await failure(cluster, db.query(`${INSERT} returning x`));
  expect(error).toMatchObject({ code: 'NOT_SUPPORTED', outcome: 'rolled-back' });
  expect(sqlOf(cluster.a)).toEqual([]);
});

test('a read-only transaction refuses writes itself', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  asC(cluster, cluster.a);
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('read'));
  expect((await failure(cluster, tx.execute(INSERT))).code).toBe('SQLITE_READONLY');
  expect(await cluster.clock.until(tx.query('select x'))).toEqual([{ x: 1 }]);
  await cluster.clock.until(tx.commit());
});

test('a statement that times out costs its connection only', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  asC(cluster, cluster.a, (request) =>
    request.type === 'exec-sql' && request.sql === 'slow' ? [] : undefined,
  );
  const db = cluster.client.database('d');
  expect(await failure(cluster, db.execute('slow', [], { timeoutMs: 500 }))).toMatchObject({
    code: 'TIMEOUT',
    outcome: 'unknown',
  });
  await cluster.clock.until(db.execute(INSERT));
});

test('the cluster is asked and changed in plain dqlite', async () => {
  for (const speaks of ['failure', 'extension'] as const) {
    const cluster = new FakeCluster({ speaks });
    asC(cluster, cluster.a, (request) =>
      request.type === 'describe'
        ? [{ type: 'metadata', failureDomain: 3n, weight: 4n }]
        : undefined,
    );
    const { cluster: api } = cluster.client;
    const { clock } = cluster;
    expect(await clock.until(api.members())).toHaveLength(3);
    expect(await clock.until(api.leader())).toEqual({ id: 1n, address: 'a:1', role: 'voter' });
    await clock.until(api.add(9n, 'i:1'));
    await clock.until(api.assign(9n, 'stand-by'));
    await clock.until(api.transfer(2n));
    await clock.until(api.remove(9n));
    expect(await clock.until(api.describe(2n))).toEqual({ failureDomain: 3, weight: 4 });
    const changes = cluster.a.plainRequests.filter(({ type }) =>
      ['add', 'assign', 'transfer', 'remove'].includes(type),
    );
    expect(changes).toEqual([
      { type: 'add', id: 9n, address: 'i:1' },
      { type: 'assign', id: 9n, role: 'stand-by' },
      { type: 'transfer', id: 2n },
      { type: 'remove', id: 9n },
    ]);
  }
});

test('without a leader there is none', async () => {
  const cluster = new FakeCluster();
  cluster.lead(undefined);
  expect(await cluster.clock.until(cluster.client.cluster.leader())).toBeUndefined();
});

test('failures of plain dqlite as errors', () => {
  expect(plainFailure(1, 'no such table: t', true)).toMatchObject({
    code: 'SQLITE_ERROR',
    rawCode: 1,
    retryable: false,
  });
  expect(plainFailure(5, 'database is locked', true)).toMatchObject({
    code: 'SQLITE_BUSY',
    outcome: 'rolled-back',
    retryable: true,
  });
  expect(plainFailure(10, 'outcome unknown', true).outcome).toBe('unknown');
  expect(plainFailure(0, 'empty statement', true).code).toBe('EMPTY_STATEMENT');
  expect(plainFailure(1005, 'unrecognized', true).code).toBe('NOT_SUPPORTED');
});

test('a refused change of the membership has its code, and is asked once', async () => {
  const cluster = new FakeCluster({ speaks: 'failure' });
  let asked = 0;
  asC(cluster, cluster.b, ({ type }) => {
    if (type !== 'assign') return undefined;
    asked++;
    return [{ type: 'failure', code: 1, message: 'Resource not found' }];
  });
  const error = await failure(cluster, cluster.client.cluster.assign(99n, 'voter'));
  expect(error).toMatchObject({ code: 'MEMBER_NOT_FOUND', retryable: false });
  expect(asked).toBe(1);
});
