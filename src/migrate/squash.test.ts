import { expect, test } from 'vitest';
import { Program } from '../schema/index.ts';
import { defineMigrations, schemaStatus, sqlMigration } from './index.ts';
import { Copy, story, until } from './testing/copies.ts';

const TWO = sqlMigration('0002', 'create table b (y)', { kind: 'breaking' });
const OFF = sqlMigration('0003', 'alter table a drop column x2', { kind: 'contract' });
const EXTRA = sqlMigration('0000', 'create table a (x, x2)', { kind: 'expand' });
const LAST = sqlMigration('0004', 'create table c (z)', { kind: 'expand' });
const SNAPSHOT = sqlMigration('snapshot', 'create table a (x); create table b (y)');

const R1 = defineMigrations({ entries: [EXTRA] });
const R2 = defineMigrations({ entries: [EXTRA, TWO, OFF] });
const R3 = defineMigrations({ entries: [EXTRA, TWO, OFF, LAST] });
const SQUASHED = defineMigrations({
  base: { ...R3.baseAt('0003'), snapshot: SNAPSHOT },
  entries: [LAST],
});

test('scenario 24: a skip-level upgrade over a squashed base is refused, and goes on from the release in between', () =>
  story(31, async (world) => {
    const old = new Copy(world, 'a', R1);
    await old.schema.ready();
    const early = new Copy(world, 'b', SQUASHED);
    await expect(early.schema.ready()).rejects.toMatchObject({ code: 'SCHEMA_EPOCH_GAP' });
    await early.schema.close();
    await old.schema.close();
    const between = new Copy(world, 'a', R2);
    await between.schema.ready();
    await until(world, 'the contract', () => between.schema.reports[0]?.pending.length === 0);
    const late = new Copy(world, 'b', SQUASHED);
    await late.schema.ready();
    expect(late.schema.reports[0]).toMatchObject({ version: 3, pending: [] });
    // The build that still has everything goes on beside it.
    const full = new Copy(world, 'c', R3);
    await full.schema.ready();
    expect(full.schema.reports[0]).toMatchObject({ version: 3, pending: [] });
  }));

test('a build that knows a contract only as done is refused while it is not', () =>
  story(32, async (world) => {
    const blocking = new Copy(world, 'a', defineMigrations({ entries: [EXTRA, TWO] }));
    await blocking.schema.ready();
    const between = new Copy(world, 'b', R2);
    await between.schema.ready();
    const error = await new Copy(world, 'c', SQUASHED).schema.ready().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'SCHEMA_EPOCH_GAP' });
    expect(String(error)).toMatch(/0003 is not applied yet/);
  }));

test('scenario 45: a fresh cluster is made by three squashed builds at once; the snapshot is applied once', () =>
  story(33, async (world) => {
    const copies = ['a', 'b', 'c'].map((id) => new Copy(world, id, SQUASHED));
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    const [{ database }] = copies;
    expect(
      await database.query('select name, version from __quorate_schema_history order by seq'),
    ).toEqual([
      { name: 'snapshot', version: 2 },
      { name: '0004', version: 3 },
    ]);
    expect(await schemaStatus(database)).toMatchObject([{ version: 3, floor: 2, pending: [] }]);
    await database.execute('insert into b (y) values (1)');
    expect((await copies[0].schema.verify()).filter(({ ok }) => !ok)).toEqual([]);
    // A build that carries the whole history is at home there, one that ends before the base is not.
    const full = new Copy(world, 'full', R3);
    await full.schema.ready();
    expect(full.schema.reports[0]?.pending).toEqual([]);
    const old = new Copy(world, 'old', R1);
    await expect(old.schema.ready()).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' });
  }));

test('a contract that follows the squashed part does not come before the snapshot', () =>
  story(35, async (world) => {
    const contract = sqlMigration('0005', 'drop table b', {
      ...{ kind: 'contract', mayLoseRows: true, after: [] },
    });
    const migrations = defineMigrations({
      base: { ...R3.baseAt('0003'), snapshot: SNAPSHOT },
      entries: [contract, LAST],
    });
    const copy = new Copy(world, 'a', migrations, { mode: 'wait' });
    expect(await copy.schema.plan()).toMatchObject([
      { pending: [{ name: '0005' }, { name: '0004' }] },
    ]);
    await copy.schema.up();
    const history = 'select name from __quorate_schema_history order by seq';
    const names = (await copy.database.query(history)).map(({ name }) => name);
    expect(names[0]).toBe('snapshot');
    expect(names.sort()).toEqual(['0004', '0005', 'snapshot']);
    expect(copy.count('failed') + copy.count('blocked')).toBe(0);
  }));

test('a baseline behind a squashed history keeps out builds that end before it', () =>
  story(36, async (world) => {
    await world
      .client('by hand')
      .database('app')
      .executeMultiple('create table a (x); create table b (y); create table c (z)');
    const all = defineMigrations({ entries: [EXTRA, TWO, LAST] });
    const squashed = defineMigrations({ base: all.baseAt('0002'), entries: [LAST] });
    const copy = new Copy(world, 'a', squashed, { mode: 'wait' });
    await copy.schema.plan();
    await copy.schema.baseline('0004', { reason: 'made by hand' });
    await copy.schema.ready();
    expect((await copy.schema.verify()).filter(({ ok }) => !ok)).toEqual([]);
    const old = new Copy(world, 'old', R1);
    await expect(old.schema.ready()).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' });
    const full = new Copy(world, 'full', all);
    await full.schema.ready();
  }));

test('a squashed build without a snapshot does not begin an empty database, and says so', () =>
  story(34, async (world) => {
    const migrations = defineMigrations({ base: R3.baseAt('0003'), entries: [LAST] });
    const copy = new Copy(world, 'a', migrations);
    await until(world, 'its wait', () => copy.count('waiting') > 0);
    const told = copy.events.find(({ kind }) => kind === 'waiting');
    expect(told).toMatchObject({ code: 'SCHEMA_TOO_OLD' });
    expect(JSON.stringify(told)).toMatch(/deploy a release in between first/);
  }));

test('what a base says is checked, and counts in the digest', () => {
  const base = R3.baseAt('0003');
  expect(base).toMatchObject({ version: 2, contracts: { '0003': expect.any(String) } });
  expect(() => R3.baseAt('nothing')).toThrow(/no history ends/);
  const of = (contracts: Record<string, string>) =>
    new Program({ namespace: 'app', entries: [], base: { ...base, contracts } });
  expect(() => of({ c: 'no checksum' })).toThrow(/no checksum/);
  expect(of({}).digest).not.toBe(of(base.contracts ?? {}).digest);
  const twice = { base: { ...base, snapshot: LAST }, entries: [LAST] };
  expect(() => defineMigrations(twice)).toThrow(/two are named 0004/);
});
