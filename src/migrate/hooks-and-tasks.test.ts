import { expect, test } from 'vitest';
import type { Database } from '../client/index.ts';
import type { World } from '../sim/world.ts';
import { codeMigration, defineMigrations, nodeTask, sqlMigration } from './index.ts';
import { Copy, story, until } from './testing/copies.ts';

const TABLE = sqlMigration('0001', 'create table a (x, y)', { kind: 'expand' });
const DROP = sqlMigration('0003', 'alter table a drop column y', {
  kind: 'contract',
  after: ['0002_cache'],
});

async function memberIds(world: World): Promise<string[]> {
  const members = await world.client('asker').cluster.members();
  return members.map(({ id }) => String(id));
}

async function tasks(database: Database): Promise<unknown[]> {
  const rows = await database.query('select name, node from __quorate_schema_task order by 1, 2');
  return rows.map(({ name, node }) => `${name} ${node}`);
}

test('scenario 52: a task runs once on each node, again after a crash in the middle, and the contract that depends on it waits', () =>
  story(41, async (world) => {
    const ids = await memberIds(world);
    const runs: string[] = [];
    let crashing = true;
    const task = nodeTask('0002_cache', {
      once: 'node',
      run: async ({ node, database }) => {
        runs.push(node);
        expect(await database.query('select x from a')).toEqual([]);
        // The second node never comes to the end.
        if (node === ids[1] && crashing) await new Promise(() => undefined);
      },
    });
    const migrations = defineMigrations({ entries: [TABLE, task, DROP] });
    const copies = ids.map((id) => new Copy(world, id, migrations, {}, 'node'));
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    const [first, second] = copies;
    await until(world, 'the block', () => first.count('blocked') > 0 && first.count('task') > 0);
    await world.sleep(10_000);
    expect(await tasks(first.database)).toEqual(
      [ids[0], ids[2]].map((id) => `0002_cache ${id}`).sort(),
    );
    const blocked = first.events.findLast(({ kind }) => kind === 'blocked');
    expect(blocked).toMatchObject({
      error: {
        code: 'MIGRATION_BLOCKED',
        message: expect.stringContaining(`waits for the task 0002_cache on node ${ids[1]}`),
      },
    });
    expect(first.schema.reports[0]?.pending).toEqual(['0003']);
    const [{ waits }] = await first.schema.plan();
    expect(waits).toMatchObject([{ obstacle: 'task', commands: [['exclude', ids[1]]] }]);
    // It dies without leaving, and starts again.
    crashing = false;
    const again = new Copy(world, ids[1] ?? '', migrations, {}, 'node');
    await again.schema.ready();
    await until(world, 'the contract', () => again.schema.reports[0]?.pending.length === 0);
    expect(runs.sort()).toEqual([...ids, ids[1]].sort());
    expect(second.count('task')).toBe(0);
  }));

test('a task that fails is told and tried again; one for the whole cluster runs once; clients run none of the nodes', () =>
  story(42, async (world) => {
    let failures = 2;
    let wrong = 0;
    const runs: string[] = [];
    const once = nodeTask('once', {
      once: 'cluster',
      run: ({ node }) => {
        if (failures-- > 0) throw new Error('no space');
        runs.push(node);
      },
    });
    const never = nodeTask('never', { once: 'node', run: () => void wrong++ });
    const migrations = defineMigrations({ entries: [TABLE, once, never] });
    const copies = ['a', 'b', 'c'].map((id) => new Copy(world, id, migrations));
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    await until(world, 'its end', () => runs.length > 0);
    await world.sleep(20_000);
    expect(runs.length).toBe(1);
    expect(wrong).toBe(0);
    expect(await tasks(copies[0].database)).toEqual(['once *']);
    const told = copies.flatMap(({ events }) => events.filter(({ kind }) => kind === 'task'));
    expect(told).toMatchObject([
      { name: 'once', error: { code: 'HOOK_FAILED' } },
      { name: 'once' },
    ]);
    expect(String(told[0] && 'error' in told[0] && told[0].error)).toMatch(/no space/);
  }));

