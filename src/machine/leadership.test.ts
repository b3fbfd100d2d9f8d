import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

import { logIndex } from '../base/index.ts';
import type { Submit } from './messages.ts';
import { content, Follower, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const A: Partial<Submit> = { session: 1 };
const B: Partial<Submit> = { session: 2 };
const ENDLESS =
  'with recursive c(n) as (select 1 union all select n + 1 from c where n < 5000000) insert into t(x) select max(n) from c';

function ready(): World {
  const world = new World();
  world.lead();
  world.run('create table t(id integer primary key, x)');
  world.settle();
  return world;
}

describe('the end of an epoch', () => {
  it('takes back everything that is not published', () => {
    const world = ready();
    const before = content(world);
    world.run('insert into t(x) values(1)');
    world.run('create table speculative(x)');
    expect(world.seals.length).toBeGreaterThan(0);
    world.unlead();
    expect(content(world)).toEqual(before);
    expect(world.code(world.statement('insert into t(x) values(2)'))).toBe('NOT_LEADER');
    world.lead();
    expect(world.code(world.statement('insert into speculative values(1)'))).toBe('SQLITE_ERROR');
    const insert = world.statement('insert into t(x) values(3)');
    expect(world.last(insert)?.observed).toMatchObject({ epoch: 2, sequence: 1 });
  });

  it('closes connections, so that no schema cache outlives it (M3)', () => {
    const world = ready();
    world.run('create table a(x, y)');
    world.run('select changes() from a');
    world.unlead();
    // The new leader makes another table: same schema cookie, same root page.
    const other = new World();
    const copy = new Follower();
    copy.take(world);
    for (const { index, command } of world.log) other.send({ kind: 'apply', index, command });
    other.index = world.index;
    other.lead();
    other.run('create table b(p)');
    const command = other.seals[0]?.command;
    expect(command).toBeDefined();
    if (command === undefined) return;
    world.index++;
    world.send({ kind: 'apply', index: logIndex(world.index), command });
    world.lead();
    const insert = world.statement('insert into a values(1, 2)');
    expect(world.end(insert)).toMatchObject({
      failure: { code: 'SQLITE_ERROR', message: 'no such table: a' },
    });
    expect(world.code(world.statement('insert into b values(1)'))).toBe('done');
    world.settle();
  });

  it('aborts sessions until they roll back', () => {
    const world = ready();
    world.run('begin', [], A);
    world.run('insert into t(x) values(1)', [], A);
    const waiting = world.statement('insert into t(x) values(2)', [], B);
    world.unlead();
    expect(world.end(waiting)).toMatchObject({ failure: { code: 'NOT_LEADER', rawCode: 10250 } });
    expect(world.aborted).toEqual([1]);
    expect(world.end(world.statement('insert into t(x) values(3)', [], A))).toMatchObject({
      failure: { code: 'TX_ABORTED', rawCode: 10506, retryable: true },
    });
    world.lead();
    expect(world.code(world.statement('insert into t(x) values(3)', [], A))).toBe('TX_ABORTED');
    expect(world.code(world.statement('rollback', [], A))).toBe('done');
    expect(world.code(world.statement('insert into t(x) values(4)', [], A))).toBe('done');
    expect(world.rows('select x, 0 * changes() from t')).toEqual([[4, 0]]);
  });

  it('interrupts the statement that runs, and applies only afterwards', () => {
    const world = ready();
    const follower = new Follower();
    follower.take(world);
    follower.world.lead();
    follower.world.run("insert into t(x) values('theirs')");
    const command = follower.world.seals[0]?.command;
    if (command === undefined) throw new Error('no seal');
    let drains = 0;
    world.port.onDrain = () => {
      drains++;
      if (drains !== 5) return;
      world.port.put({ kind: 'unlead', epoch: world.epoch });
      world.port.put({ kind: 'apply', index: logIndex(world.index + 1), command });
    };
    const request = world.statement(ENDLESS);
    world.port.onDrain = undefined;
    expect(drains).toBeGreaterThanOrEqual(5);
    expect(drains).toBeLessThan(50);
    expect(world.code(request)).toBe('NOT_LEADER');
    world.index++;
    expect(content(world)).toEqual(contentOf(follower.world));
  });

  it('refuses the commit of a statement that ends just then', () => {
    const world = ready();
    let drains = 0;
    world.port.onDrain = () => {
      drains++;
      if (drains === 2) world.port.put({ kind: 'unlead', epoch: world.epoch });
    };
    const request = world.statement(
      'with recursive c(n) as (select 1 union all select n + 1 from c where n < 400) insert into t(x) select n from c',
    );
    world.port.onDrain = undefined;
    expect(world.code(request)).toBe('NOT_LEADER');
    expect(world.seals).toEqual([]);
  });

  it('ignores the end of another epoch', () => {
    const world = ready();
    world.send({ kind: 'unlead', epoch: 99 });
    expect(world.code(world.statement('insert into t(x) values(1)'))).toBe('done');
  });
});

function contentOf(world: World): Uint8Array {
  world.settle();
  return content(world);
}

describe('while SQL runs', () => {
  it('seals are published, and time limits and interrupts are obeyed', () => {
    const world = ready();
    world.run('insert into t(x) values(1)');
    let drains = 0;
    const [seal] = world.seals;
    if (seal === undefined) throw new Error('no seal');
    world.port.onDrain = () => {
      drains++;
      if (drains === 3) {
        const { epoch, database, sequence } = seal;
        world.index++;
        world.port.put({
          kind: 'publish',
          epoch,
          database,
          sequence,
          index: logIndex(world.index),
        });
      }
      if (drains === 6) {
        const applied = world.port.sent.filter((message) => message.kind === 'applied').at(-1);
        expect(applied).toEqual({ kind: 'applied', index: world.index });
        world.port.put({ kind: 'interrupt', request: 4 });
      }
    };
    world.seals.length = 0;
    const request = world.statement(ENDLESS, [], { request: 4 });
    world.port.onDrain = undefined;
    expect(request).toBeDefined();
    expect(world.end(4)).toMatchObject({ failure: { code: 'SQLITE_INTERRUPT', rawCode: 9 } });
    world.clock.tickMs = 1;
    const late = world.statement(ENDLESS, [], { timeoutMs: 50 });
    world.clock.tickMs = 0;
    expect(world.code(late)).toBe('TIMEOUT');
  });

  it('what was committed before a long statement is sealed', () => {
    const world = ready();
    world.run('insert into t(x) values(1)');
    world.run('insert into t(x) values(2)');
    expect(world.seals.length).toBe(1);
    world.clock.tickMs = 1;
    const late = world.statement(ENDLESS, [], { timeoutMs: 100 });
    world.clock.tickMs = 0;
    expect(world.code(late)).toBe('TIMEOUT');
    const kinds = world.port.sent.map((message) => message.kind);
    expect(kinds.lastIndexOf('seal')).toBeLessThan(kinds.lastIndexOf('answer'));
    expect(world.seals.length).toBe(2);
  });

  it('a closed session is interrupted and not answered', () => {
    const world = ready();
    world.port.onDrain = () => world.port.put({ kind: 'close-session', session: 1 });
    const request = world.statement(ENDLESS, [], A);
    world.port.onDrain = undefined;
    expect(world.isDone(request)).toBe(false);
    expect(world.code(world.statement('insert into t(x) values(1)'))).toBe('done');
  });
});

describe('handing over (S1)', () => {
  it('ends what runs, seals everything, and starts nothing before it is told to', () => {
    const world = ready();
    world.run('insert into t(x) values(1)');
    world.run('insert into t(x) values(2)');
    world.run('begin immediate', [], A);
    world.send({ kind: 'drain', id: 7, graceMs: 100 });
    const waiting = world.statement('insert into t(x) values(3)');
    const begin = world.statement('begin', [], B);
    expect(world.others.some((message) => message.kind === 'drained')).toBe(false);
    world.clock.advance(101);
    world.collect();
    expect(world.aborted).toEqual([1]);
    expect(world.others.at(-1)).toEqual({ kind: 'drained', id: 7 });
    expect(world.seals.length).toBe(2);
    expect([world.isDone(waiting), world.isDone(begin)]).toEqual([false, false]);
    world.send({ kind: 'resume', id: 7 });
    expect([world.code(waiting), world.code(begin)]).toEqual(['done', 'done']);
  });

  it('ends a statement that runs beyond the grace', () => {
    const world = ready();
    let drains = 0;
    world.port.onDrain = () => {
      if (++drains !== 3) return;
      world.port.put({ kind: 'drain', id: 6, graceMs: 100 });
    };
    world.clock.tickMs = 1;
    const write = world.statement(ENDLESS, [], { timeoutMs: 60_000 });
    world.clock.tickMs = 0;
    expect(world.code(write)).toBe('LEADERSHIP_TRANSFER');
    expect(world.others.at(-1)).toEqual({ kind: 'drained', id: 6 });
  });

  it('ends the transaction of a script that waits', () => {
    const world = ready();
    world.run('begin immediate', [], A);
    const script = world.submit({
      action: 'script',
      sql: 'begin; select * from t; insert into t(x) values(9); commit',
      parameters: [],
      rows: 'drop',
    });
    expect(world.isDone(script)).toBe(false);
    world.send({ kind: 'drain', id: 9, graceMs: 100 });
    world.clock.advance(101);
    world.collect();
    expect(world.code(script)).toBe('LEADERSHIP_TRANSFER');
    expect(world.others.at(-1)).toEqual({ kind: 'drained', id: 9 });
    expect(world.seals).toEqual([]);
  });

  it('lets a transaction end within the grace', () => {
    const world = ready();
    world.run('begin immediate', [], A);
    world.send({ kind: 'drain', id: 8, graceMs: 100 });
    world.run('insert into t(x) values(1)', [], A);
    world.run('commit', [], A);
    expect(world.others.at(-1)).toEqual({ kind: 'drained', id: 8 });
    expect(world.seals.length).toBe(1);
    expect(world.aborted).toEqual([]);
  });
});

describe('broken invariants', () => {
  it('stop the machine', () => {
    const world = ready();
    expect(() =>
      world.send({
        kind: 'publish',
        epoch: world.epoch,
        database: 'main.db',
        sequence: 77,
        index: logIndex(99),
      }),
    ).toThrow(/publish of main.db 77/);
    const count = world.port.sent.length;
    world.send({ kind: 'statistics', id: 1 });
    expect(world.port.sent.length).toBe(count);
  });

  it('stop a follower that is given a command it cannot read', () => {
    const world = new World();
    expect(() =>
      world.send({
        kind: 'apply',
        index: logIndex(1),
        command: new Uint8Array([9, 9, 0, 0, 0, 0, 0, 0]),
      }),
    ).toThrow(/command format 9/);
  });
});

describe('commits seen by the progress hook', () => {
  // SQLite calls the hook at the end of a COMMIT when a thousand operations have added up over many statements.
  it('every answer names the seal that its changes went into', () => {
    const world = new World();
    world.lead();
    world.run('create table t(id integer primary key, x)');
    world.settle();
    for (let i = 1; i <= 400; i++) {
      const request = world.statement('insert into t(x) values(?)', [i]);
      const sealed = world.seals.at(-1);
      expect(world.last(request)?.observed).toMatchObject({ sequence: sealed?.sequence });
      world.settle();
    }
  });
});
