import { expect, test } from 'vitest';
import type { Database } from '../client/index.ts';
import { defineMigrations } from './define.ts';
import { operate, preflight, sqlMigration, verifySchema } from './index.ts';
import { Copy, story, until } from './testing/copies.ts';

const ONE = sqlMigration('0001_a', 'create table a (x, y)', { kind: 'expand' });
const TWO = sqlMigration('0002_b', 'create table b (x)', { kind: 'expand' });
const OFF = sqlMigration('0003_off', 'alter table a drop column y', { kind: 'contract' });
const BREAK = sqlMigration('0004_break', 'alter table b rename to c');

const R1 = defineMigrations({ entries: [ONE] });
const R2 = defineMigrations({ entries: [ONE, TWO, OFF] });
const R3 = defineMigrations({ entries: [ONE, TWO, OFF, BREAK] });
const EDITED = defineMigrations({
  entries: [sqlMigration('0001_a', 'create table a (x, z)', { kind: 'expand' })],
});

const TABLES = ['state', 'member', 'manifest', 'declaration', 'fence', 'history', 'job', 'audit'];

/** Everything that a registration could have changed. */
async function everything(database: Database): Promise<string> {
  const rows = await Promise.all(
    TABLES.map((name) => database.query(`select * from __quorate_schema_${name}`)),
  );
  return JSON.stringify(rows, (_, value) => (value instanceof Uint8Array ? [...value] : value));
}

test('a build asks before it is deployed: what it would apply, who would be waited for; nothing is written', () =>
  story(71, async (world) => {
    const outside = world.client('operator').database('app');
    expect(await preflight(outside, [R3])).toMatchObject([{ verdict: 'fine', canServe: false }]);
    expect(await outside.query('select name from sqlite_schema')).toEqual([]);
    const old = new Copy(world, 'a', R1);
    await old.schema.ready();
    const before = await everything(outside);
    // A contract waits, and does not keep the build from serving.
    const [next] = await preflight(outside, [R2]);
    expect(next).toMatchObject({ verdict: 'fine', version: 1, canServe: false });
    expect(next?.pending.map(({ name }) => name)).toEqual(['0002_b', '0003_off']);
    expect(next?.waits).toMatchObject([
      { migration: '0003_off', obstacle: 'older-code', commands: [['exclude', 'a']] },
    ]);
    // A breaking one does, wherever it stands in the list.
    const [far] = await preflight(outside, [R3]);
    expect(far?.verdict).toBe('waits');
    expect(far?.waits.map(({ migration }) => migration)).toEqual(['0003_off', '0004_break']);
    expect(await everything(outside)).toBe(before);
    await operate(outside, {
      ...{ action: 'hold', namespace: 'app', value: '', by: 'me', reason: 'night' },
    });
    const [held] = await preflight(outside, [R2]);
    expect(held?.verdict).toBe('waits');
    expect(held?.waits[0]).toMatchObject({ migration: '0002_b', commands: [['release']] });
  }));

test('what failed three times stands in the way, although nobody is there who knows it', () =>
  story(74, async (world) => {
    const outside = world.client('operator').database('app');
    const good = new Copy(world, 'a', R1);
    await good.schema.ready();
    const failing = sqlMigration('0002_b', 'insert into absent values (1)', { kind: 'expand' });
    const migrations = defineMigrations({ entries: [ONE, failing] });
    for (let i = 0; i < 3; i++) {
      const bad = new Copy(world, `bad-${i}`, migrations);
      await expect(bad.schema.ready()).rejects.toThrow('absent');
      await bad.schema.close();
    }
    const [report] = await preflight(outside, [migrations]);
    expect(report).toMatchObject({ verdict: 'waits', version: 1 });
    expect(report?.waits).toMatchObject([
      { migration: '0002_b', obstacle: 'repair', commands: [['repair', '0002_b']] },
    ]);
  }));

