import { expect, test } from 'vitest';
import { FakeCluster } from '../../test/fakes/fake-cluster.ts';
import { type Peer, type RunRequest, result, rowBatch } from '../../test/fakes/fake-server.ts';

/** Sends `batches` batches of two rows, never more than two ahead of the credits. Tells how many were sent. */
function serveBatches(cluster: FakeCluster, batches: number): { sent: number; cancelled: boolean } {
  const state = { sent: 0, cancelled: false };
  let allowed = 2;
  let running: { run: RunRequest; peer: Peer } | undefined;
  const send = () => {
    while (running !== undefined && state.sent < allowed && state.sent < batches) {
      const n = state.sent++;
      const more = n < batches - 1;
      const batch = rowBatch(['n'], [[2 * n], [2 * n + 1]], { more, next: n > 0 });
      const { run, peer } = running;
      peer.send({ type: 'rows', request: run.request, statementIndex: 0, batch });
      if (!more) peer.end(run.request, { results: [result({ columns: ['n'] })] });
    }
  };
  cluster.a.onRequest = (request, peer) => {
    if (request.type === 'run') running = { run: request, peer };
    if (request.type === 'credit') allowed += request.batches;
    if (request.type === 'cancel') {
      state.cancelled = true;
      running = undefined;
      peer.fail(request.request, { code: 'SQLITE_INTERRUPT' });
    }
    send();
  };
  return state;
}

test('a stream yields all rows in order', async () => {
  const cluster = new FakeCluster();
  serveBatches(cluster, 20);
  const db = cluster.client.database('d');
  const read = async () => {
    const rows: unknown[] = [];
    for await (const row of db.stream('select n')) rows.push(row);
    return rows;
  };
  const rows = await cluster.clock.until(read());
  expect(rows).toEqual(Array.from({ length: 40 }, (_, n) => ({ n })));
});

test('the server is never more than two batches ahead of the reader', async () => {
  const cluster = new FakeCluster();
  const state = serveBatches(cluster, 20);
  const stream = cluster.client.database('d').stream('select n');
  for (let i = 0; i < 10; i++) {
    await cluster.clock.until(stream.next());
    await cluster.clock.advance(50);
    expect(state.sent).toBe(Math.floor(i / 2) + 3);
  }
});

test('leaving early ends the statement at the server', async () => {
  const cluster = new FakeCluster();
  const state = serveBatches(cluster, 1_000);
  const db = cluster.client.database('d');
  const read = async () => {
    for await (const row of db.stream<{ n: number }>('select n')) if (row.n === 5) return row.n;
    return undefined;
  };
  expect(await cluster.clock.until(read())).toBe(5);
  await cluster.clock.advance(50);
  expect(state.cancelled).toBe(true);
  expect(state.sent).toBeLessThan(8);
  await db.close();
  expect(cluster.a.connections).toBe(1);
});

test('nothing is sent before the first row is asked for', async () => {
  const cluster = new FakeCluster();
  const stream = cluster.client.database('d').stream('select n');
  await cluster.clock.advance(100);
  expect(cluster.a.requests).toEqual([]);
  await stream.return?.();
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test('a stream that breaks after its first rows is not begun again', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'run') return;
    const batch = rowBatch(['n'], [[1]], { more: true });
    peer.send({ type: 'rows', request: request.request, statementIndex: 0, batch });
    cluster.clock.after(20, () => peer.drop());
  };
  const stream = cluster.client.database('d').stream('select n');
  expect((await cluster.clock.until(stream.next())).value).toEqual({ n: 1 });
  await expect(cluster.clock.until(stream.next())).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
    retryable: true,
  });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(cluster.a.statements).toHaveLength(1);
});

test('a stream that breaks before its first rows is begun again', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'run') return;
    if (cluster.a.statements.length === 1) peer.drop();
    else peer.rows(request.request, ['n'], [[1]]);
  };
  const stream = cluster.client.database('d').stream('select n');
  expect((await cluster.clock.until(stream.next())).value).toEqual({ n: 1 });
});

test('a server that stops sending ends the stream, not the wait', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'run') return;
    const batch = rowBatch(['n'], [[1]], { more: true });
    peer.send({ type: 'rows', request: request.request, statementIndex: 0, batch });
  };
  const stream = cluster.client.database('d').stream('select n');
  await cluster.clock.until(stream.next());
  await expect(cluster.clock.until(stream.next())).rejects.toMatchObject({ code: 'TIMEOUT' });
});

test('an empty result has no rows', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type === 'run') peer.rows(request.request, ['n'], []);
  };
  const stream = cluster.client.database('d').stream('select n');
  expect(await cluster.clock.until(stream.next())).toEqual({ done: true, value: undefined });
});
