import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { packed } from '../../test/support/batches.ts';
import { digestOf } from '../schema/index.ts';
import { Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const ONE: Step = { name: '0001', kind: 'expand', sql: 'create table t(id integer primary key)' };
const TWO: Step = { name: '0002', kind: 'expand', sql: 'create table u(id integer primary key)' };
const DROP: Step = { name: '0003', kind: 'contract', sql: 'alter table u rename to v' };

describe("the policy 'migrations-only'", () => {
  const DEFINITIONS = [
    'create table x(a)',
    'drop table t',
    'alter table t add column a',
    'create index i on t(id)',
    'create view w as select 1',
    'create trigger g after insert on t begin select 1; end',
    'create virtual table f using fts5(a)',
  ];

  function strict(): { readonly cluster: SchemaCluster; readonly release: Release } {
    const cluster = new SchemaCluster();
    const release = new Release(ONE, TWO);
    cluster.register('1', release);
    cluster.migrate(release, ONE.name);
    expect(cluster.control('ddl-policy', 'sometimes').code).toBe('SCHEMA_BAD_REQUEST');
    expect(cluster.control('ddl-policy', 'migrations-only').code).toBe('done');
    return { cluster, release };
  }

  it('keeps everybody from changing the schema past the migrations, alone, in transactions and in batches', () => {
    const { cluster, release } = strict();
    const { world } = cluster;
    for (const sql of DEFINITIONS) {
      expect([sql, world.code(world.statement(sql))]).toEqual([sql, 'DDL_REFUSED']);
    }
    expect(cluster.use(release, 'create table x(a)')).toBe('SCHEMA_TOO_OLD');
    world.run('begin immediate', [], { session: 5 });
    world.run('insert into t values (1)', [], { session: 5 });
    expect(world.code(world.statement('create table x(a)', [], { session: 5 }))).toBe(
      'DDL_REFUSED',
    );
    expect(world.code(world.statement('commit', [], { session: 5 }))).toBe('done');
    const parameters = { kind: 'positional', values: [] } as const;
    const statements = ['insert into t values (2)', 'create table x(a)'].map((sql) => {
      return { sql, parameters };
    });
    expect(
      world.code(world.submit({ action: 'batch', statements: packed(statements), mode: 'write' })),
    ).toBe('DDL_REFUSED');
    expect(cluster.look('select count(*) from t')).toBe(1);
  });

  it('keeps nobody from anything else, and no migration', () => {
    const { cluster, release } = strict();
    const { world } = cluster;
    for (const sql of ['insert into t values (1)', 'analyze', 'explain create table x(a)']) {
      expect([sql, world.code(world.statement(sql))]).toEqual([sql, 'done']);
    }
    const session = { session: 6 };
    expect(world.code(world.statement('create temp table mine(a)', [], session))).toBe('done');
    expect(cluster.migrate(release, TWO.name).code).toBe('done');
    const code = new Release(ONE, TWO, { name: '0003', kind: 'expand', sql: 'code' });
    cluster.register('1', code);
    cluster.begin(code, '0003', { session: 7 });
    expect(world.code(world.statement('create table x(a)', [], { session: 7 }))).toBe('done');
    expect(cluster.ask({ op: 'end', run: 'run-1' }, { session: 7 }).code).toBe('done');
    expect(cluster.control('ddl-policy', 'allow').code).toBe('done');
    expect(world.code(world.statement('create table y(a)'))).toBe('done');
  });

  it('scenario 42: undeclared session (shell) does DDL: allowed by policy, and the next migration says DRIFT_DETECTED', () => {
    const { cluster, release } = strict();
    cluster.control('ddl-policy', 'allow');
    expect(cluster.world.code(cluster.world.statement('create table x(a)'))).toBe('done');
    expect(cluster.migrate(release, TWO.name).code).toBe('DRIFT_DETECTED');
  });
});

describe('edited history', () => {
  function applied(): { readonly cluster: SchemaCluster; readonly release: Release } {
    const cluster = new SchemaCluster();
    const release = new Release(ONE, TWO, DROP);
    cluster.register('1', release);
    for (const { name } of release.steps) expect(cluster.migrate(release, name).code).toBe('done');
    return { cluster, release };
  }

  it('scenario 19: applied file edited later: both checksums, how to record it anew, and after that it fits', () => {
    for (const edited of [ONE, TWO, DROP]) {
      const { cluster, release } = applied();
      const now = { ...edited, sql: `${edited.sql} -- a remark` };
      const next = new Release(...release.steps.map((step) => (step === edited ? now : step)));
      const refused = cluster.register('2', next);
      expect(refused.code).toBe('SCHEMA_DIVERGED');
      const { message } = refused.answer;
      expect(message).toContain(digestOf(edited.sql));
      const command = `quorate migrate rerecord ${now.name}=${digestOf(now.sql)}`;
      expect(message).toContain(command);
      expect(cluster.control('rerecord', command.split(' ')[3]).code).toBe('done');
      expect(cluster.register('2', next).code).toBe('done');
      expect(cluster.use(next, 'insert into t values (7)')).toBe('done');
      expect(cluster.register('1', release).code).toBe('SCHEMA_DIVERGED');
      expect(cluster.use(release, 'insert into t values (1)')).toBe('SCHEMA_FENCED');
      const audit = cluster.look(
        "select value || ' by ' || by_operator from __quorate_schema_audit where action = 'rerecord'",
      );
      expect(audit).toBe(`${now.name}: ${digestOf(edited.sql)} to ${digestOf(now.sql)} by me`);
      // The chain holds on.
      const more = new Release(...next.steps, { name: '0004', kind: 'expand', sql: 'select 1' });
      cluster.register('2', more);
      expect(cluster.migrate(more, '0004').code).toBe('done');
    }
  });

  it('what cannot be recorded anew is refused', () => {
    const { cluster } = applied();
    const checksum = 'a'.repeat(64);
    expect(cluster.control('rerecord', `0009=${checksum}`).code).toBe('MIGRATION_UNKNOWN');
    for (const value of ['0001', '0001=7', `=${checksum}`]) {
      expect(cluster.control('rerecord', value).code).toBe('SCHEMA_BAD_REQUEST');
    }
  });

  it('scenario 20: hotfix branch inserted a lower-numbered migration: refused, never skipped', () => {
    const { cluster } = applied();
    const hotfix: Step = { name: '0001_hotfix', kind: 'expand', sql: 'create table h(a)' };
    const merged = cluster.register('2', new Release(ONE, hotfix, TWO, DROP));
    expect(merged.code).toBe('MIGRATION_OUT_OF_ORDER');
    expect(merged.answer.message).toMatch(/0001_hotfix stands before 0002.*move it behind/);
    const renumbered = new Release(ONE, TWO, DROP, { ...hotfix, name: '0004_hotfix' });
    expect(cluster.register('2', renumbered).code).toBe('done');
    expect(cluster.migrate(renumbered, '0004_hotfix').code).toBe('done');
  });

  it('scenario 18: two builds, same count, different content: the second is told the first difference and both checksums', () => {
    const { cluster } = applied();
    const other = { ...TWO, sql: 'create table other(id)' };
    const refused = cluster.register('2', new Release(ONE, other, DROP));
    expect(refused.code).toBe('SCHEMA_DIVERGED');
    expect(refused.answer.message).toMatch(/^0002 was changed after it was applied/);
    expect(refused.answer.message).toContain(digestOf(TWO.sql));
    expect(refused.answer.message).toContain(digestOf(other.sql));
  });
});

describe('reserved tables', () => {
  it('scenario 43: user SQL writes to __quorate_schema_*: RESERVED_TABLE, whatever way it takes', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', new Release(ONE));
    const { world } = cluster;
    world.run('create view w as select * from __quorate_schema_state');
    world.run(
      'create trigger g instead of delete on w begin delete from __quorate_schema_state; end',
    );
    world.run('create table mine(a)');
    world.run(
      'create trigger h after insert on mine begin delete from __quorate_schema_member; end',
    );
    const ways = [
      'update __quorate_schema_fence set token = zeroblob(32)',
      'drop table __quorate_schema_history',
      'alter table __quorate_schema_state add column y',
      'create index i on __quorate_schema_state(version)',
      'create trigger x after insert on __quorate_schema_history begin select 1; end',
      'create table __quorate_schema_y(a)',
      'alter table mine rename to __quorate_schema_y',
      'create table child(a references __quorate_schema_manifest(digest))',
      'delete from w',
      'insert into mine values (1)',
    ];
    for (const sql of ways) {
      expect([sql, world.code(world.statement(sql))]).toEqual([sql, 'RESERVED_TABLE']);
    }
    expect(world.code(world.statement('pragma writable_schema = on'))).toBe('SQLITE_AUTH');
    expect(world.code(world.statement("delete from sqlite_schema where name like '\\_%'"))).toBe(
      'SQLITE_ERROR',
    );
    expect(cluster.look('select count(*) from __quorate_schema_member')).toBe(1);
  });
});
