import { expect, test } from 'vitest';
import { FakeCluster } from '../../test/fakes/fake-cluster.ts';
import type { FakeServer, Peer, RunRequest } from '../../test/fakes/fake-server.ts';
import { logIndex, QuorateError } from '../base/index.ts';
import type { Transaction } from './types.ts';

/** Answers like a database without tables: everything succeeds, BEGIN and COMMIT are understood. */
function obey(
  server: FakeServer,
  scripted: (request: RunRequest, peer: Peer) => boolean = () => false,
) {
  let inTransaction = false;
  server.onRequest = (request, peer) => {
    if (request.type !== 'run' || scripted(request, peer)) return;
    const [{ sql }] = request.statements;
    if (sql.startsWith('begin')) inTransaction = true;
    if (sql === 'commit' || sql === 'rollback') inTransaction = false;
    peer.end(request.request, { inTransaction, index: logIndex(9) });
  };
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

const work = async (tx: Transaction) => {
  await tx.execute('insert 1');
  return 'done';
};

test('a function that returns is committed, on one stream', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a);
  const db = cluster.client.database('d');
  expect(await cluster.clock.until(db.transaction(work))).toBe('done');
  expect(cluster.a.statements).toEqual(['begin immediate', 'insert 1', 'commit']);
  await cluster.clock.advance(10);
  const streams = cluster.a.requests.map((request) => ('stream' in request ? request.stream : 0));
  expect(new Set(streams)).toEqual(new Set([1]));
  expect(cluster.a.requests.at(-1)?.type).toBe('close-stream');
});

test.each([
  ['write', 'begin immediate', false],
  ['deferred', 'begin', false],
  ['read', 'begin', true],
] as const)('mode %s begins with %s', async (mode, sql, readOnly) => {
  const cluster = new FakeCluster();
  obey(cluster.a);
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction(mode, { idleMs: 700 }));
  expect(cluster.a.statements).toEqual([sql]);
  expect(cluster.a.requests[0]).toMatchObject({ type: 'open-stream', readOnly, idleMs: 700 });
  await cluster.clock.until(tx.rollback());
  expect(tx.closed).toBe(true);
});

test('a function that throws is rolled back and its error passed on', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a);
  const db = cluster.client.database('d');
  const own = new TypeError('mine');
  const run = db.transaction(async (tx) => {
    await tx.execute('insert 1');
    throw own;
  });
  await expect(cluster.clock.until(run)).rejects.toBe(own);
  expect(cluster.a.statements).toEqual(['begin immediate', 'insert 1', 'rollback']);
});

test('begin is repeated until a leader takes it', async () => {
  const cluster = new FakeCluster();
  let refusals = 0;
  obey(cluster.a, (request, peer) => {
    if (++refusals > 3) return false;
    peer.fail(request.request, { code: 'NOT_LEADER', retryable: true, outcome: 'rolled-back' });
    return true;
  });
  const db = cluster.client.database('d');
  await cluster.clock.until(db.transaction(work));
  expect(cluster.a.statements.filter((sql) => sql === 'begin immediate')).toHaveLength(4);
});

test('a connection lost in the middle: rolled back', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request, peer) => {
    if (request.statements[0].sql === 'insert 1') peer.drop();
    return request.statements[0].sql === 'insert 1';
  });
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  expect(await failure(cluster, tx.execute('insert 1'))).toMatchObject({
    code: 'CONNECTION_LOST',
    outcome: 'rolled-back',
    retryable: true,
  });
  expect(tx.closed).toBe(true);
  expect(await failure(cluster, tx.execute('insert 2'))).toMatchObject({
    code: 'TX_ABORTED',
    outcome: 'rolled-back',
  });
  expect((await failure(cluster, tx.commit())).code).toBe('TX_ABORTED');
  expect(cluster.statements).toEqual(['begin immediate', 'insert 1']);
});

test('a COMMIT of unknown outcome stays unknown, also for a function that swallowed it', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request, peer) => {
    if (request.statements[0].sql !== 'commit') return false;
    peer.drop();
    return true;
  });
  const db = cluster.client.database('d');
  let runs = 0;
  const run = db.transaction(
    async (tx) => {
      runs++;
      await tx.commit().catch(() => undefined);
      await tx.execute('insert 2');
    },
    { retries: 5 },
  );
  expect(await failure(cluster, run)).toMatchObject({
    code: 'TX_ABORTED',
    outcome: 'unknown',
    retryable: false,
  });
  expect(runs).toBe(1);
});

test('a script that commits and then fails is not called rolled back', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request, peer) => {
    if (request.kind !== 'script') return false;
    const result = { rowsAffected: 0, lastInsertRowid: 0n, columns: [], columnTypes: [] };
    const results = [result, result];
    peer.fail(request.request, { code: 'SQLITE_ERROR', inTransaction: false, results });
    return true;
  });
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  const error = await failure(cluster, tx.executeMultiple('insert 1; commit; nonsense'));
  expect(error.code).toBe('SQLITE_ERROR');
  expect(error.outcome).toBeUndefined();
  expect((await failure(cluster, tx.execute('insert 2'))).outcome).not.toBe('rolled-back');
});

test('a connection lost under COMMIT: unknown, and the function is not run again', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request, peer) => {
    if (request.statements[0].sql !== 'commit') return false;
    peer.drop();
    return true;
  });
  const db = cluster.client.database('d');
  let runs = 0;
  const run = db.transaction(
    async () => {
      runs++;
    },
    { retries: 5 },
  );
  expect(await failure(cluster, run)).toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    outcome: 'unknown',
    retryable: false,
  });
  expect(runs).toBe(1);
});

