import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { Backfill, Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const ONE: Step = {
  name: '0001_user',
  kind: 'expand',
  sql: "create table user(id integer primary key, full_name text); insert into user values (1, 'Ada'), (2, 'Bob');",
};
const TWO: Step = {
  name: '0002_name',
  kind: 'expand',
  sql: 'alter table user add column name text',
};
const DROP: Step = {
  name: '0003_drop',
  kind: 'contract',
  sql: 'alter table user drop column full_name',
};
const BREAK: Step = {
  name: '0003_break',
  kind: 'breaking',
  sql: 'alter table user rename to person',
};

const R1 = new Release(ONE);
const R2 = new Release(ONE, TWO, DROP);

describe('requests about the schema', () => {
  it('a registration makes the tables, is told what is missing, and writes nothing the second time', () => {
    const cluster = new SchemaCluster();
    const first = cluster.register('1', R1);
    expect(first.answer).toMatchObject({
      namespaces: [
        {
          namespace: 'app',
          version: 0,
          canServe: false,
          code: 'SCHEMA_TOO_OLD',
          pending: [ONE.name],
        },
      ],
    });
    const seals = cluster.world.seals.length;
    expect(cluster.register('1', R1).code).toBe('done');
    expect(cluster.world.seals.length).toBe(seals);
    expect(cluster.register('1', R1, 'boot-2').code).toBe('done');
    expect(cluster.world.seals.length).toBe(seals + 1);
  });

  it('a migration is alone in its entry, applied once, and told so to who asks again', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', R1);
    cluster.world.run('create table other(x)');
    cluster.world.settle();
    cluster.world.run('insert into other values (1)');
    // The attempt and the migration are two entries; what was before them is in neither.
    const before = cluster.world.seals.length;
    expect(cluster.control('accept-drift').code).toBe('done');
    const applied = cluster.migrate(R1, ONE.name);
    expect(applied.answer).toMatchObject({ outcome: 'applied', version: 1, statements: 2 });
    expect(cluster.world.seals.length).toBeGreaterThanOrEqual(before + 3);
    expect(cluster.world.seals.at(-1)?.transactions).toBe(1);
    const again = cluster.migrate(R1, ONE.name, {}, 'run-2');
    expect(again.answer).toMatchObject({ outcome: 'already', version: 1, run: 'run-1' });
  });

  it('the history and the answer tell the pages of the entry, also while SQLite has written none', () => {
    const cluster = new SchemaCluster();
    const code: Step = { name: '0002_code', kind: 'expand', sql: '' };
    const release = new Release(ONE, code);
    cluster.register('1', release);
    const pages = () => {
      const history = 'select pages from __quorate_schema_history order by seq desc limit 1';
      const bytes = cluster.world.seals.at(-1)?.command.length ?? 0;
      return [cluster.look(history), Math.floor(bytes / 4096)];
    };
    const { answer } = cluster.migrate(release, ONE.name);
    expect(Number(answer.pages)).toBeGreaterThanOrEqual(4);
    expect(pages()).toEqual([answer.pages, answer.pages]);
    const session = { session: 7 };
    expect(cluster.begin(release, code.name, session).code).toBe('done');
    cluster.world.run('create table made(x)', [], session);
    const ended = cluster.ask({ op: 'end', run: 'run-1' }, session);
    expect(Number(ended.answer.pages)).toBeGreaterThanOrEqual(4);
    expect(pages()).toEqual([ended.answer.pages, ended.answer.pages]);
  });

  it('a failing migration leaves nothing, names its statement, and is stuck after three attempts', () => {
    const cluster = new SchemaCluster();
    const bad = new Release({ ...ONE, sql: 'create table a(x); insert into b values (1);' });
    cluster.register('1', bad);
    for (let i = 0; i < 3; i++) {
      const failed = cluster.migrate(bad, ONE.name);
      expect(failed.code).toBe('MIGRATION_FAILED');
      expect(failed.answer.message).toMatch(/statement 2 of 2 failed: no such table: b/);
    }
    expect(cluster.migrate(bad, ONE.name).code).toBe('MIGRATION_STUCK');
    expect(cluster.control('repair', ONE.name).code).toBe('done');
    expect(cluster.migrate(bad, ONE.name).code).toBe('MIGRATION_FAILED');
    expect(cluster.world.code(cluster.world.statement('create table a(x)'))).toBe('done');
  });

  it('order, checksums and unknown names', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', R2);
    expect(cluster.migrate(R2, TWO.name).code).toBe('MIGRATION_OUT_OF_ORDER');
    expect(cluster.migrate(R2, DROP.name).code).toBe('MIGRATION_OUT_OF_ORDER');
    expect(cluster.migrate(R2, ONE.name).code).toBe('done');
    const edited = new Release({ ...ONE, sql: `${ONE.sql} ` });
    const refused = cluster.register('2', edited);
    expect(refused.code).toBe('SCHEMA_DIVERGED');
    expect(refused.answer.message).toMatch(/0001_user was changed after it was applied/);
    const unknown = { op: 'migrate', namespace: 'app', name: 'x', manifest: R2.program.digest };
    expect(cluster.ask({ ...unknown, run: 'r', by: 'b', sql: 'select 1' }).code).toBe(
      'MIGRATION_UNKNOWN',
    );
    expect(cluster.ask({ op: 'nonsense' }).code).toBe('SCHEMA_BAD_REQUEST');
    expect(cluster.ask({ op: 'migrate' }).code).toBe('SCHEMA_BAD_REQUEST');
  });
});

