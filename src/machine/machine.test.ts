import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { content, Follower, ReaderWorld, rowsOf, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

function ready(sql = 'create table t(id integer primary key, x)'): World {
  const world = new World();
  world.lead();
  world.run(sql);
  world.settle();
  return world;
}

describe('writes', () => {
  it('are executed, sealed, published and read', () => {
    const world = new World();
    world.lead();
    const request = world.statement('create table t(id integer primary key, x)');
    expect(world.code(request)).toBe('done');
    expect(world.last(request)?.observed).toEqual({
      kind: 'speculative',
      epoch: 1,
      database: 'main.db',
      sequence: 1,
      wrote: true,
    });
    expect(world.seals.map((seal) => seal.sequence)).toEqual([1]);
    world.commit();
    const insert = world.run("insert into t values(7, 'seven')");
    expect(insert).toMatchObject({ rowsAffected: 1, lastInsertRowid: 7n });
    world.settle();
    const reader = new ReaderWorld(world.machine.directory, world.clock);
    expect(reader.rows('select id, x from t')).toEqual([[7, 'seven']]);
  });

  it('are refused without leadership, and by nobody executed', () => {
    const world = new World();
    const request = world.statement('create table t(x)');
    const end = world.end(request);
    expect(end).toMatchObject({ kind: 'failed', failure: { code: 'NOT_LEADER', rawCode: 10250 } });
    expect(world.seals).toEqual([]);
  });

  it('share seals when they come together', () => {
    const world = ready();
    for (let i = 0; i < 64; i++) {
      world.port.put({
        kind: 'submit',
        session: 0,
        request: 1000 + i,
        database: 'main.db',
        work: {
          action: 'statement',
          statement: {
            sql: 'insert into t(x) values(1)',
            parameters: { kind: 'positional', values: [] },
          },
          rows: 'send',
          tail: 'refuse',
          surplus: 'refuse',
        },
        format: 'extension',
        timeoutMs: 0,
        transactionIdleMs: 0,
        transactionTotalMs: 0,
      });
    }
    world.port.deliver();
    world.collect();
    expect(world.seals.length).toBe(1);
    expect(world.seals[0]).toMatchObject({ transactions: 64, sequence: 2 });
  });

  it('give every follower the same bytes', () => {
    const world = ready();
    for (let i = 0; i < 50; i++) {
      world.run('insert into t(x) values(zeroblob(?))', [i * 100]);
      if (i % 7 === 0) world.settle();
    }
    world.run('delete from t where id % 3 = 0');
    world.run('vacuum');
    world.settle();
    const follower = new Follower();
    follower.take(world);
    expect(content(follower.world)).toEqual(content(world));
  });

  it('tell rows of RETURNING after the whole statement', () => {
    const world = ready();
    const request = world.statement("insert into t(x) values('a'), ('b') returning id, x");
    expect(world.answers.get(request)?.length).toBe(1);
    expect(rowsOf(world.answers.get(request) ?? [])).toEqual([
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ]);
    expect(world.last(request)?.observed).toMatchObject({ wrote: true });
  });
});
