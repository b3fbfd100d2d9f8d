import { expect, test } from 'vitest';
import { QuorateError } from '../base/index.ts';
import type { World } from '../sim/world.ts';
import {
  batchMigration,
  codeMigration,
  defineMigrations,
  operate,
  schemaStatus,
  sqlMigration,
} from './index.ts';
import { Copy, formed, until } from './testing/copies.ts';

const LIMIT_MS = 120_000;

const USER = sqlMigration(
  '0001_user',
  'create table user (id integer primary key, full_name text)',
  { kind: 'expand' },
);
const NAME = sqlMigration(
  '0002_name',
  `alter table user add column name text;
   create trigger user_insert after insert on user when new.name is null begin
     update user set name = new.full_name where id = new.id; end;`,
  { kind: 'expand' },
);
const FILL = batchMigration('0003_fill', {
  ...{ table: 'user', key: 'id', rows: 3 },
  run: 'update user set name = full_name where id > :after and id <= :upto and name is null',
  verify: 'select count(*) from user where name is null and full_name is not null',
});
const DROP = sqlMigration(
  '0004_drop',
  'drop trigger user_insert; alter table user drop column full_name',
  { kind: 'contract' },
);

const R1 = defineMigrations({ entries: [USER] });
const R2 = defineMigrations({ entries: [USER, NAME, FILL, DROP] });

function run(world: World, tell: () => Promise<void>): Promise<void> {
  return world.drive(tell(), LIMIT_MS, 'the story');
}

test('a rename goes through a rolling upgrade of three copies without a failed request', async () => {
  const world = await formed(11);
  await run(world, async () => {
    const copies = ['a', 'b', 'c'].map((id) => new Copy(world, id, R1));
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    let requests = 0;
    let next = 0;
    /** The copy that is being restarted takes no requests. */
    let draining = -1;
    let idle = -1;
    const stop = { now: false };
    /** What each release does, all the time, with a deadline of a second and no retries. */
    const load = async (copy: () => Copy, column: () => string, i: number): Promise<void> => {
      while (!stop.now) {
        if (draining === i) {
          idle = i;
          await world.sleep(20);
          continue;
        }
        const id = ++next;
        const { database } = copy();
        await database.execute(`insert into user (id, ${column()}) values (?, ?)`, [id, `u${id}`], {
          timeoutMs: 1000,
        });
        await database.query(`select ${column()} from user where id = ?`, [id], {
          timeoutMs: 1000,
        });
        requests += 2;
        await world.sleep(40);
      }
    };
    const columns = ['full_name', 'full_name', 'full_name'];
    const loads = copies.map((_, i) =>
      load(
        () => copies[i],
        () => columns[i],
        i,
      ),
    );
    await world.sleep(1000);
    for (const i of [0, 1, 2]) {
      draining = i;
      await until(world, 'the end of its requests', () => idle === i);
      await copies[i].schema.close();
      const upgraded = new Copy(world, ['a', 'b', 'c'][i] ?? '', R2);
      await upgraded.schema.ready();
      expect(upgraded.schema.reports[0]).toMatchObject({ version: 3 });
      copies[i] = upgraded;
      columns[i] = 'name';
      draining = -1;
      await world.sleep(2000);
    }
    const [first] = copies;
    await until(world, 'the contract', () => first.schema.reports[0]?.pending.length === 0);
    await world.sleep(1000);
    stop.now = true;
    await Promise.all(loads);
    expect(requests).toBeGreaterThan(200);
    expect(await first.database.query('select count(*) as n from user where name is null')).toEqual(
      [{ n: 0 }],
    );
    const history = await first.database.query<{ name: string }>(
      'select name from __quorate_schema_history order by seq',
    );
    expect(history.map(({ name }) => name)).toEqual(R2.program.manifest.entries.map((e) => e.name));
    const old = new Copy(world, 'd', R1);
    await expect(old.schema.ready()).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' });
  });
});