test('scenario 51: a hook after a migration that crashes leaves the migration, is told and run again', () =>
  story(43, async (world) => {
    const seen: string[] = [];
    let failing = true;
    const hooked = sqlMigration('0001', 'create table a (x)', {
      kind: 'expand',
      hooks: {
        before: () => void seen.push('before'),
        after: () => {
          seen.push('after');
          if (failing) throw new Error('the other service is down');
        },
      },
    });
    const hooks = {
      beforeAll: () => void seen.push('beforeAll'),
      afterAll: () => void seen.push('afterAll'),
      onReady: () => void seen.push('onReady'),
    };
    const migrations = defineMigrations({ entries: [hooked] });
    const copy = new Copy(world, 'a', migrations, { hooks });
    await copy.schema.ready();
    await until(world, 'the failure', () => copy.count('hook') > 0 && seen.includes('after'));
    await copy.database.execute('insert into a values (1)');
    await world.sleep(20_000);
    expect(seen.slice(0, 2)).toEqual(['beforeAll', 'before']);
    expect(seen.filter((name) => name === 'after').length).toBeGreaterThan(1);
    const failed = copy.events.filter((event) => event.kind === 'hook' && 'error' in event);
    expect(failed).toMatchObject([{ hook: 'after', name: '0001', error: { code: 'HOOK_FAILED' } }]);
    expect(await tasks(copy.database)).toEqual([]);
    // Somebody else takes it over, and records it.
    await copy.schema.close();
    failing = false;
    const other = new Copy(world, 'b', migrations);
    await other.schema.ready();
    await until(world, 'the hook', () => other.count('hook') > 0);
    expect(await tasks(other.database)).toEqual(['after 0001 *']);
    expect(seen.filter((name) => name === 'afterAll').length).toBe(1);
    expect(seen.filter((name) => name === 'onReady').length).toBe(1);
    expect(seen.filter((name) => name === 'before').length).toBe(1);
  }));

test('nothing is applied while the hook before it fails', () =>
  story(44, async (world) => {
    let failing = true;
    const beforeAll = (): void => {
      if (failing) throw new Error('no backup yet');
    };
    const copy = new Copy(world, 'a', defineMigrations({ entries: [TABLE] }), {
      hooks: { beforeAll },
    });
    await until(world, 'the failure', () => copy.count('hook') > 0);
    await world.sleep(10_000);
    expect(copy.schema.reports).toMatchObject([{ version: 0, canServe: false }]);
    expect(copy.count('hook')).toBe(1);
    failing = false;
    await copy.schema.ready();
    expect(copy.schema.reports).toMatchObject([{ version: 1 }]);
  }));

test('scenario 9: code that hangs is rolled back, and others write on', () =>
  story(45, async (world) => {
    let hanging = true;
    const code = codeMigration('0002', {
      ...{ kind: 'expand', revision: 1, stallMs: 2_000 },
      run: async (tx) => {
        await tx.execute('create table b (z)');
        if (hanging) await new Promise(() => undefined);
      },
    });
    const migrations = defineMigrations({ entries: [TABLE, code] });
    const old = new Copy(world, 'old', defineMigrations({ entries: [TABLE] }));
    await old.schema.ready();
    const copy = new Copy(world, 'new', migrations);
    await until(world, 'the code', () => copy.count('started') > 0);
    await old.database.execute('insert into a (x) values (1)', [], { timeoutMs: 8_000 });
    await until(world, 'the failure', () => copy.count('failed') > 0);
    expect(copy.events.find(({ kind }) => kind === 'failed')).toMatchObject({
      error: { code: 'MIGRATION_STALL' },
    });
    hanging = false;
    await world.sleep(5_000);
    const rest = copy.events.filter(({ kind }) => kind === 'committed' || kind === 'stuck');
    expect(rest).toMatchObject([{ kind: 'committed', name: '0002' }]);
  }));

test('code that sends nothing for long is rolled back and counted; what was applied before it has its hook all the same', () =>
  story(46, async (world) => {
    let after = 0;
    const hooked = { ...TABLE, hooks: { after: () => void after++ } };
    const code = codeMigration('0002', {
      ...{ kind: 'expand', revision: 1, idleMs: 1_000, stallMs: 20_000 },
      run: async (tx) => {
        await tx.execute('create table b (z)');
        await world.sleep(3_000);
        await tx.execute('insert into b values (1)');
      },
    });
    const copy = new Copy(world, 'a', defineMigrations({ entries: [hooked, code] }));
    await until(world, 'the failure', () => copy.count('failed') > 0);
    const failed = copy.events.find(({ kind }) => kind === 'failed');
    expect(failed).toMatchObject({
      error: { code: 'MIGRATION_STALL', message: expect.stringContaining('idle') },
    });
    await world.sleep(2_000);
    expect(after).toBe(1);
    await until(world, 'the end of tries', () => copy.count('stuck') > 0);
  }));

test.each([
  [[TABLE, nodeTask('0001', { once: 'node', run: () => undefined })], /given to a task/],
  [
    [
      nodeTask('t', { once: 'node', run: () => undefined }),
      sqlMigration('1', 'x', { kind: 'expand', after: ['t'] }),
    ],
    /neither contract nor breaking/,
  ],
  [[sqlMigration('1', 'x', { kind: 'expand', soakMs: 1 })], /soakMs and is no contract/],
])('what cannot be meant is refused: %#', (entries, message) => {
  expect(() => defineMigrations({ entries })).toThrow(message);
});
