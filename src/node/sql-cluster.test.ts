import { afterEach, describe, expect, test } from 'vitest';
import { packed } from '../../test/support/batches.ts';
import type { NodeId } from '../base/index.ts';
import type { Work } from '../machine/index.ts';
import { ExtensionRowsReader, Lz4FrameDecoder, Lz4FrameEncoder } from '../wire/index.ts';
import type { NodeRequest, RequestResult } from './contract.ts';
import { Cluster, failureOf, request } from './testing/cluster.ts';

/** The frame of a snapshot with other content. */
function recompressed(frame: Uint8Array, change: (content: Uint8Array) => void): Uint8Array {
  const pieces: Uint8Array[] = [];
  const decoder = new Lz4FrameDecoder();
  decoder.write(frame, (piece) => pieces.push(piece.slice()));
  decoder.finish();
  const content = new Uint8Array(Buffer.concat(pieces));
  change(content);
  const encoder = new Lz4FrameEncoder(content.length);
  return new Uint8Array(Buffer.concat([...encoder.write(content), ...encoder.finish()]));
}

let cluster = new Cluster();
afterEach(() => {
  cluster.expectNoneStopped();
  cluster = new Cluster();
});

describe('with SQLite', () => {
  /** Values of all rows. */
  async function query(id: NodeId, sql: string, options: Partial<NodeRequest> = {}) {
    const batches: Uint8Array[] = [];
    const result = await cluster.until(
      new Promise<RequestResult>((resolve) => {
        const running = cluster.node(id).execute(request(sql, options), {
          rows: (batch) => {
            batches.push(batch);
            running?.credit(1);
          },
          end: resolve,
        });
      }),
    );
    if (result.kind === 'failed') throw new Error(`${sql}: ${result.failure.message}`);
    const reader = new ExtensionRowsReader();
    const rows: (readonly unknown[])[] = [];
    for (const batch of batches) rows.push(...reader.batch(batch));
    return rows;
  }

  const digest = async (id: NodeId): Promise<string> => {
    const image = await cluster.until(cluster.node(id).image('main'));
    if (image === undefined) return '';
    const chunks: Buffer[] = [];
    const read = (async () => {
      for await (const chunk of image.chunks()) chunks.push(Buffer.from(chunk));
    })();
    await cluster.until(read);
    return Buffer.concat(chunks).toString('base64');
  };

  test('three nodes have the same pages; followers read; the leader is replaced', async () => {
    cluster.sql = true;
    await cluster.three();
    await query(1n, 'create table t(id integer primary key, v text)');
    const writes = Array.from({ length: 100 }, (_, i) =>
      cluster.submit(1n, `insert into t(v) values('row ${i}')`),
    );
    for (const { result } of await cluster.until(Promise.all(writes))) {
      expect(result.kind).toBe('done');
    }
    const { entriesProposed, transactionsProposed } = cluster.node(1n).status().counters;
    expect(transactionsProposed).toBe(101);
    expect(entriesProposed).toBeLessThan(60);
    expect(await query(2n, 'select count(*), max(v) from t')).toEqual([[100, 'row 99']]);
    await cluster.run(200);
    const [one, two, three] = [await digest(1n), await digest(2n), await digest(3n)];
    expect(two).toBe(one);
    expect(three).toBe(one);
    await cluster.crash(1n);
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect(await query(leader, 'select count(*) from t')).toEqual([[100]]);
    await query(leader, "insert into t(v) values('after')");
    await cluster.start(1n, 'resume');
    await cluster.run(500);
    expect(await query(1n, 'select v from t where id > 100')).toEqual([['after']]);
    expect(await digest(1n)).toBe(await digest(leader));
  });

  test('snapshots of real databases: taken, restored, installed', async () => {
    cluster.sql = true;
    cluster.snapshot = { entries: 20, trailing: 2 };
    await cluster.three();
    await query(1n, 'create table t(id integer primary key, v text)');
    await cluster.crash(3n);
    for (let i = 0; i < 60; i++) {
      await query(1n, `insert into t(v) values('${String(i).repeat(500)}')`);
    }
    await cluster.start(3n, 'resume');
    await cluster.when(() => cluster.node(3n).status().counters.snapshotsInstalled === 1);
    expect(await query(3n, 'select count(*) from t')).toEqual([[60]]);
    await query(1n, "insert into t(v) values('x')");
    expect(await query(3n, 'select count(*) from t')).toEqual([[61]]);
    expect(await digest(3n)).toBe(await digest(1n));
    for (const id of [1n, 3n]) {
      await cluster.crash(id);
      await cluster.start(id, 'resume');
    }
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect(await query(leader, 'select count(*) from t')).toEqual([[61]]);
  });

  test('a snapshot that is none is refused before it takes the place of anything', async () => {
    cluster.sql = true;
    cluster.snapshot = { entries: 20, trailing: 2 };
    await cluster.three();
    await query(1n, 'create table t(id integer primary key, v text)');
    await cluster.crash(3n);
    for (let i = 0; i < 60; i++) await query(1n, `insert into t(v) values('row ${i}')`);
    const { disk } = cluster.process(1n);
    const stored = cluster.node(1n).status().snapshotIndex;
    const name = disk
      .names()
      .find((each) => new RegExp(`^snapshot-\\d+-${stored}-\\d+$`).test(each));
    if (name === undefined) throw new Error('the leader has no snapshot');
    const good = disk.image(name).content.slice();
    // A frame that can be read, with a page count in the file header that the pages do not fulfil.
    disk.put(
      name,
      recompressed(good, (content) => content.set([0, 0, 9, 9], 40 + 28)),
    );
    const names = cluster.process(3n).disk.names();
    await cluster.start(3n, 'resume');
    await cluster.run(1000);
    expect(cluster.node(3n).status().counters.snapshotsInstalled).toBe(0);
    expect(cluster.node(3n).status().snapshotIndex).toBeLessThan(stored);
    const kept = cluster.process(3n).disk.names();
    expect(kept.filter((each) => each.startsWith('snapshot-'))).toEqual(
      names.filter((each) => each.startsWith('snapshot-')),
    );
    cluster.expectNoneStopped();
    disk.put(name, good);
    await cluster.when(() => cluster.node(3n).status().counters.snapshotsInstalled === 1);
    expect(await query(3n, 'select count(*) from t')).toEqual([[60]]);
  });

  test('a transaction of a session ends with leadership; another session goes on elsewhere', async () => {
    cluster.sql = true;
    await cluster.three();
    await query(1n, 'create table t(v)');
    let lost = 0;
    const session = cluster.node(1n).openSession({
      readOnly: false,
      transactionIdleMs: 0,
      transactionTotalMs: 0,
      lost: () => lost++,
    });
    const run = (sql: string) =>
      cluster.until(
        new Promise<RequestResult>((resolve) => {
          session.submit(request(sql, {}), { rows: () => undefined, end: resolve });
        }),
      );
    expect(await run('begin')).toMatchObject({ kind: 'done', inTransaction: true });
    expect(await run('insert into t values(1)')).toMatchObject({ kind: 'done' });
    await cluster.until(cluster.node(1n).transfer(2n));
    expect(lost).toBe(1);
    expect(await run('commit')).toMatchObject({ kind: 'failed' });
    session.close();
    expect(await query(2n, 'select count(*) from t')).toEqual([[0]]);
    await query(2n, 'insert into t values(2)');
    expect(await query(1n, 'select v from t')).toEqual([[2]]);
  });

  test('a unique violation is reported, and a big result arrives whole', async () => {
    cluster.sql = true;
    await cluster.start(1n, 'bootstrap');
    await query(1n, 'create table t(id integer primary key, v text)');
    await query(1n, "insert into t values(1, 'a')");
    const failed = await cluster.execute(1n, "insert into t values(1, 'b')");
    expect(failureOf(failed)).toMatchObject({ code: 'SQLITE_CONSTRAINT', dqliteCode: 1555 });
    const rows = await query(
      1n,
      'with recursive n(i) as (select 1 union all select i+1 from n where i < 50000) select i from n',
    );
    expect(rows.length).toBe(50_000);
  });

  test('hundreds of writes one after another: whatever SQLite does between commit and return', async () => {
    cluster.sql = true;
    await cluster.start(1n, 'bootstrap');
    await query(1n, 'create table t(v)');
    for (let i = 0; i < 400; i++) {
      const { result } = await cluster.execute(1n, `insert into t values(${i})`);
      expect(result.kind).toBe('done');
    }
    expect(await query(1n, 'select count(*) from t')).toEqual([[400]]);
  });

  test('describe, script and batch', async () => {
    cluster.sql = true;
    await cluster.three();
    const script: Work = {
      action: 'script',
      sql: 'create table t(v); insert into t values(1); insert into t values(2)',
      parameters: [],
      rows: 'drop',
    };
    expect((await cluster.execute(1n, '', { work: script })).result.kind).toBe('done');
    const parameters = { kind: 'positional', values: [] } as const;
    const batch: Work = {
      action: 'batch',
      mode: 'write',
      statements: packed([
        { sql: 'insert into t values(3)', parameters },
        { sql: 'select count(*) from t', parameters },
      ]),
    };
    expect((await cluster.execute(1n, '', { work: batch })).result.kind).toBe('done');
    expect(await query(3n, 'select count(*) from t')).toEqual([[3]]);
    const described = await cluster.execute(2n, '', {
      work: { action: 'describe', sql: 'select v from t where v = ?' },
    });
    expect(described.result).toMatchObject({
      kind: 'described',
      description: { columns: ['v'], readonly: true },
    });
  });
});
