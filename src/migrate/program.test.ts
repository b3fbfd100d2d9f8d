import { expect, test } from 'vitest';
import { type SchemaEvent, schemaAccess } from '../client/index.ts';
import { EventHub } from './event-hub.ts';
import { batchMigration, defineMigrations, operate, schemaMetrics, sqlMigration } from './index.ts';
import { SchemaClient } from './schema-client.ts';
import { Copy, story, until } from './testing/copies.ts';

const ONE = sqlMigration('0001', 'create table a (x, y)', { kind: 'expand' });
const TWO = sqlMigration('0002', 'create table b (x)', { kind: 'expand' });
const DROP = sqlMigration('0003', 'alter table a drop column y', { kind: 'contract' });
const R1 = defineMigrations({ entries: [ONE] });
const R3 = defineMigrations({ entries: [ONE, TWO, DROP] });

test('a program that leaves migrations to others applies them when it is told to, as far as it is told', () =>
  story(51, async (world) => {
    const copy = new Copy(world, 'a', R3, { mode: 'wait' });
    const { schema } = copy;
    await expect(schema.wait({ to: '0009' })).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' });
    expect(await schema.plan()).toMatchObject([
      { namespace: 'app', pending: [{ name: '0001' }, { name: '0002' }, { name: '0003' }] },
    ]);
    await schema.up({ to: '0001' });
    await world.sleep(5_000);
    expect(schema.reports).toMatchObject([{ version: 1, canServe: false }]);
    const waited = schema.wait();
    await schema.up();
    await waited;
    expect(await schema.plan()).toMatchObject([{ pending: [], waits: [] }]);
    expect(await schema.status()).toMatchObject([{ version: 2, pending: [] }]);
    const bad = (await schema.verify()).filter(({ ok }) => !ok);
    expect(bad).toEqual([]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(schema.wait({ signal })).resolves.toBeUndefined();
  }));

test('what a migration failed with ends waiting for it, also for a contract beside which the program serves', () =>
  story(52, async (world) => {
    const bad = sqlMigration('0003', 'alter table a drop column nothing', { kind: 'contract' });
    const copy = new Copy(world, 'a', defineMigrations({ entries: [ONE, TWO, bad] }));
    await copy.schema.ready();
    await expect(copy.schema.wait()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
    await until(world, 'the end of tries', () => copy.count('stuck') > 0);
    await copy.schema.wait({ to: '0002' });
    await expect(copy.schema.wait()).rejects.toMatchObject({ code: 'MIGRATION_STUCK' });
    await copy.schema.repair('0003', { reason: 'another try' });
    const [status] = await copy.schema.status();
    expect(status).toMatchObject({ phase: 'idle' });
  }));

test('scenarios 17 and 40: a program that may not serve sees who is in the way, holds, excludes and releases', () =>
  story(53, async (world) => {
    const old = new Copy(world, 'old', R1);
    await old.schema.ready();
    const breaking = sqlMigration('0002', 'alter table a rename column y to z');
    const copy = new Copy(world, 'new', defineMigrations({ entries: [ONE, breaking] }));
    const told: SchemaEvent['kind'][] = [];
    const watching = (async () => {
      for await (const event of copy.schema.watch()) told.push(event.kind);
    })();
    await until(world, 'the block', () => copy.count('blocked') > 0);
    // Its sessions are refused, its looks are not.
    const refused = copy.database.query('select 1', [], { timeoutMs: 1_000 });
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/TOO_OLD|TIMEOUT/) });
    const [plan] = await copy.schema.plan();
    expect(plan.waits).toMatchObject([
      { migration: '0002', obstacle: 'older-code', participants: [{ id: 'old' }] },
    ]);
    await copy.schema.hold({ reason: 'lunch' });
    await copy.schema.exclude('old');
    await world.sleep(5_000);
    expect(await copy.schema.status()).toMatchObject([{ version: 1, controls: { hold: 'lunch' } }]);
    expect(await copy.schema.metrics()).toMatch(
      /quorate_schema_participants\{namespace="app",state="excluded"\} 1\n/,
    );
    await expect(copy.schema.include('nobody')).rejects.toMatchObject({
      code: 'PARTICIPANT_NOT_FOUND',
    });
    const fenced: string[] = [];
    const versions: number[] = [];
    old.database.on('fenced', ({ reason }) => fenced.push(reason));
    const end = copy.database.on('schema', ({ version }) => versions.push(version));
    await copy.schema.release();
    await copy.schema.ready();
    expect(versions).toContain(2);
    end();
    const write = old.database.execute('insert into a (y) values (1)');
    await expect(write).rejects.toMatchObject({ code: 'SCHEMA_FENCED' });
    await until(world, 'the news', () => fenced.length > 0);
    expect(fenced[0]).toMatch(/0002 was applied .* and breaks this build/);
    expect(old.count('fenced')).toBe(1);
    const metrics = await old.schema.metrics();
    expect(metrics).toMatch(/quorate_schema_fenced_total 1\n/);
    expect(metrics).toMatch(/quorate_schema_version\{namespace="app"\} 2\n/);
    expect(await copy.schema.metrics()).toMatch(/blocked_seconds_total [1-9]/);
    const audit = await copy.database.query(
      'select action, by_operator from __quorate_schema_audit order by seq',
    );
    expect(audit).toEqual(
      ['hold', 'exclude', 'release'].map((action) => ({ action, by_operator: 'new' })),
    );
    await copy.schema.close();
    await watching;
    expect(told).toEqual(expect.arrayContaining(['blocked', 'committed', 'serving']));
  }));

