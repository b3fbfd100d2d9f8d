import { expect, test } from 'vitest';
import { QuorateError } from '../base/index.ts';
import { batchMigration, defineMigrations, planMigrations, sqlMigration } from './index.ts';
import { Copy, story } from './testing/copies.ts';

const USER = sqlMigration(
  '0001_user',
  "create table user (id integer primary key, name text); insert into user (name) values ('a'), ('b'), ('a')",
  { kind: 'expand' },
);
const NAME = sqlMigration('0002_email', 'alter table user add column email text', {
  kind: 'expand',
});
const FILL = batchMigration('0003_fill', {
  ...{ table: 'user', key: 'id', rows: 2 },
  run: "update user set email = name || '@' where id > :after and id <= :upto",
});
const UNIQUE = sqlMigration('0004_unique', 'create unique index u on user(name)');

const R1 = defineMigrations({ entries: [USER] });
const R2 = defineMigrations({ entries: [USER, NAME, FILL] });
const R3 = defineMigrations({ entries: [USER, NAME, FILL, UNIQUE] });

test('a dry run on each node tells the same as the real run, and writes nothing', () =>
  story(81, async (world) => {
    const outside = world.client('operator').database('app');
    const old = new Copy(world, 'a', R1);
    await old.schema.ready();
    const tables = async () =>
      JSON.stringify(await outside.query('select name, sql from sqlite_schema order by name'));
    const before = await tables();
    const prints = new Set<string>();
    for (const readFrom of world.fleet.addresses) {
      const [plan] = await planMigrations(outside, [R2], { dryRun: true, readFrom });
      expect(plan).toMatchObject({ ok: true, verdict: 'fine', findings: [] });
      expect(plan?.rehearsal?.migrations).toMatchObject([
        { name: '0002_email', outcome: 'applied', changes: ['column user.email added (text)'] },
        { name: '0003_fill', outcome: 'applied', batches: 2, changedRows: 3, rows: [] },
      ]);
      prints.add(plan?.rehearsal?.migrations.at(-1)?.fingerprint ?? '');
    }
    expect(await tables()).toBe(before);
    const fresh = new Copy(world, 'b', R2);
    await fresh.schema.ready();
    const [row] = await outside.query(
      'select fp_after from __quorate_schema_history order by seq desc limit 1',
    );
    expect([...prints]).toEqual([row?.fp_after]);
    const [done] = await planMigrations(outside, [R2], { dryRun: true });
    expect(done?.rehearsal?.migrations).toEqual([]);
  }));

test('the data decides: what fails on it is an error before anybody has tried', () =>
  story(82, async (world) => {
    const outside = world.client('operator').database('app');
    const old = new Copy(world, 'a', R1);
    await old.schema.ready();
    const [untried] = await planMigrations(outside, [R3]);
    expect(untried).toMatchObject({ ok: true, rehearsal: undefined });
    const [plan] = await planMigrations(outside, [R3], { dryRun: true });
    expect(plan?.ok).toBe(false);
    expect(plan?.findings.map(({ code, level }) => [code, level])).toEqual([
      ['O3', 'warn'],
      ['C3', 'error'],
    ]);
    expect(plan?.rehearsal?.migrations.at(-1)).toMatchObject({ code: 'MIGRATION_FAILED' });
  }));

test('a contract that floats and must not is told to say after what it comes; an edited migration is O2', () =>
  story(83, async (world) => {
    const outside = world.client('operator').database('app');
    const old = new Copy(world, 'a', R1);
    await old.schema.ready();
    const later = sqlMigration('0003_copy', 'create table old as select name from user', {
      kind: 'expand',
    });
    const contract = (after?: readonly string[]) =>
      sqlMigration('0002_off', 'alter table user drop column name', {
        ...{ kind: 'contract', after },
      });
    const wrong = defineMigrations({ entries: [USER, contract(), later] });
    const [plan] = await planMigrations(outside, [wrong], { dryRun: true });
    expect(plan?.findings.map(({ code }) => code)).toContain('O4');
    const right = defineMigrations({ entries: [USER, contract(['0003_copy']), later] });
    const [fine] = await planMigrations(outside, [right], { dryRun: true });
    expect(fine?.findings.map(({ code, level }) => [code, level])).toEqual([['D2', 'warn']]);
    const edited = defineMigrations({
      entries: [sqlMigration('0001_user', 'create table user (id)', { kind: 'expand' })],
    });
    const [refused] = await planMigrations(outside, [edited], { dryRun: true });
    expect(refused).toMatchObject({ ok: false, findings: [{ code: 'O2' }], rehearsal: undefined });
  }));

test('a dry run can be ended', () =>
  story(84, async (world) => {
    const outside = world.client('operator').database('app');
    const old = new Copy(world, 'a', R1);
    await old.schema.ready();
    const signal = AbortSignal.abort();
    const ended = planMigrations(outside, [R2], { dryRun: true, signal });
    await expect(ended).rejects.toBeInstanceOf(QuorateError);
  }));
