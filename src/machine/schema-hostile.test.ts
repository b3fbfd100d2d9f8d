import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Program } from '../schema/index.ts';
import { Backfill, Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const TABLES: Step = {
  name: '0001',
  kind: 'expand',
  sql: `create table p(id integer primary key, v); create table c(id text primary key, p references p(id) on delete cascade) without rowid;
        insert into p values (1, 'a'), (2, 'b'); insert into c values ('x', 1), ('y', 2);`,
};

function afterwards(sql: string, more: object = {}, statements: string[] = [], name = '0002') {
  const cluster = new SchemaCluster();
  const release = new Release(TABLES, { name, kind: 'breaking', sql });
  cluster.register('1', release);
  cluster.migrate(release, '0001');
  for (const statement of statements) cluster.world.run(statement);
  if (statements.length > 0) cluster.control('accept-drift');
  return { cluster, release, result: cluster.migrate(release, name, more) };
}

describe('checks and steps of somebody else', () => {
  const HOSTILE = [
    'commit',
    'rollback',
    'delete from __quorate_schema_member',
    'delete from c returning 0',
    'create table stray(x)',
    'select 0; delete from c',
  ];

  it('a check only looks: it does not write, and does not end the transaction', () => {
    for (const when of ['before', 'after']) {
      for (const sql of HOSTILE) {
        const { cluster, result } = afterwards('create table q(x)', {
          [when]: [{ sql, message: '' }],
        });
        const { world } = cluster;
        expect([when, sql, result.code]).toEqual([when, sql, 'MIGRATION_INVALID']);
        const session = { session: 3 };
        world.run('begin immediate', [], session);
        expect(world.rows('select count(*) from c', [], session)).toEqual([[2]]);
        const made = "select name from sqlite_schema where name in ('q', 'stray')";
        expect(world.rows(made, [], session)).toEqual([]);
      }
    }
  });

  it('a step changes rows, and neither ends the transaction nor is followed by another', () => {
    for (const step of ['commit', 'update p set v = 1; delete from c', 'drop table c', ' ']) {
      const cluster = new SchemaCluster();
      const fill = new Backfill('0002', { table: 'p', key: 'id', rows: 10, run: step });
      const release = new Release(TABLES, fill);
      cluster.register('1', release);
      cluster.migrate(release, '0001');
      const answer = cluster.batch(release, fill);
      expect([step, answer.code]).toEqual([step, 'MIGRATION_INVALID']);
    }
  });

  it('a verification of a backfill only looks', () => {
    const cluster = new SchemaCluster();
    const verify = 'delete from __quorate_schema_member';
    const run = 'update p set v = 1';
    const fill = new Backfill('0002', { table: 'p', key: 'id', rows: 10, run, verify });
    const release = new Release(TABLES, fill);
    cluster.register('1', release);
    cluster.migrate(release, '0001');
    const step = () => cluster.batch(release, fill);
    expect(step().code).toBe('done');
    expect(step().code).toBe('MIGRATION_INVALID');
  });
});

describe('names', () => {
  it('a contract with the name of something that every object has is still to be applied', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const cluster = new SchemaCluster();
      const release = new Release(TABLES, { name, kind: 'contract', sql: 'create table q(x)' });
      cluster.register('1', release);
      cluster.migrate(release, '0001');
      expect(cluster.migrate(release, name).answer).toMatchObject({ outcome: 'applied' });
      expect(cluster.migrate(release, name).answer).toMatchObject({ outcome: 'already' });
    }
  });

  it('rows of tables with capitals beyond ASCII are counted under their names', () => {
    const made = ['create table "Ärzte"(x)', 'insert into "Ärzte" values (1)'];
    expect(afterwards('alter table "Ärzte" add column y', {}, made).result.code).toBe('done');
    expect(afterwards('delete from "Ärzte"', {}, made).result.code).toBe('ROWCOUNT_TRIPWIRE');
  });

  it('the tripwire sees names in every way of writing them', () => {
    for (const sql of [
      "delete from 'p'",
      'delete from main.[p]',
      'create temp table p as select * from main.p; delete from main.p',
    ]) {
      expect([sql, afterwards(sql).result.code]).toEqual([sql, 'ROWCOUNT_TRIPWIRE']);
    }
    expect(afterwards("alter table main.p rename to 'q'").result.code).toBe('done');
  });

  it('the tripwire follows triggers of views', () => {
    const made = [
      'create view w as select * from p',
      'create trigger tw instead of delete on w begin delete from p where id = old.id; end',
    ];
    expect(afterwards('delete from w', {}, made).result.code).toBe('ROWCOUNT_TRIPWIRE');
  });
});