test.each(['alert', 'exclude', 'fail-start'] as const)(
  'older code that stays is told, then: %s',
  (then) =>
    story(54, async (world) => {
      const old = new Copy(world, 'old', R1);
      await old.schema.ready();
      const breaking = sqlMigration('0002', 'alter table a rename column y to z');
      const policy = { lagging: { waitMs: 8_000, then } };
      const copy = new Copy(world, 'new', defineMigrations({ entries: [ONE, breaking] }), {
        policy,
      });
      await until(world, 'the block', () => copy.count('blocked') > 0);
      expect(copy.count('lagging')).toBe(0);
      await until(world, 'the alert', () => copy.count('lagging') > 0);
      await world.sleep(10_000);
      expect(copy.events.filter(({ kind }) => kind === 'lagging')).toMatchObject([
        { name: '0002', participant: 'old', release: 'release-of-1' },
      ]);
      const [report] = copy.schema.reports;
      expect(report?.canServe).toBe(then === 'exclude');
      expect(copy.count('excluded')).toBe(then === 'exclude' ? 1 : 0);
      if (then === 'fail-start') {
        await expect(copy.schema.ready()).rejects.toMatchObject({ code: 'MIGRATION_BLOCKED' });
      }
    }),
);

test.each(['exclude', 'fail-start'] as const)(
  'older code on a node that is not heard of is told, then: %s; on one that looks again and again it is not',
  (then) =>
    story(59, async (world) => {
      const [here = '', gone = ''] = (await world.client('asker').cluster.members()).map(({ id }) =>
        String(id),
      );
      const old = new Copy(world, here, R1, {}, 'node');
      await old.schema.ready();
      // It registers once and is never heard of again.
      const lost = new SchemaClient(schemaAccess(world.client('lost').database('app')));
      await lost.register({ id: gone, kind: 'node', boot: 'b', release: '1.0.0' }, [R1]);
      const breaking = sqlMigration('0002', 'alter table a rename column y to z');
      const copy = new Copy(world, 'new', defineMigrations({ entries: [ONE, breaking] }), {
        policy: { absent: { waitMs: 20_000, then } },
      });
      await until(world, 'the block', () => copy.count('blocked') > 0);
      await world.sleep(10_000);
      expect(copy.count('absent')).toBe(0);
      await until(world, 'the alert', () => copy.count('absent') > 0);
      await world.sleep(10_000);
      const told = copy.events.filter((event) => event.kind === 'absent');
      expect(told).toMatchObject([{ name: '0002', participant: gone, release: '1.0.0' }]);
      expect(told[0]?.silentMs).toBeGreaterThanOrEqual(20_000);
      const [status] = await copy.schema.status();
      const states = status?.participants.map(({ id, state }) => `${id} ${state}`);
      expect(states).toContain(`${here} active`);
      expect(states).toContain(`${gone} ${then === 'exclude' ? 'excluded' : 'active'}`);
      expect(copy.count('excluded')).toBe(then === 'exclude' ? 1 : 0);
      expect(copy.count('refused')).toBe(then === 'fail-start' ? 1 : 0);
    }),
);

