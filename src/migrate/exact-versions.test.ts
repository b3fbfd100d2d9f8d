import { expect, test } from 'vitest';
import { defineMigrations, schemaStatus, sqlMigration } from './index.ts';
import { Copy, story, until } from './testing/copies.ts';

/*
 * The least that a cluster must do (dqlite issue 500, as LXD does it): one exact version for each release, everybody waits for everybody,
 * the last to come starts the upgrade, and old copies serve until they are restarted.
 */

const USER = sqlMigration('0001_user', 'create table user (id integer primary key)');
const NAME = sqlMigration('0002_name', 'alter table user rename column id to user_id');
const TEAM = sqlMigration('0002_team', 'create table team (id integer primary key)', {
  kind: 'expand',
});
const OLD = defineMigrations({ entries: [USER] });
const NEW = defineMigrations({ entries: [USER, NAME] });
const WRITE = 'insert into user default values';

test('scenario 1: with an expand to come, the first new copy applies it and serves beside the old ones', () =>
  story(31, async (world) => {
    const old = ['a', 'b', 'c'].map((id) => new Copy(world, id, OLD));
    await Promise.all(old.map(({ schema }) => schema.ready()));
    await old[0]?.schema.close();
    const first = new Copy(world, 'a', defineMigrations({ entries: [USER, TEAM] }));
    await first.schema.ready();
    const [status] = await schemaStatus(first.database);
    expect(status).toMatchObject({ version: 2, floor: 1, pending: [] });
    for (const { database } of old.slice(1)) await database.execute(WRITE);
    await first.database.execute('insert into team default values');
    expect(old.slice(1).map((copy) => copy.count('fenced'))).toEqual([0, 0]);
  }));

test('scenario 2: all are breaking: new copies wait for old ones, which serve; the last restart upgrades, once, and all go on', () =>
  story(32, async (world) => {
    const copies = ['a', 'b', 'c'].map((id) => new Copy(world, id, OLD));
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    const restart = async (i: number): Promise<Copy> => {
      await copies[i]?.schema.close();
      const copy = new Copy(world, 'abc'[i], NEW);
      copies[i] = copy;
      return copy;
    };
    for (const [i, blockers] of [['b', 'c'], ['c']].entries()) {
      const waiting = await restart(i);
      await until(world, 'that it waits', () => waiting.count('waiting') > 0);
      await world.sleep(3000);
      const [status] = await waiting.schema.status();
      expect(status).toMatchObject({ version: 1, pending: [{ blockedBy: blockers }] });
      const write = waiting.database.execute(WRITE, [], { timeoutMs: 500 });
      await expect(write).rejects.toThrow(/at version 1, this build needs version 2/);
      for (const { database } of copies.slice(i + 1)) await database.execute(WRITE);
    }
    await restart(2);
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    expect(copies.map((copy) => copy.count('committed')).reduce((a, b) => a + b)).toBe(1);
    for (const { database } of copies) await database.execute(WRITE);
    const rows = await copies[0]?.database.query('select count(*) as n from user');
    expect(rows).toEqual([{ n: 6 }]);
  }));