describe('the barrier', () => {
  function upgraded(): SchemaCluster {
    const cluster = new SchemaCluster();
    cluster.register('1', R1);
    cluster.register('2', R1);
    cluster.migrate(R1, ONE.name);
    cluster.register('1', R2);
    cluster.migrate(R2, TWO.name);
    return cluster;
  }

  it('a contract waits for who does not know it, and says whom', () => {
    const cluster = upgraded();
    const blocked = cluster.migrate(R2, DROP.name);
    expect(blocked.code).toBe('MIGRATION_BLOCKED');
    expect(blocked.answer.message).toMatch(/waits for 2 \(release of-2\)/);
    cluster.register('2', R2);
    expect(cluster.migrate(R2, DROP.name, { mayLoseRows: [] }).code).toBe('done');
    expect(cluster.register('3', R1).code).toBe('SCHEMA_TOO_NEW');
  });

  it('who was excluded, or is no member any more, does not count', () => {
    const cluster = upgraded();
    expect(cluster.control('exclude', '7').code).toBe('PARTICIPANT_NOT_FOUND');
    expect(cluster.control('exclude', '2').code).toBe('done');
    expect(cluster.migrate(R2, DROP.name).code).toBe('done');

    const other = upgraded();
    other.world.send({ kind: 'members', ids: ['1'] });
    expect(other.migrate(R2, DROP.name).code).toBe('done');
  });

  it('holds, a manual end, and a voter without a fence stop it', () => {
    const cluster = upgraded();
    cluster.control('exclude', '2');
    cluster.control('hold');
    expect(cluster.migrate(R2, DROP.name).code).toBe('MIGRATION_HELD');
    cluster.control('release');
    cluster.control('finalize-policy', 'manual');
    expect(cluster.migrate(R2, DROP.name).code).toBe('MIGRATION_HELD');
    cluster.control('finalize', DROP.name);
    cluster.world.send({ kind: 'limits', unsealedPages: 256, fenced: false });
    expect(cluster.migrate(R2, DROP.name).code).toBe('UNSAFE_MIGRATION');
    cluster.control('override', DROP.name);
    expect(cluster.migrate(R2, DROP.name).code).toBe('done');
  });
});