test.each(['rolled-back', 'unknown', 'committed'] as const)(
  'COMMIT that fails with outcome %s',
  async (outcome) => {
    const cluster = new FakeCluster();
    let commits = 0;
    obey(cluster.a, (request, peer) => {
      if (request.statements[0].sql !== 'commit' || ++commits > 1) return false;
      peer.fail(request.request, { code: 'LEADERSHIP_LOST', outcome, retryable: true });
      return true;
    });
    const db = cluster.client.database('d');
    let runs = 0;
    const run = db.transaction(
      async () => {
        runs++;
      },
      { retries: 2 },
    );
    if (outcome === 'rolled-back') await cluster.clock.until(run);
    else expect((await failure(cluster, run)).outcome).toBe(outcome);
    expect(runs).toBe(outcome === 'rolled-back' ? 2 : 1);
  },
);

test('without retries a function runs once', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request, peer) => {
    if (request.statements[0].sql !== 'insert 1') return false;
    peer.fail(request.request, { code: 'SQLITE_BUSY', retryable: true, inTransaction: true });
    return true;
  });
  const db = cluster.client.database('d');
  expect((await failure(cluster, db.transaction(work))).code).toBe('SQLITE_BUSY');
  expect(cluster.a.statements).toEqual(['begin immediate', 'insert 1', 'rollback']);
});

test('an SQL error leaves the transaction open; a server abort ends it', async () => {
  const cluster = new FakeCluster();
  let inTransaction = true;
  obey(cluster.a, (request, peer) => {
    if (request.statements[0].sql !== 'bad') return false;
    peer.fail(request.request, { inTransaction });
    return true;
  });
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  const first = await failure(cluster, tx.execute('bad'));
  expect([first.outcome, tx.closed]).toEqual([undefined, false]);
  await cluster.clock.until(tx.execute('good'));
  inTransaction = false;
  const second = await failure(cluster, tx.execute('bad'));
  expect([second.outcome, tx.closed]).toEqual(['rolled-back', true]);
});

test('a statement that times out takes the transaction with it', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request) => request.statements[0].sql === 'slow');
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  const run = tx.execute('slow', [], { timeoutMs: 100 });
  expect(await failure(cluster, run)).toMatchObject({ code: 'TIMEOUT', outcome: 'rolled-back' });
  expect(tx.closed).toBe(true);
  await cluster.clock.advance(10);
  expect(cluster.a.requests.slice(-2).map(({ type }) => type)).toEqual(['cancel', 'close-stream']);
});

test('what the server interrupted for the deadline is told as TIMEOUT', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request) => request.statements[0].sql === 'slow');
  const { onRequest } = cluster.a;
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'cancel') onRequest(request, peer);
    else peer.fail(request.request, { code: 'SQLITE_INTERRUPT', inTransaction: false });
  };
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  const run = tx.execute('slow', [], { timeoutMs: 100 });
  expect(await failure(cluster, run)).toMatchObject({ code: 'TIMEOUT', outcome: 'rolled-back' });
  expect(tx.closed).toBe(true);
});

test('savepoint: released when the function returns, rolled back when it throws', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a);
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  await cluster.clock.until(tx.savepoint((inner) => inner.execute('insert 1')));
  const failing = tx.savepoint(() => Promise.reject(new Error('no')));
  await expect(cluster.clock.until(failing)).rejects.toThrow('no');
  await cluster.clock.until(tx.commit());
  expect(cluster.a.statements).toEqual([
    'begin immediate',
    'savepoint quorate_1',
    'insert 1',
    'release quorate_1',
    'savepoint quorate_2',
    'rollback to quorate_2',
    'release quorate_2',
    'commit',
  ]);
});

test('a batch in a transaction is undone as a whole', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, (request, peer) => {
    if (request.statements[0].sql !== 'bad') return false;
    peer.fail(request.request, { inTransaction: true });
    return true;
  });
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  const error = await failure(cluster, tx.batch(['insert 1', 'bad', 'insert 2']));
  expect(error.statementIndex).toBe(1);
  expect(cluster.a.statements.slice(-4)).toEqual([
    'insert 1',
    'bad',
    'rollback to quorate_1',
    'release quorate_1',
  ]);
  expect(tx.closed).toBe(false);
});

test('a transaction that is left behind is rolled back', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a);
  const db = cluster.client.database('d');
  const use = async () => {
    await using tx = await db.transaction('write');
    await tx.execute('insert 1');
  };
  await cluster.clock.until(use());
  expect(cluster.a.statements.at(-1)).toBe('rollback');
  const open = await cluster.clock.until(db.transaction('write'));
  await db.close();
  expect(open.closed).toBe(true);
  await cluster.clock.advance(10);
  expect(cluster.a.requests.at(-1)?.type).toBe('close-stream');
});

test('the index of a commit is in the token of the session', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a);
  const session = cluster.client.database('d').session();
  await cluster.clock.until(session.transaction(work));
  expect(session.token).toBe('1.9');
});

test('COMMIT as text ends the transaction', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a);
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  await cluster.clock.until(tx.execute('commit'));
  expect(tx.closed).toBe(true);
  expect((await failure(cluster, tx.execute('insert 1'))).code).toBe('TX_CLOSED');
});

test('a transaction that the server ended beside an answer is rolled back, not closed by its owner', async () => {
  const cluster = new FakeCluster();
  obey(cluster.a, ({ request, statements: [{ sql }] }, peer) => {
    if (sql !== 'select 1') return false;
    peer.end(request, { inTransaction: false });
    return true;
  });
  const db = cluster.client.database('d');
  const tx = await cluster.clock.until(db.transaction('write'));
  await cluster.clock.until(tx.execute('select 1'));
  const error = await failure(cluster, tx.commit());
  expect(error).toMatchObject({ code: 'TX_ABORTED', outcome: 'rolled-back', retryable: true });
});