test('a build that would be refused is told which migration, when, by whom, and what to deploy', () =>
  story(72, async (world) => {
    const outside = world.client('operator').database('app');
    const copy = new Copy(world, 'a', R2, { release: '2.0.0' });
    await copy.schema.ready();
    const ask = async (migrations: typeof R1): Promise<string> => {
      const [report] = await preflight(outside, [migrations]);
      expect(report).toMatchObject({ verdict: 'refused', canServe: false, pending: [] });
      return `${report?.code}: ${report?.reason}`;
    };
    await until(world, 'the contract', () => copy.schema.reports[0]?.pending.length === 0);
    expect(await ask(EDITED)).toMatch(/^SCHEMA_DIVERGED: 0001_a was changed .* of release 2.0.0/);
    expect(await ask(R1)).toMatch(
      /^SCHEMA_TOO_NEW: 0003_off was applied at \d{4}-.* by a of release 2.0.0 .* deploy release 2.0.0/,
    );
    const inserted = defineMigrations({
      entries: [ONE, sqlMigration('0001_hotfix', 'create table h (x)', { kind: 'expand' }), TWO],
    });
    expect(await ask(inserted)).toMatch(
      /^MIGRATION_OUT_OF_ORDER: 0001_hotfix stands before 0002_b, .* move it behind/,
    );
    const late = new Copy(world, 'late', inserted);
    await expect(late.schema.ready()).rejects.toMatchObject({ code: 'MIGRATION_OUT_OF_ORDER' });
    const squashed = defineMigrations({ base: R3.baseAt('0004_break', '3.1.0'), entries: [] });
    expect(await ask(squashed)).toMatch(
      /^SCHEMA_EPOCH_GAP: .* version 2 \(0002_b, applied at \d{4}-.* by a of release 2.0.0\), .* deploy release 3.1.0 first/,
    );
  }));

test('verify finds what was changed past the migrations, and what was edited', () =>
  story(73, async (world) => {
    const outside = world.client('operator').database('app');
    const copy = new Copy(world, 'a', R2);
    await copy.schema.ready();
    await until(world, 'the contract', () => copy.schema.reports[0]?.pending.length === 0);
    const wrong = async (migrations: typeof R1): Promise<string[]> => {
      const found = await verifySchema(outside, { migrations: [migrations] });
      return found.filter(({ ok }) => !ok).map(({ check }) => check);
    };
    expect(await wrong(R3)).toEqual([]);
    expect(await wrong(EDITED)).toEqual(['migrations']);
    await outside.execute('create table past (x references absent)');
    const [next] = await preflight(outside, [R3]);
    expect(next).toMatchObject({ verdict: 'waits', canServe: false });
    expect(next?.waits).toMatchObject([
      { migration: '0004_break', obstacle: 'older-code' },
      { migration: '0004_break', obstacle: 'drift', commands: [['accept-drift']] },
    ]);
    expect((await preflight(outside, [R2]))[0]).toMatchObject({ verdict: 'fine', waits: [] });
    expect(await wrong(R2)).toEqual(['drift']);
  }));

test('a build is told what is questionable in its texts, and which checks its data would not pass; nothing is written', () =>
  story(74, async (world) => {
    const outside = world.client('operator').database('app');
    const copy = new Copy(world, 'a', R1);
    await copy.schema.ready();
    await outside.execute('insert into a values (1, 2), (3, 4)');
    const before = [
      { sql: 'select x, y from a where y > 1; -- too many', message: 'y is too large' },
      { sql: 'select count(*) from a where x is null' },
      { sql: 'delete from a' },
      { sql: 'with d as (select 1) delete from a' },
      { sql: 'select * from b' },
    ];
    const checked = sqlMigration('0002_b', 'delete from a', { kind: 'expand', checks: { before } });
    const rows = { sql: 'select 1 from a where y = 2' };
    const later = sqlMigration('0003_c', 'create table c (x)', {
      ...{ kind: 'expand', checks: { before: [rows] } },
    });
    const [report] = await preflight(outside, [
      defineMigrations({ entries: [ONE, checked, later] }),
    ]);
    expect(report?.verdict).toBe('waits');
    const found = report?.checks.map(({ migration, outcome, isNext }) =>
      [migration, outcome, isNext].join(' '),
    );
    expect(found).toEqual([
      '0002_b failed true',
      '0002_b passed true',
      '0002_b unknown true',
      '0002_b unknown true',
      '0002_b unknown true',
      '0003_c failed false',
    ]);
    expect(report?.checks[0]).toMatchObject({ check: 'y is too large', detail: '(1, 2), (3, 4)' });
    expect(report?.findings.map(({ code, level }) => `${code} ${level}`)).toEqual(['D3 error']);
    expect(await outside.query('select count(*) as n from a')).toEqual([{ n: 2 }]);
    // What only a later one's check finds may be mended by the one before.
    const [fine] = await preflight(outside, [defineMigrations({ entries: [ONE, TWO, later] })]);
    expect(fine).toMatchObject({ verdict: 'fine', checks: [{ outcome: 'failed', isNext: false }] });
  }));