test('all start at once on an empty database: each migration is applied once, nobody fails', async () => {
  const world = await formed(12);
  await run(world, async () => {
    const hash = codeMigration('0002_code', {
      kind: 'expand',
      revision: 1,
      run: async (tx) => {
        await tx.execute('create table token (id integer primary key, hash text)');
        await tx.execute('insert into token (hash) values (?)', ['x']);
      },
    });
    const migrations = defineMigrations({ entries: [USER, hash] });
    const copies = Array.from({ length: 6 }, (_, i) => new Copy(world, `copy-${i}`, migrations));
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    const events = copies.flatMap((copy) => copy.events);
    expect(events.filter(({ kind }) => kind === 'committed').length).toBe(2);
    expect(events.filter(({ kind }) => kind === 'failed' || kind === 'refused')).toEqual([]);
    expect(await copies[0].database.query('select count(*) as n from token')).toEqual([{ n: 1 }]);
  });
});

test('a leader that dies in the middle: once, in order, and everybody goes on', async () => {
  const world = await formed(13);
  await run(world, async () => {
    const many = Array.from({ length: 12 }, (_, i) =>
      sqlMigration(`${i}`.padStart(4, '0'), `create table t${i} (x)`, { kind: 'expand' }),
    );
    const migrations = defineMigrations({ entries: many });
    const copies = Array.from({ length: 3 }, (_, i) => new Copy(world, `copy-${i}`, migrations));
    for (let i = 0; i < 3; i++) {
      await world.sleep(30);
      const { leader } = world.fleet;
      if (leader === undefined) continue;
      leader.stop(false);
      world.scheduler.after(500, () => void leader.start('resume'));
    }
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    const rows = await copies[0].database.query(
      'select version from __quorate_schema_history order by seq',
    );
    expect(rows).toEqual(many.map((_, i) => ({ version: i + 1 })));
  });
});

test('a failing migration refuses readiness with its statement, until it is mended', async () => {
  const world = await formed(14);
  await run(world, async () => {
    const bad = defineMigrations({
      entries: [
        USER,
        sqlMigration('0002_bad', 'create table x(y); insert into nowhere values (1)'),
      ],
    });
    const copy = new Copy(world, 'a', bad);
    const error = await copy.schema.ready().then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(QuorateError);
    expect(error).toMatchObject({ code: 'MIGRATION_FAILED' });
    expect(String(error)).toMatch(/statement 2 of 2 failed: no such table: nowhere/);
    await copy.schema.close();
    const good = new Copy(world, 'a', R1);
    await good.schema.ready();
  });
});

test('an absent copy blocks the contract only; status says so, and an operator excludes it', async () => {
  const world = await formed(15);
  await run(world, async () => {
    const absent = new Copy(world, 'absent', R1);
    const copy = new Copy(world, 'here', R2);
    await Promise.all([absent.schema.ready(), copy.schema.ready()]);
    await until(world, 'the block', () => copy.events.some(({ kind }) => kind === 'blocked'));
    const [status] = await schemaStatus(copy.database);
    expect(status).toMatchObject({ namespace: 'app', version: 3, floor: 0 });
    expect(status.pending).toMatchObject([{ name: '0004_drop', blockedBy: ['absent'] }]);
    expect(status.participants.map(({ id, knows }) => [id, knows])).toEqual([
      ['absent', 1],
      ['here', 3],
    ]);
    const decision = { namespace: 'app', by: 'me', reason: 'gone' } as const;
    const nobody = operate(copy.database, { ...decision, action: 'exclude', value: 'x' });
    await expect(nobody).rejects.toMatchObject({ code: 'PARTICIPANT_NOT_FOUND' });
    const nothing = operate(copy.database, { ...decision, action: 'exclude', value: '' });
    await expect(nothing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await operate(copy.database, { ...decision, action: 'exclude', value: 'absent' });
    await until(world, 'the contract', () => copy.schema.reports[0]?.pending.length === 0);
    // It is still there, and kept from a schema that it does not fit.
    const write = absent.database.execute("insert into user (full_name) values ('x')");
    await expect(write).rejects.toMatchObject({ code: 'SCHEMA_FENCED' });
    const read = absent.database.query('select full_name from user');
    await expect(read).rejects.toMatchObject({ code: 'SCHEMA_FENCED' });
    const [{ audited }] = await copy.database.query<{ audited: string }>(
      'select action || value || by_operator || reason as audited from __quorate_schema_audit',
    );
    expect(audited).toBe('excludeabsentmegone');
  });
});
