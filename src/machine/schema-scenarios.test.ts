import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { logIndex } from '../base/index.ts';
import { declarationOf, Program } from '../schema/index.ts';
import { Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { content, Follower, ReaderWorld, rowsOf, useSqlite, type World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

/* What can go wrong in an upgrade, as docs/migrations.md lists it, seen from the leader. */

const ONE: Step = {
  name: '0001',
  kind: 'expand',
  sql: `create table p(id integer primary key, v, old); create table c(id integer primary key, p references p(id) on delete cascade);
        insert into p values (1, 'a', 0), (2, 'b', 0); insert into c values (1, 1), (2, 2);`,
};
const DROP: Step = { name: '0002', kind: 'contract', sql: 'alter table p drop column old' };
const OLD = new Release(ONE);
const NEW = new Release(ONE, DROP);

/** The first is applied, node 1 runs the old release and node 2 the new one. */
function upgrading(): SchemaCluster {
  const cluster = new SchemaCluster();
  cluster.world.send({ kind: 'members', ids: ['1', '2'] });
  cluster.register('1', OLD);
  expect(cluster.migrate(OLD, ONE.name).code).toBe('done');
  cluster.register('2', NEW);
  settle(cluster.world);
  return cluster;
}

function settle(world: World): void {
  world.settle();
  world.settle();
}

function migrateRequest({ program }: Release, { name, sql }: Step): object {
  const claim = { namespace: 'app', name, manifest: program.digest, run: 'run', by: '2' };
  return { op: 'migrate', ...claim, sql };
}

function registerRequest(id: string, { program }: Release): object {
  const participant = { id, kind: 'node', boot: 'boot-1', release: `of-${id}` };
  return { op: 'register', participant, manifests: [program.manifest] };
}

/** Begins a request about the schema that may have to wait. */
function begin({ world }: SchemaCluster, request: object): number {
  return world.submit({ action: 'schema', json: JSON.stringify(request) });
}

function declaring({ program }: Release) {
  return { declaration: declarationOf({ app: program.digest }).id };
}

describe('races', () => {
  it('scenario 8: runner process killed in the middle of an interactive code() migration: rolled back, others write on, run again elsewhere', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    cluster.register('1', OLD);
    cluster.register('2', OLD);
    const runner = { session: 7 };
    cluster.begin(OLD, ONE.name, runner);
    world.run('create table half(x)', [], runner);
    const waiting = world.statement('create table other(x)');
    expect(world.isDone(waiting)).toBe(false);
    world.send({ kind: 'close-session', session: 7 });
    expect(world.code(waiting)).toBe('done');
    cluster.control('accept-drift');
    const elsewhere = { session: 8 };
    expect(cluster.begin(OLD, ONE.name, elsewhere, {}, 'run-2').answer).toEqual({
      outcome: 'begun',
    });
    world.run('create table whole(x)', [], elsewhere);
    expect(cluster.ask({ op: 'end', run: 'run-2' }, elsewhere).answer).toMatchObject({
      version: 1,
    });
    expect(
      cluster.look(
        "select group_concat(name, ' ') from sqlite_schema where name in ('half', 'whole')",
      ),
    ).toBe('whole');
  });

  it('scenario 13: old process in an open write transaction when the contract is requested: the contract waits for the lock, then runs', () => {
    const cluster = upgrading();
    const { world } = cluster;
    cluster.control('exclude', '1');
    const session = { session: 5, ...declaring(OLD) };
    world.run('begin immediate', [], session);
    world.run("insert into p(id, old) values (7, 'old')", [], session);
    const contract = begin(cluster, migrateRequest(NEW, DROP));
    expect(world.isDone(contract)).toBe(false);
    world.run("update p set old = 'still' where id = 7", [], session);
    expect(world.code(world.statement('commit', [], session))).toBe('done');
    expect(world.code(contract)).toBe('done');
    expect(cluster.look('select count(*) from p where id = 7')).toBe(1);
    expect(cluster.use(OLD, 'insert into p(id, old) values (8, 0)')).toBe('SCHEMA_FENCED');
  });

  it('scenario 14: old process registers concurrently with the contract, both orders: never both succeed', () => {
    for (const first of ['register', 'migrate']) {
      const cluster = upgrading();
      const { world } = cluster;
      cluster.control('exclude', '1');
      world.send({ kind: 'members', ids: ['1', '2', '3'] });
      // Both wait for the same lock.
      const session = { session: 5 };
      world.run('begin immediate', [], session);
      const register = registerRequest('3', OLD);
      const migrate = migrateRequest(NEW, DROP);
      const asked = (first === 'register' ? [register, migrate] : [migrate, register]).map(
        (request) => begin(cluster, request),
      );
      world.run('commit', [], session);
      const codes = asked.map((request) => world.code(request));
      expect([first, codes]).toEqual([
        first,
        first === 'register' ? ['done', 'MIGRATION_BLOCKED'] : ['done', 'SCHEMA_TOO_NEW'],
      ]);
    }
  });

  it('scenario 15: node removed from the configuration while it is the only blocker: the barrier opens at once', () => {
    const cluster = upgrading();
    const blocked = cluster.migrate(NEW, DROP.name);
    expect(blocked.code).toBe('MIGRATION_BLOCKED');
    expect(blocked.answer.message).toMatch(/waits for 1 \(/);
    cluster.world.send({ kind: 'members', ids: ['2'] });
    expect(cluster.migrate(NEW, DROP.name).code).toBe('done');
  });

  it('scenario 47: code() that is not deterministic, with an ambiguous commit: resolved by its run, not run twice', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    cluster.register('1', OLD);
    const session = { session: 7 };
    cluster.begin(OLD, ONE.name, session, {}, 'mine');
    world.run('create table r as select random() as x', [], session);
    cluster.ask({ op: 'end', run: 'mine' }, session);
    const made = cluster.look('select x from r');
    settle(world);
    // Its answer was lost with the leader; whoever asks the next one is told whose it was.
    world.unlead();
    world.lead();
    const again = cluster.begin(OLD, ONE.name, { session: 8 }, {}, 'other');
    expect(again.answer).toMatchObject({ outcome: 'already', run: 'mine' });
    expect(cluster.look('select x from r')).toBe(made);
    expect(cluster.look('select count(*) from __quorate_schema_history')).toBe(1);
  });

  it('scenario 55: lease expiry of a paused client, contract runs, client resumes: fenced, and refused when it registers', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    const client = { id: 'paused', kind: 'client', boot: 'b', release: '' };
    world.send({ kind: 'members', ids: ['2'] });
    cluster.enter(client, OLD);
    cluster.migrate(OLD, ONE.name);
    cluster.register('2', NEW);
    expect(cluster.migrate(NEW, DROP.name).code).toBe('MIGRATION_BLOCKED');
    world.clock.advance(600_000);
    expect(cluster.migrate(NEW, DROP.name).code).toBe('done');
    expect(cluster.use(OLD, 'insert into p(id, old) values (9, 9)')).toBe('SCHEMA_FENCED');
    expect(cluster.enter(client, OLD).code).toBe('SCHEMA_TOO_NEW');
    expect(cluster.look('select count(*) from p where id = 9')).toBe(0);
  });
});