test('scenario 41: with finalize manual all are upgraded and the contract waits until it is finalized; policies of a program stand where no operator has decided', () =>
  story(55, async (world) => {
    const policy = { finalize: 'manual', undeclaredSessions: 'read-only' } as const;
    const copy = new Copy(world, 'a', R3, { policy });
    await copy.schema.ready();
    await until(world, 'the block', () => copy.count('blocked') > 0);
    const stranger = world.client('stranger').database('app');
    expect(await stranger.query('select * from a')).toEqual([]);
    const write = stranger.execute('insert into a (x) values (1)');
    await expect(write).rejects.toMatchObject({ code: 'SCHEMA_UNDECLARED' });
    expect(await copy.schema.status()).toMatchObject([
      { controls: { 'finalize-policy': 'manual' }, pending: [{ name: '0003' }] },
    ]);
    // What the program itself looks at is not for sessions that say nothing.
    await operate(stranger, {
      ...{ action: 'undeclared-policy', value: 'refuse', namespace: 'app' },
      ...{ by: 'me', reason: '' },
    });
    await world.sleep(1_000);
    const read = stranger.query('select * from a');
    await expect(read).rejects.toMatchObject({ code: 'SCHEMA_UNDECLARED' });
    expect(await copy.schema.status()).toMatchObject([{ version: 2 }]);
    // Another program has other ideas, and comes second.
    const other = new Copy(world, 'b', R3, { policy: { finalize: 'auto' } });
    await other.schema.ready();
    await world.sleep(10_000);
    expect(other.schema.reports).toMatchObject([{ pending: ['0003'] }]);
    await other.schema.finalize('0003');
    await copy.schema.wait();
  }));

test('a contract soaks: it waits after what it follows, unless it is finalized', () =>
  story(56, async (world) => {
    const soaking = { ...DROP, soakMs: 30_000 };
    const copy = new Copy(world, 'a', defineMigrations({ entries: [ONE, TWO, soaking] }));
    await copy.schema.ready();
    const startedAt = world.scheduler.now();
    await copy.schema.wait();
    expect(world.scheduler.now() - startedAt).toBeGreaterThan(25_000);
    const held = copy.events.find(({ kind }) => kind === 'blocked');
    expect(held).toMatchObject({ name: '0003', error: { code: 'MIGRATION_HELD' } });
    const ends = { ...sqlMigration('0004', 'drop table b', { kind: 'contract' }), soakMs: 1e9 };
    const more = defineMigrations({
      entries: [ONE, TWO, soaking, { ...ends, mayLoseRows: true }],
    });
    await copy.schema.close();
    const next = new Copy(world, 'b', more);
    await next.schema.ready();
    await until(world, 'the block', () => next.count('blocked') > 0);
    await next.schema.finalize('0004');
    await next.schema.wait();
  }));

test('scenario 56: a release with a new expand serves while a contract of the one before still soaks, and both orders give the same schema', () =>
  story(57, async (world) => {
    const schemas: unknown[] = [];
    for (const soakMs of [20_000, 0]) {
      const namespace = `soaks${soakMs}`;
      const named = (step: typeof ONE) => ({
        ...step,
        sql: step.sql.replace(/ ([ab])\b/, ` ${namespace}_$1`),
      });
      const contract = { ...named(DROP), soakMs };
      const first = defineMigrations({ namespace, entries: [named(ONE), contract] });
      const second = defineMigrations({ namespace, entries: [named(ONE), contract, named(TWO)] });
      const before = new Copy(world, `${namespace}-1`, first);
      await before.schema.ready();
      if (soakMs === 0) await before.schema.wait();
      await before.schema.close();
      const after = new Copy(world, `${namespace}-2`, second);
      await after.schema.ready();
      expect(after.schema.reports).toMatchObject([
        { version: 2, pending: soakMs > 0 ? ['0003'] : [] },
      ]);
      await after.schema.wait();
      const rows = await after.database.query<{ sql: string }>(
        'select sql from sqlite_schema where name glob ? order by name',
        [`${namespace}_*`],
      );
      schemas.push(rows.map(({ sql }) => sql.replaceAll(namespace, '')));
      await after.schema.close();
    }
    expect(schemas[0]).toEqual(schemas[1]);
    expect(schemas[0]).toEqual(['CREATE TABLE _a (x)', 'CREATE TABLE _b (x)']);
  }));

