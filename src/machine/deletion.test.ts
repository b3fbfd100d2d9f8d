import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { logIndex, must } from '../base/index.ts';
import type { Submit } from './messages.ts';
import { content, Follower, ReaderWorld, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const A: Partial<Submit> = { session: 1 };
const B: Partial<Submit> = { session: 2 };
const EMPTY = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

function ready(): World {
  const world = new World();
  world.lead();
  world.run('create table t(id integer primary key, x)');
  world.run('insert into t(x) values(zeroblob(50000))');
  world.settle();
  world.settle();
  return world;
}

function deleteDatabase(world: World): number {
  world.run('begin immediate', [], A);
  world.run('pragma delete_database', [], A);
  return world.statement('commit', [], A);
}

describe('PRAGMA delete_database', () => {
  it('removes the database on all nodes', () => {
    const world = ready();
    const reader = new ReaderWorld(world.machine.directory, world.clock);
    expect(reader.rows('select count(*) from t')).toEqual([[1]]);
    const commit = deleteDatabase(world);
    expect(world.code(commit)).toBe('done');
    expect(world.last(commit)?.observed).toMatchObject({
      kind: 'speculative',
      sequence: 3,
      wrote: true,
    });
    expect(content(world)).not.toEqual(EMPTY);
    // Nothing begins before it is known whether the deletion happens.
    const waiting = world.statement('create table other(x)');
    expect(world.isDone(waiting)).toBe(false);
    world.commit(1);
    expect(world.code(waiting)).toBe('done');
    expect(world.last(waiting)?.observed).toMatchObject({ sequence: 4 });
    expect(content(world)).toEqual(EMPTY);
    expect(reader.code(reader.statement('select * from t'))).toBe('SQLITE_ERROR');
    world.settle();
    expect(reader.rows('select * from other')).toEqual([]);
    const follower = new Follower();
    follower.take(world);
    expect(content(follower.world)).toEqual(content(world));
  });

  it('is taken back with the epoch', () => {
    const world = ready();
    const before = content(world);
    deleteDatabase(world);
    world.unlead();
    expect(content(world)).toEqual(before);
    world.lead();
    expect(world.code(world.statement('insert into t(x) values(1)'))).toBe('done');
  });

  it('ends the transactions of others on that database', () => {
    const world = ready();
    world.run('begin', [], B);
    world.run('select count(*) from t', [], B);
    deleteDatabase(world);
    world.commit();
    expect(world.aborted).toEqual([2]);
    expect(world.code(world.statement('select 1', [], B))).toBe('TX_ABORTED');
  });

  it('waits for the statement that runs when it is committed', () => {
    const world = ready();
    world.run('begin', [], B);
    world.run('select count(*) from t', [], B);
    deleteDatabase(world);
    const seal = must(world.seals.shift());
    let drains = 0;
    let abortedInside: boolean | undefined;
    world.port.onDrain = () => {
      drains++;
      if (drains === 3) {
        const { epoch, database, sequence } = seal;
        world.index++;
        const index = logIndex(world.index);
        world.port.put({ kind: 'publish', epoch, database, sequence, index });
      } else if (drains === 6) {
        // SQLite is in the middle of a step: nothing of it may be closed or reset now.
        abortedInside = world.port.sent.some(({ kind }) => kind === 'session-aborted');
      }
    };
    const sum =
      'with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000) select sum(n) from c, t';
    expect(world.code(world.statement(sum, [], B))).toBe('TX_ABORTED');
    expect(abortedInside).toBe(false);
    expect(world.aborted).toEqual([2]);
    expect(content(world)).toEqual(EMPTY);
  });

  it('is refused outside a write transaction, and where a member would misunderstand it', () => {
    const world = ready();
    expect(world.code(world.statement('pragma delete_database', [], A))).toBe('SQLITE_ERROR');
    world.run('begin', [], A);
    expect(world.code(world.statement('pragma main.delete_database', [], A))).toBe('SQLITE_ERROR');
    world.run('rollback', [], A);
    world.send({ kind: 'limits', unsealedPages: 64, deletion: false });
    world.run('begin immediate', [], A);
    expect(world.code(world.statement('pragma delete_database', [], A))).toBe('SQLITE_ERROR');
    world.run('commit', [], A);
    expect(world.seals).toEqual([]);
  });

  it('is forgotten by ROLLBACK, and ignored beside other changes', () => {
    const world = ready();
    world.run('begin immediate', [], A);
    world.run('pragma delete_database', [], A);
    world.run('rollback', [], A);
    world.run('begin immediate', [], A);
    world.run('commit', [], A);
    expect(world.seals).toEqual([]);
    world.run('begin immediate', [], A);
    world.run('insert into t(x) values(1)', [], A);
    world.run('pragma delete_database', [], A);
    world.run('commit', [], A);
    world.settle();
    expect(world.rows('select count(*) + 0 * changes() from t')).toEqual([[2]]);
  });

  it('is understood from a C leader while a reader is in the middle', () => {
    const world = ready();
    const leader = new Follower();
    leader.take(world);
    leader.world.lead();
    const reader = new ReaderWorld(leader.world.machine.directory, leader.world.clock);
    expect(reader.rows('select count(*) from t')).toEqual([[1]]);
    deleteDatabase(world);
    const [seal] = world.seals;
    leader.world.unlead();
    leader.world.index++;
    leader.world.send({
      kind: 'apply',
      index: logIndex(leader.world.index),
      command: seal.command,
    });
    expect(content(leader.world)).toEqual(EMPTY);
    expect(reader.code(reader.statement('select * from t'))).toBe('SQLITE_ERROR');
  });
});
