import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

import { logIndex } from '../base/index.ts';
import type { Submit } from './messages.ts';
import { content, Follower, ReaderWorld, readCut, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

function ready(): World {
  const world = new World();
  world.lead();
  world.run('create table t(id integer primary key, x)');
  world.settle();
  return world;
}

function fill(world: World, count: number, options: Partial<Submit> = {}): void {
  world.run(
    `with recursive c(n) as (select 1 union all select n + 1 from c where n < ${count}) insert into t(x) select randomblob(300) from c`,
    [],
    options,
  );
  world.settle();
}

function restore(
  world: World,
  bytes: Uint8Array,
  index: number,
  chunk: number,
  id = 1,
): string | undefined {
  world.send({ kind: 'restore-begin', id, index: logIndex(index) });
  for (let at = 0; at < bytes.length; at += chunk) {
    world.send({ kind: 'restore-chunk', id, bytes: bytes.subarray(at, at + chunk) });
  }
  world.send({ kind: 'restore-end', id, commit: true });
  const restored = world.others.find((message) => message.kind === 'restored');
  if (restored?.kind !== 'restored') throw new Error('not restored');
  return restored.error;
}

describe('cuts', () => {
  it('stay as they are while writes go on', () => {
    const world = ready();
    fill(world, 50);
    world.run('create table u(x)', [], { database: 'second.db' });
    world.settle();
    world.send({ kind: 'cut', id: 5 });
    const cut = world.others.find((message) => message.kind === 'cut');
    if (cut?.kind !== 'cut') throw new Error('no cut');
    expect(cut).toMatchObject({ index: world.index, missing: false });
    const before = content(world);
    const first = readCut(world, 5, 4096 * 3);
    expect(first.length).toBe(cut.bytes);
    expect(first).toEqual(before);
    world.send({ kind: 'release-cut', id: 5 });

    world.send({ kind: 'cut', id: 6 });
    for (let i = 0; i < 5; i++) fill(world, 20);
    world.run('delete from t');
    world.settle();
    expect(readCut(world, 6)).toEqual(before);
    world.send({ kind: 'release-cut', id: 6 });
  });

  it('contain published pages only', () => {
    const world = ready();
    const before = content(world);
    world.run('insert into t(x) values(1)');
    world.run('insert into t(x) values(2)');
    expect(content(world)).toEqual(before);
  });

  it('end with an error, and nothing else, when the memory kept for them is taken away', () => {
    const world = ready();
    fill(world, 200);
    world.send({ kind: 'cut', id: 5 });
    world.send({ kind: 'read-cut', id: 5, bytes: 4096 });
    world.run('update t set x = randomblob(300)');
    world.settle();
    // A reader that takes nothing for so long that the budget for pins is used up (S5).
    world.machine.directory.find('main.db')?.enforceBudget(0);
    world.others.length = 0;
    world.send({ kind: 'read-cut', id: 5, bytes: 4096 });
    expect(world.others).toMatchObject([
      { kind: 'cut-chunk', id: 5, last: true, error: expect.stringContaining('too old') },
    ]);
    world.send({ kind: 'read-cut', id: 5, bytes: 4096 });
    world.send({ kind: 'release-cut', id: 5 });
    expect(world.code(world.statement('insert into t(x) values(1)'))).toBe('done');
    world.settle();
  });

  it('of one database are its plain pages', () => {
    const world = ready();
    world.send({ kind: 'cut-database', id: 7, database: 'main.db' });
    const image = readCut(world, 7);
    expect(image.length).toBe(2 * 4096);
    expect(Buffer.from(image.subarray(0, 15)).toString()).toBe('SQLite format 3');
    world.others.length = 0;
    world.send({ kind: 'cut-database', id: 8, database: 'nope' });
    expect(world.others).toEqual([
      { kind: 'cut', id: 8, index: 0, bytes: 0, pages: 0, missing: true },
    ]);
  });
});

describe('restoring', () => {
  it('gives the same state, whatever the chunks', () => {
    const leader = ready();
    fill(leader, 100);
    const bytes = content(leader);
    for (const chunk of [1000, 4096, 1 << 20]) {
      const world = new World();
      expect(restore(world, bytes, leader.index, chunk)).toBeUndefined();
      expect(content(world)).toEqual(bytes);
      expect(world.port.sent.filter((message) => message.kind === 'databases').at(-1)).toEqual({
        kind: 'databases',
        names: ['main.db'],
      });
      expect(world.port.sent).toContainEqual({ kind: 'applied', index: leader.index });
    }
  });

  it('replaces everything, and entries go on from there', () => {
    const leader = ready();
    fill(leader, 100);
    const bytes = content(leader);
    const index = leader.index;
    const follower = new World();
    follower.lead();
    follower.run('create table stale(x)', [], { database: 'stale.db' });
    follower.run('create table other(x)');
    follower.settle();
    follower.unlead();
    const reader = new ReaderWorld(follower.machine.directory, follower.clock);
    expect(reader.rows('select * from other')).toEqual([]);
    expect(restore(follower, bytes, index, 5000)).toBeUndefined();
    follower.index = index;
    expect(reader.rows('select count(*) from t')).toEqual([[100]]);
    expect(reader.code(reader.statement('select * from other'))).toBe('SQLITE_ERROR');
    fill(leader, 10);
    for (const entry of leader.log) {
      if (entry.index > index) follower.send({ kind: 'apply', ...entry });
    }
    expect(content(follower)).toEqual(content(leader));
    expect(reader.rows('select count(*) from t')).toEqual([[110]]);
  });

  it('changes nothing when the content is damaged or given up', () => {
    const leader = ready();
    fill(leader, 20);
    const bytes = content(leader);
    const world = new World();
    const follower = new Follower();
    follower.take(leader);
    const damaged = bytes.slice();
    damaged[0] = 9;
    expect(restore(world, damaged, 50, 1000)).toMatch(/format/);
    world.others.length = 0;
    expect(restore(world, bytes.subarray(0, bytes.length - 10), 50, 1000, 2)).toMatch(/cut off/);
    expect(world.machine.statistics().databases).toEqual([]);
    follower.world.send({ kind: 'restore-begin', id: 3, index: logIndex(90) });
    follower.world.send({ kind: 'restore-chunk', id: 3, bytes: bytes.subarray(0, 9000) });
    follower.world.send({ kind: 'restore-end', id: 3, commit: false });
    expect(content(follower.world)).toEqual(bytes);
  });
});

describe('a database with UTF-16 text', () => {
  it('is told once when it arrives by an entry, and when it arrives by a snapshot (S12)', () => {
    const leader = ready();
    fill(leader, 3);
    leader.run('create table u(y)');
    leader.settle();
    const follower = new World();
    for (const { index, command } of leader.log) {
      const bytes = Buffer.from(command);
      const header = bytes.indexOf('SQLite format 3\0');
      if (header >= 0) bytes[header + 59] = 2;
      follower.send({ kind: 'apply', index, command: new Uint8Array(bytes) });
    }
    const told = { kind: 'unreadable', database: 'main.db' };
    expect(follower.others.filter(({ kind }) => kind === 'unreadable')).toEqual([told]);
    const other = new World();
    expect(restore(other, content(follower), 9, 4096)).toBeUndefined();
    expect(other.others).toContainEqual(told);
    const sound = new World();
    expect(restore(sound, content(leader), 9, 4096)).toBeUndefined();
    expect(sound.others).not.toContainEqual(told);
  });
});