test('a listener that throws, or rejects, is an event for the others and keeps none from them', async () => {
  const warned: string[] = [];
  const heard: SchemaEvent[] = [];
  const throws = (): void => {
    throw new Error('its own problem');
  };
  const rejects = (): Promise<void> => Promise.reject(new Error('and its own'));
  const hub = new EventHub([throws, rejects, (event) => heard.push(event)], ({ code, message }) =>
    warned.push(`${code}: ${message}`),
  );
  for (const version of [1, 2]) hub.tell({ kind: 'serving', namespace: 'app', version });
  for (let i = 0; i < 5; i++) await Promise.resolve();
  const told = heard.map((event) =>
    event.kind === 'hook' ? `${event.hook} ${event.error?.message}` : event.kind,
  );
  const first = 'listener of serving: its own problem';
  const second = 'listener of serving: and its own';
  expect(told.filter((kind) => kind === 'serving').length).toBe(2);
  expect(told.filter((text) => text === `listener ${first}`).length).toBe(2);
  expect(told.filter((text) => text === `listener ${second}`).length).toBe(2);
  expect(told.length).toBe(6);
  // The process is told what is new.
  expect(warned).toEqual([`HOOK_FAILED: ${first}`, `HOOK_FAILED: ${second}`]);
});

test('listeners of a database handle that throw keep nothing from the others, and migrations go on', () =>
  story(58, async (world) => {
    const heard: string[] = [];
    const failed = new Set<string>();
    const copy: Copy = new Copy(world, 'a', R3, {
      onEvent: (event) => {
        heard.push(event.kind);
        if (event.kind === 'hook') failed.add(`${event.hook} ${event.error?.message}`);
        throw new Error('in onEvent');
      },
    });
    copy.database.on('schema', () => {
      throw new Error('in on');
    });
    copy.database.on('schema', ({ version }) => heard.push(`on ${version}`));
    copy.database.on('schema', () => Promise.reject(new Error('later')));
    await copy.schema.wait();
    expect(heard).toContain('on 2');
    expect(heard).toContain('registered');
    expect([...failed]).toEqual(
      expect.arrayContaining([
        'listener listener of committed: in onEvent',
        'listener listener of registered: in on; in onEvent; later',
      ]),
    );
  }));

test('who reads slowly misses the oldest', async () => {
  const hub = new EventHub([], () => undefined);
  const reader = hub.watch();
  const first = reader.next();
  for (let version = 0; version < 1100; version++) {
    hub.tell({ kind: 'serving', namespace: 'app', version });
  }
  expect(await first).toMatchObject({ value: { version: 100 } });
  hub.close();
  expect(await reader.next()).toMatchObject({ done: true });
});

test('metrics tell how many rows are still before a backfill, as long as there is one', () =>
  story(60, async (world) => {
    const ten = `${ONE.sql}; insert into a with recursive n(i) as (select 1 union all select i + 1 from n where i < 10) select i, null from n`;
    const table = sqlMigration('0001', ten, { kind: 'expand' });
    const fill = batchMigration('0002', {
      ...{ table: 'a', key: 'x', rows: 3, pauseMs: 2_000 },
      run: 'update a set y = 1 where x > :after and x <= :upto',
    });
    const waits = batchMigration('0003', { ...fill, table: 'absent' });
    const absent = defineMigrations({ entries: [table, fill, waits] });
    const copy = new Copy(world, 'a', absent);
    const remaining = async (): Promise<string[]> => {
      const text = await copy.schema.metrics();
      return text
        .split('\n')
        .filter((line) => line.startsWith('quorate_schema_backfill_remaining{'));
    };
    await until(world, 'the first batch', () => copy.count('batch') > 0);
    const labels = '{namespace="app",migration="0002"}';
    expect(await remaining()).toEqual([`quorate_schema_backfill_remaining${labels} 7`]);
    await until(world, 'the end', () => copy.schema.reports[0]?.version === 2);
    expect(await remaining()).toEqual([]);
  }));

test('names in metrics cannot end a line', () => {
  const status = { namespace: 'a"\n\\', version: 1, floor: 0, phase: 'idle', participants: [] };
  const nothing = { pending: [], applied: [], controls: {} };
  const counts = { blockedSeconds: 0, migrations: 0, migrationSeconds: 0, failed: 0, fenced: 0 };
  const text = schemaMetrics([{ ...status, ...nothing }], { ...counts, serving: true });
  expect(text).toContain('quorate_schema_version{namespace="a\\"\\n\\\\"} 1\n');
  expect(text).toContain(
    '# TYPE quorate_schema_fenced_total counter\nquorate_schema_fenced_total 0\n',
  );
});
