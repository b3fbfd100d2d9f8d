import { afterEach, describe, expect, test } from 'vitest';
import type { NodeId } from '../base/index.ts';
import type { NodeRequest, RequestResult } from './contract.ts';
import { Cluster, request } from './testing/cluster.ts';

let cluster = new Cluster();
afterEach(() => {
  cluster.expectNoneStopped();
  cluster = new Cluster();
});

/** A session on node `id`, and a way to run statements in it. */
function open(id: NodeId, limits: { idleMs?: number; totalMs?: number } = {}) {
  const session = cluster.node(id).openSession({
    readOnly: false,
    transactionIdleMs: limits.idleMs ?? 0,
    transactionTotalMs: limits.totalMs ?? 0,
    lost: () => undefined,
  });
  const submit = (sql: string, options: Partial<NodeRequest> = {}) =>
    new Promise<RequestResult>((resolve) => {
      session.submit(request(sql, options), { rows: () => undefined, end: resolve });
    });
  return { submit, run: (sql: string) => cluster.until(submit(sql)) };
}

async function single(): Promise<void> {
  cluster.sql = true;
  await cluster.start(1n, 'bootstrap');
  await cluster.when(() => cluster.node(1n).isLeader());
  await cluster.execute(1n, 'create table t(v)');
}

describe('sessions', () => {
  test('a statement that could not begin a transaction leaves nothing that makes reads run in circles', async () => {
    await single();
    for (const bad of ['begin nonsense', 'savepoint', 'attach nonsense']) {
      const session = open(1n);
      expect(await session.run(bad)).toMatchObject({ kind: 'failed' });
      expect(await session.run('select 1')).toMatchObject({ kind: 'done' });
    }
    const owner = open(1n);
    await owner.run('begin immediate');
    const other = open(1n);
    const begin = other.submit('begin immediate', { timeoutMs: 50 });
    expect(await cluster.until(begin)).toMatchObject({ kind: 'failed' });
    expect(await other.run('select 1')).toMatchObject({ kind: 'done' });
  });

  test('after an abort by the server a read fails too, until ROLLBACK', async () => {
    await single();
    const session = open(1n, { idleMs: 100 });
    await session.run('begin');
    await session.run('insert into t values(1)');
    await cluster.run(500);
    expect(await session.run('select count(*) from t')).toMatchObject({
      kind: 'failed',
      failure: { code: 'TX_ABORTED' },
    });
    expect(await session.run('rollback')).toMatchObject({ kind: 'done' });
    expect(await session.run('select count(*) from t')).toMatchObject({ kind: 'done' });
  });
});