describe('what a migration does to the data', () => {
  const REBUILD = `create table p_new(id integer primary key, v text not null); insert into p_new select id, v from p;
    drop table p; alter table p_new rename to p;`;

  function afterwards(sql: string, more: object = {}, made: readonly string[] = []) {
    const cluster = new SchemaCluster();
    const release = new Release(ONE, { name: '0002', kind: 'breaking', sql });
    cluster.register('1', release);
    cluster.migrate(release, ONE.name);
    for (const statement of made) cluster.world.run(statement);
    if (made.length > 0) cluster.control('accept-drift');
    const before = cluster.look('select count(*) || count(old) from p');
    const result = cluster.migrate(release, '0002', more);
    if (result.code !== 'done') {
      // Nothing of it is left, and everybody writes on.
      expect(cluster.look('select count(*) || count(old) from p')).toBe(before);
      expect(cluster.look('select version from __quorate_schema_state')).toBe(1);
      expect(cluster.use(new Release(ONE), 'insert into p(id) values (99)')).toBe(
        'SCHEMA_UNREGISTERED',
      );
    }
    return { cluster, release, result };
  }

  it('scenario 25: rebuild of a table referenced ON DELETE CASCADE, with PRAGMA foreign_keys=OFF as Drizzle writes it: children intact', () => {
    const { cluster, result } = afterwards(
      `PRAGMA foreign_keys=OFF;--> statement-breakpoint\n${REBUILD} PRAGMA foreign_keys=ON;`,
    );
    expect(result.code).toBe('done');
    expect(cluster.look('select count(*) from c')).toBe(2);
    expect(cluster.look('select count(*) from pragma_foreign_key_check')).toBe(0);
    expect(cluster.look('pragma foreign_keys')).toBe(1);
  });

  it('scenario 26: the leader changes between foreign keys off and the commit: nothing ran, the next one sets them itself, no cascade', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    const release = new Release(ONE, { name: '0002', kind: 'breaking', sql: REBUILD });
    cluster.register('1', release);
    cluster.migrate(release, ONE.name);
    settle(world);
    expect(cluster.migrate(release, '0002').code).toBe('done');
    world.unlead();
    world.lead();
    expect(cluster.look('select version from __quorate_schema_state')).toBe(1);
    expect(cluster.look('pragma foreign_keys')).toBe(1);
    expect(cluster.migrate(release, '0002').code).toBe('done');
    expect(cluster.look('select count(*) from c')).toBe(2);
  });

  it('scenario 27: migration drops rows of an undeclared table: ROWCOUNT_TRIPWIRE, rolled back', () => {
    const { result } = afterwards('delete from p where id = 1');
    expect(result.code).toBe('ROWCOUNT_TRIPWIRE');
    expect(result.answer.message).toMatch(/table [cp] had 2 rows and would have 1/);
  });

  it('scenario 28: new foreign key or CHECK violated by existing data: rolled back, offending rows listed', () => {
    const orphans = `create table c_new(id integer primary key, p references p(id) on delete cascade, q references q(id));
      create table q(id integer primary key); insert into c_new select id, p, 40 + id from c; drop table c; alter table c_new rename to c;`;
    const violation = afterwards(orphans).result;
    expect(violation.code).toBe('FK_VIOLATION');
    expect(violation.answer.message).toMatch(/c row 1 → q; c row 2 → q/);
    const check = `create table p_new(id integer primary key check (id < 2)); insert into p_new select id from p; drop table p; alter table p_new rename to p;`;
    const failed = afterwards(check).result;
    expect(failed.code).toBe('MIGRATION_FAILED');
    expect(failed.answer.message).toMatch(/statement 2 of 4 failed: CHECK constraint failed/);
    const before = [{ sql: 'select id from p where id >= 2', message: 'ids are below 2' }];
    const prechecked = afterwards(check, { before }).result;
    expect(prechecked.answer.message).toBe('ids are below 2: 2');
    // Bounded, however many there are.
    const many =
      'with recursive n(i) as (select 10 union all select i + 1 from n where i < 900) insert into p(id) select i from n';
    const bounded = afterwards(check, { before }, [many]).result;
    expect(bounded.code).toBe('PRECHECK_FAILED');
    expect(bounded.answer.message).toMatch(/2; 10; 11; 12; 13; and \d+ more$/);
  });

  it('scenario 29: migration bigger than an entry may be: MIGRATION_TOO_LARGE, rolled back, with a hint', () => {
    const cluster = new SchemaCluster({ limits: { transactionBytes: 512 * 1024 } });
    const sql =
      'create table big(x); with recursive n(i) as (select 1 union all select i + 1 from n where i < 400) insert into big select randomblob(4000) from n';
    const release = new Release(ONE, { name: '0002', kind: 'expand', sql });
    cluster.register('1', release);
    cluster.migrate(release, ONE.name);
    const result = cluster.migrate(release, '0002');
    expect(result.code).toBe('MIGRATION_TOO_LARGE');
    expect(result.answer.message).toMatch(/in batches/);
    expect(cluster.look("select count(*) from sqlite_schema where name = 'big'")).toBe(0);
    expect(cluster.use(release, 'insert into p(id) values (99)')).toBe('SCHEMA_TOO_OLD');
    expect(cluster.look('select count(*) from p')).toBe(2);
  });

  it('scenario 50: dangling view left by DROP TABLE: DANGLING_OBJECT, rolled back', () => {
    const { result } = afterwards('drop table c', { mayLoseRows: ['c'] }, [
      'create view v as select p.id from p join c on c.p = p.id',
    ]);
    expect(result.code).toBe('DANGLING_OBJECT');
    expect(result.answer.message).toMatch(/view v/);
  });
});