describe('foreign keys', () => {
  it('new violations of tables without row ids are seen beside old ones', () => {
    const { cluster, release } = afterwards('select 1');
    const { world } = cluster;
    world.run('begin immediate', [], { session: 5 });
    world.run('rollback', [], { session: 5 });
    world.run('pragma foreign_keys = off', [], { session: 5 });
    world.run("insert into c values ('old', 99)", [], { session: 5 });
    expect(release.program.max).toBe(2);
    const next = new Release(...release.steps, {
      name: '0003',
      kind: 'breaking',
      sql: "pragma foreign_keys = off; insert into c values ('new', 98)",
    });
    cluster.register('1', next);
    expect(cluster.migrate(next, '0003').code).toBe('FK_VIOLATION');
  });

  it('a reference to a table that is gone is told, rows or none', () => {
    const renamedAway = `pragma foreign_keys = off; alter table p rename to p_old; create table p(id integer primary key, v);
      insert into p select * from p_old; drop table p_old;`;
    expect(afterwards(renamedAway, {}, ['delete from c']).result.code).toBe('DANGLING_OBJECT');
  });
});

describe('backfills', () => {
  it('keys that are texts of digits are not numbers, and none is left out', () => {
    const cluster = new SchemaCluster();
    const step = 'update k set done = 1 where id > :after and id <= :upto';
    const table = 'create table k(id text primary key, done integer) without rowid';
    const fill = new Backfill('0002', { table: 'k', key: 'id', rows: 4, run: step });
    const release = new Release({ name: '0001', kind: 'expand', sql: table }, fill);
    cluster.register('1', release);
    cluster.migrate(release, '0001');
    for (let i = 1; i <= 12; i++) {
      cluster.world.run('insert into k(id) values (?)', [String(i * 100).padStart(5, '0')]);
    }
    const run = () => cluster.batch(release, fill);
    for (let i = 0; i < 10 && run().answer.complete === false; i++);
    const session = { session: 3 };
    cluster.world.run('begin immediate', [], session);
    expect(cluster.world.rows('select count(*) from k where done is null', [], session)).toEqual([
      [0],
    ]);
  });

  it('keys below all integers are not left out', () => {
    const cluster = new SchemaCluster();
    const step = 'update k set done = 1 where id > :after and id <= :upto';
    const fill = new Backfill('0002', { table: 'k', key: 'id', rows: 4, run: step });
    const release = new Release(
      {
        name: '0001',
        kind: 'expand',
        sql: 'create table k(id real primary key, done); insert into k(id) values (-1e300), (1.5)',
      },
      fill,
    );
    cluster.register('1', release);
    cluster.migrate(release, '0001');
    expect(cluster.batch(release, fill).answer).toMatchObject({ rows: 2 });
  });
});

describe('migrations in code', () => {
  const claimOf = (release: Release) => {
    return { namespace: 'app', name: '0001', manifest: release.program.digest, by: 'n' };
  };

  it('one that is refused at its beginning leaves no transaction', () => {
    const cluster = new SchemaCluster();
    const release = new Release(TABLES);
    cluster.register('1', release);
    const before = [{ sql: 'select 1', message: 'no' }];
    const begin = { op: 'begin', ...claimOf(release), run: 'a', before };
    expect(cluster.ask(begin, { session: 7 }).code).toBe('PRECHECK_FAILED');
    expect(cluster.world.code(cluster.world.statement('create table z(x)'))).toBe('done');
  });

  it('says what it failed with when it is stuck', () => {
    const cluster = new SchemaCluster();
    const release = new Release(TABLES);
    cluster.register('1', release);
    const after = [{ sql: 'select 1', message: 'not like this' }];
    const begin = { op: 'begin', ...claimOf(release), run: 'a', after };
    for (let i = 0; i < 3; i++) {
      expect(cluster.ask(begin, { session: 7 }).code).toBe('done');
      expect(cluster.ask({ op: 'end', run: 'a' }, { session: 7 }).code).toBe('POSTCHECK_FAILED');
    }
    const stuck = cluster.ask(begin, { session: 7 });
    expect(stuck.code).toBe('MIGRATION_STUCK');
    expect(stuck.answer.message).toMatch(/not like this/);
  });
});

describe('squashed histories', () => {
  it('a baseline in one has the chain that its build expects', () => {
    const cluster = new SchemaCluster();
    const entries = [{ name: '0006', kind: 'expand', checksum: 'a'.repeat(64) } as const];
    const base = { version: 5, chain: 'b'.repeat(64) };
    const manifest = { namespace: 'app', entries, base };
    const participant = { id: '1', kind: 'node', boot: 'b', release: '' };
    const register = { op: 'register', participant, manifests: [manifest] };
    cluster.ask(register);
    const { digest } = new Program(manifest);
    const baseline = { op: 'baseline', namespace: 'app', name: '0006', manifest: digest, by: 'me' };
    expect(cluster.ask(baseline).answer).toEqual({ version: 6 });
    expect(cluster.ask(register).code).toBe('done');
  });
});