describe('the fence', () => {
  const R3 = new Release(ONE, TWO, BREAK);

  it('is checked at every transaction, also of sessions that were open before', () => {
    const cluster = new SchemaCluster();
    expect(cluster.use(R1, "insert into user values (5, 'x')")).toBe('SCHEMA_UNREGISTERED');
    cluster.register('1', R1);
    expect(cluster.use(R1, "insert into user values (5, 'x')")).toBe('SCHEMA_TOO_OLD');
    cluster.migrate(R1, ONE.name);
    expect(cluster.use(R1, "insert into user values (5, 'x')")).toBe('done');
    expect(cluster.use(R1, 'begin', 5)).toBe('done');
    cluster.register('2', R3);
    cluster.migrate(R3, TWO.name);
    expect(cluster.use(R1, 'insert into user(id) values (6)')).toBe('done');
    cluster.control('exclude', '1');
    expect(cluster.migrate(R3, BREAK.name).code).toBe('done');
    expect(cluster.use(R1, 'insert into user(id) values (7)')).toBe('SCHEMA_FENCED');
    expect(cluster.use(R1, 'select * from user', 5)).toBe('SCHEMA_FENCED');
    expect(cluster.use(R1, 'rollback', 5)).toBe('done');
    expect(cluster.use(R3, 'insert into person(id) values (7)')).toBe('done');
  });

  it('a transaction that has begun to read keeps its version and cannot write it over', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', R1);
    cluster.migrate(R1, ONE.name);
    cluster.register('2', R3);
    cluster.migrate(R3, TWO.name);
    cluster.control('exclude', '1');
    expect(cluster.use(R1, 'begin', 5)).toBe('done');
    expect(cluster.use(R1, 'select count(*) from user', 5)).toBe('done');
    cluster.migrate(R3, BREAK.name);
    expect(cluster.use(R1, 'select full_name from user', 5)).toBe('done');
    expect(cluster.use(R1, 'delete from user', 5)).toBe('SQLITE_BUSY');
  });

  it('a verdict that rested on speculation goes with it', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    cluster.register('1', R1);
    cluster.migrate(R1, ONE.name);
    cluster.register('2', R3);
    cluster.migrate(R3, TWO.name);
    cluster.control('exclude', '1');
    world.settle();
    expect(cluster.use(R1, 'insert into user(id) values (6)')).toBe('done');
    world.settle();
    cluster.migrate(R3, BREAK.name);
    expect(cluster.use(R1, 'insert into user(id) values (7)')).toBe('SCHEMA_FENCED');
    world.unlead();
    world.lead();
    expect(cluster.use(R1, 'insert into user(id) values (8)')).toBe('done');
  });

  it('undeclared sessions are under a policy', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', R1);
    cluster.migrate(R1, ONE.name);
    const { world } = cluster;
    expect(world.code(world.statement("insert into user values (8, 'x')"))).toBe('done');
    expect(cluster.control('undeclared-policy', 'nonsense').code).toBe('SCHEMA_BAD_REQUEST');
    cluster.control('undeclared-policy', 'read-only');
    expect(world.code(world.statement("insert into user values (9, 'x')"))).toBe(
      'SCHEMA_UNDECLARED',
    );
    expect(cluster.use(R1, "insert into user values (9, 'x')")).toBe('done');
  });
});

describe('safety nets', () => {
  const PARENT: Step = {
    name: '0001',
    kind: 'expand',
    sql: `create table p(id integer primary key, v); create table c(id integer primary key, p references p(id) on delete cascade);
          insert into p values (1, 'a'), (2, 'b'); insert into c values (1, 1), (2, 2);`,
  };

  function afterwards(sql: string, more: object = {}, statements: string[] = []) {
    const cluster = new SchemaCluster();
    const release = new Release(PARENT, { name: '0002', kind: 'breaking', sql });
    cluster.register('1', release);
    cluster.migrate(release, '0001');
    cluster.control('accept-drift');
    for (const statement of statements) cluster.world.run(statement);
    if (statements.length > 0) cluster.control('accept-drift');
    return { cluster, result: cluster.migrate(release, '0002', more) };
  }

  const REBUILD = `create table p_new(id integer primary key, v text not null);
    insert into p_new select id, v from p; drop table p; alter table p_new rename to p;`;

  it('a rebuild of a referenced table keeps the referencing rows, with and without the pragma in the text', () => {
    for (const sql of [
      REBUILD,
      `PRAGMA foreign_keys=OFF; BEGIN; ${REBUILD} COMMIT; PRAGMA foreign_keys=ON;`,
    ]) {
      const { cluster, result } = afterwards(sql);
      expect(result.code).toBe('done');
      cluster.world.run('begin immediate', [], { session: 3 });
      expect(cluster.world.rows('select count(*) from c', [], { session: 3 })).toEqual([[2]]);
      expect(cluster.world.rows('pragma foreign_keys', [], { session: 3 })).toEqual([[1]]);
    }
  });

  it('lost rows, foreign keys into nowhere, and what does not compile any more', () => {
    expect(afterwards('delete from p').result.code).toBe('ROWCOUNT_TRIPWIRE');
    expect(afterwards('delete from p', { mayLoseRows: ['p', 'C'] }).result.code).toBe('done');
    expect(afterwards('drop table c').result.code).toBe('ROWCOUNT_TRIPWIRE');
    const half = REBUILD.replace('from p;', 'from p where id = 1;');
    expect(afterwards(half, { mayLoseRows: ['p'] }).result.code).toBe('FK_VIOLATION');
    const view = afterwards('drop table c', { mayLoseRows: ['c'] }, [
      'create view w as select * from c',
    ]);
    expect(view.result.code).toBe('DANGLING_OBJECT');
    expect(view.result.answer.message).toMatch(/view w/);
  });

  it('checks before and after, with evidence', () => {
    const before = [{ sql: "select id from p where v = 'a'", message: 'no a, please' }];
    const { result } = afterwards('select 1', { before });
    expect(result.code).toBe('PRECHECK_FAILED');
    expect(result.answer.message).toBe('no a, please: 1');
    const later = [{ sql: 'select count(*) from p', message: '' }];
    expect(afterwards('select 1', { after: later }).result.code).toBe('POSTCHECK_FAILED');
  });

  it('what has no place in a migration is refused before anything runs', () => {
    expect(afterwards('savepoint a').result.code).toBe('MIGRATION_INVALID');
    expect(afterwards('vacuum').result.code).toBe('MIGRATION_INVALID');
    expect(afterwards("attach ':memory:' as x").result.code).toBe('MIGRATION_INVALID');
    expect(afterwards('delete from __quorate_schema_state').result.code).toBe('MIGRATION_FAILED');
  });

  it('a schema that somebody changed past the migrations is told', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', R2);
    cluster.migrate(R2, ONE.name);
    cluster.world.run('create table stray(x)');
    expect(cluster.migrate(R2, TWO.name).code).toBe('DRIFT_DETECTED');
    cluster.world.run('drop table stray');
    expect(cluster.migrate(R2, TWO.name).code).toBe('done');
  });

  it('user SQL cannot write the tables of the engine', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', R1);
    const { world } = cluster;
    expect(world.code(world.statement('delete from __quorate_schema_fence'))).toBe(
      'RESERVED_TABLE',
    );
  });
});