describe('other members', () => {
  it('scenario 35: snapshot installed on a lagging follower across the migration: equal schema, and its sessions are looked at again', () => {
    const cluster = upgrading();
    const follower = new Follower();
    follower.take(cluster.world);
    const { world } = follower;
    const readers = new ReaderWorld(world.machine.directory, world.clock);
    const session = { session: 3, ...declaring(OLD) };
    readers.statement('begin', session);
    expect(readers.code(readers.statement('select old from p', session))).toBe('done');
    cluster.control('exclude', '1');
    expect(cluster.migrate(NEW, DROP.name).code).toBe('done');
    settle(cluster.world);
    const bytes = content(cluster.world);
    world.send({ kind: 'restore-begin', id: 1, index: logIndex(cluster.world.index) });
    world.send({ kind: 'restore-chunk', id: 1, bytes });
    world.send({ kind: 'restore-end', id: 1, commit: true });
    readers.statement('rollback', session);
    expect(readers.code(readers.statement('select v from p', session))).toBe('SCHEMA_FENCED');
    const fits = readers.statement(
      'select fingerprint from __quorate_schema_state',
      declaring(NEW),
    );
    expect(readers.code(fits)).toBe('done');
    const [[[fingerprint]]] = rowsOf(readers.answers.get(fits) ?? []);
    expect(fingerprint).toBe(cluster.look('select fingerprint from __quorate_schema_state'));
  });

  it('scenario 46: a plugin namespace upgrades while the app namespace waits: independent, and the app is not fenced by it', () => {
    const cluster = upgrading();
    const plugin = new Program({
      namespace: 'plugin',
      entries: [
        { name: 'p1', kind: 'breaking', checksum: NEW.program.manifest.entries[1].checksum },
      ],
    });
    const participant = { id: '2', kind: 'node', boot: 'boot-1', release: '' };
    const manifests = [NEW.program.manifest, plugin.manifest];
    expect(cluster.ask({ op: 'register', participant, manifests }).code).toBe('done');
    expect(cluster.migrate(NEW, DROP.name).code).toBe('MIGRATION_BLOCKED');
    const sql = 'alter table p drop column old';
    const claim = { namespace: 'plugin', name: 'p1', manifest: plugin.digest, run: 'r', by: '2' };
    expect(cluster.ask({ op: 'migrate', ...claim, sql }).answer).toMatchObject({ version: 1 });
    expect(cluster.use(OLD, 'insert into p(id) values (7)')).toBe('done');
    const both = declarationOf({ app: NEW.program.digest, plugin: plugin.digest }).id;
    const write = cluster.world.statement('insert into p(id) values (8)', [], {
      declaration: both,
    });
    expect(cluster.world.code(write)).toBe('done');
    expect(
      cluster.look("select group_concat(ns || version, ' ') from __quorate_schema_state"),
    ).toBe('app1 plugin1');
  });
});