describe('backfills and code', () => {
  const FILL = new Backfill('0003_fill', {
    ...{ table: 'user', key: 'id', rows: 4 },
    run: 'update user set name = full_name where id > :after and id <= :upto and name is null',
    verify: 'select count(*) from user where name is null',
  });
  const R = new Release(ONE, TWO, FILL);

  it('goes range by range with its cursor, verifies, and counts as applied', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', R);
    cluster.migrate(R, ONE.name);
    cluster.migrate(R, TWO.name);
    for (let id = 3; id <= 10; id++) {
      cluster.world.run('insert into user(id, full_name) values (?, ?)', [id, `u${id}`]);
    }
    const step = () => cluster.batch(R, FILL).answer;
    expect(step()).toMatchObject({ complete: false, rows: 4, done: 4 });
    expect(step()).toMatchObject({ complete: false, rows: 4, done: 8 });
    // Behind the cursor, by code that does not know the column.
    cluster.world.run("insert into user(id, full_name) values (-5, 'late')");
    expect(step()).toMatchObject({ complete: false, rows: 2, done: 10 });
    expect(step()).toMatchObject({ complete: false, rows: 0, done: 0 });
    for (let i = 0; i < 3; i++) step();
    expect(step()).toMatchObject({ complete: true, outcome: 'applied', version: 3 });
    expect(step()).toMatchObject({ complete: true, outcome: 'already' });
  });

  it('a migration in code is one transaction of its session, which only its end commits', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    cluster.register('1', R);
    const session = { session: 7 };
    const claim = { namespace: 'app', name: ONE.name, manifest: R.program.digest };
    const begun = cluster.ask({ op: 'begin', ...claim, run: 'a', by: 'n' }, session);
    expect(begun.answer).toEqual({ outcome: 'begun' });
    world.run('create table user(id integer primary key, full_name text)', [], session);
    expect(world.code(world.statement('commit', [], session))).toBe('MIGRATION_FAILED');
    expect(cluster.ask({ op: 'end', run: 'b' }, session).code).toBe('SCHEMA_BAD_REQUEST');
    expect(cluster.ask({ op: 'end', run: 'a' }, session).answer).toMatchObject({ version: 1 });
    expect(world.code(world.statement("insert into user values (1, 'x')"))).toBe('done');
    expect(cluster.ask({ op: 'end', run: 'a' }, session).code).toBe('SCHEMA_BAD_REQUEST');
  });

  it('a migration in code whose session goes leaves nothing, and others write on', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    cluster.register('1', R);
    const claim = { namespace: 'app', name: ONE.name, manifest: R.program.digest };
    cluster.ask({ op: 'begin', ...claim, run: 'a', by: 'n' }, { session: 7 });
    world.run('create table user(id integer primary key)', [], { session: 7 });
    world.send({ kind: 'close-session', session: 7 });
    expect(world.code(world.statement('create table user(y)'))).toBe('done');
  });
});
