import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { declarationOf, Program } from '../schema/index.ts';
import { Backfill, Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const ONE: Step = {
  name: '0001',
  kind: 'expand',
  sql: 'create table t(id integer primary key, a)',
};
const DROP: Step = { name: '0002', kind: 'contract', sql: 'alter table t drop column a' };
const OLD = new Release(ONE);
const NEW = new Release(ONE, DROP);
const WEEK_MS = 7 * 24 * 3600 * 1000;

function client(id: string) {
  return { id, kind: 'client', boot: 'b', release: '' };
}

describe('names of participants', () => {
  it('a client cannot take the place of a node, nor a node that of a client', () => {
    const cluster = new SchemaCluster();
    cluster.world.send({ kind: 'members', ids: ['1', '2'] });
    cluster.register('1', OLD);
    cluster.migrate(OLD, ONE.name);
    expect(cluster.enter(client('1'), NEW).code).toBe('PARTICIPANT_CONFLICT');
    // Not registered yet, but a member.
    expect(cluster.enter(client('2'), NEW).code).toBe('PARTICIPANT_CONFLICT');
    expect(cluster.enter(client('c'), OLD).code).toBe('done');
    expect(cluster.register('c', NEW).code).toBe('PARTICIPANT_CONFLICT');
    cluster.register('2', NEW);
    const blocked = cluster.migrate(NEW, DROP.name);
    expect(blocked.code).toBe('MIGRATION_BLOCKED');
    expect(blocked.answer.message).toMatch(/waits for 1 \(.*c \(/);
  });

  it('a node that has become a member takes its name from a client', () => {
    const cluster = new SchemaCluster();
    cluster.world.send({ kind: 'members', ids: ['1'] });
    expect(cluster.enter(client('7'), OLD).code).toBe('done');
    cluster.world.send({ kind: 'members', ids: ['1', '7'] });
    expect(cluster.register('7', OLD).code).toBe('done');
  });
});

describe('tables of participants stay small', () => {
  const members = (cluster: SchemaCluster) =>
    cluster.look("select group_concat(id, ' ') from __quorate_schema_member");

  it('clients and removed nodes that were silent for a week are forgotten, living ones are not', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    world.send({ kind: 'members', ids: ['1', '2'] });
    for (const id of ['1', '2']) cluster.register(id, OLD);
    for (const id of ['gone', 'lives']) cluster.enter(client(id), OLD);
    world.clock.advance(WEEK_MS + 1);
    world.send({ kind: 'members', ids: ['1'] });
    cluster.enter(client('lives'), OLD);
    expect(members(cluster)).toBe('1 2 gone lives');
    cluster.enter(client('new'), OLD);
    expect(members(cluster)).toBe('1 lives new');
  });

  it('above the limit the silent ones are forgotten, longest first', () => {
    const cluster = new SchemaCluster({ limits: { schemaClients: 3 } });
    for (const id of ['c', 'b', 'a']) {
      cluster.enter(client(id), OLD);
      cluster.world.clock.advance(1000);
    }
    cluster.world.clock.advance(120_000);
    cluster.enter(client('a'), OLD);
    cluster.enter(client('d'), OLD);
    expect(members(cluster)).toBe('a b d');
  });

  it('an exclusion outlasts silence and an orderly end: until other code comes, or an operator lets it in', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    const states = () =>
      cluster.look("select group_concat(id || ':' || state, ' ') from __quorate_schema_member");
    world.send({ kind: 'members', ids: ['1', '2'] });
    for (const id of ['1', '2']) cluster.register(id, OLD);
    cluster.enter(client('c'), OLD);
    for (const id of ['2', 'c']) expect(cluster.control('exclude', id).code).toBe('done');
    world.send({ kind: 'members', ids: ['1'] });
    world.clock.advance(WEEK_MS + 1);
    cluster.enter(client('new'), OLD);
    expect(states()).toBe('1:active 2:excluded c:excluded new:active');
    expect(cluster.ask({ op: 'leave', id: 'c', boot: 'b' }).answer).toEqual({ left: true });
    cluster.enter({ ...client('c'), boot: 'b2' }, OLD);
    expect(states()).toBe('1:active 2:excluded c:excluded new:active');
    cluster.enter({ ...client('c'), boot: 'b2' }, NEW);
    expect(cluster.control('include', '2').code).toBe('done');
    expect(states()).toBe('1:active 2:active c:active new:active');
  });

  it('above the limit who is excluded is forgotten last, and is forgotten', () => {
    const cluster = new SchemaCluster({ limits: { schemaClients: 2 } });
    const ids = () => cluster.look("select group_concat(id, ' ') from __quorate_schema_member");
    for (const id of ['a', 'b']) cluster.enter(client(id), OLD);
    cluster.control('exclude', 'a');
    for (const [id, left] of [
      ['c', 'a c'],
      ['d', 'a d'],
    ] as const) {
      cluster.world.clock.advance(120_000);
      cluster.enter(client(id), OLD);
      expect(ids()).toBe(left);
    }
    cluster.control('exclude', 'd');
    cluster.world.clock.advance(120_000);
    cluster.enter(client('e'), OLD);
    expect(ids()).toBe('d e');
  });

  it('manifests that nobody has any more are dropped when they become many', () => {
    const cluster = new SchemaCluster();
    const release = (i: number) => {
      const data = new Backfill(`${i}`, { table: 't', key: 'id', rows: 1, run: `${i}` });
      return new Release(ONE, data);
    };
    for (let i = 0; i < 120; i++) cluster.register('1', release(i));
    expect(cluster.look('select count(*) from __quorate_schema_manifest')).toBeLessThan(105);
    expect(cluster.look('select count(*) from __quorate_schema_declaration')).toBeLessThan(105);
    expect(cluster.use(release(119), 'select 1')).toBe('SCHEMA_TOO_OLD');
  });
});

describe('who comes, goes and returns', () => {
  const NEXT: Step = { name: '0003', kind: 'expand', sql: 'create table u(id)' };
  const NEWEST = new Release(ONE, DROP, NEXT);

  it('scenario 16: a node joins during the window: with old code it serves until the contract, with new code at once, with newer code it may run what is missing', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    world.send({ kind: 'members', ids: ['1', '2'] });
    cluster.register('1', OLD);
    cluster.migrate(OLD, ONE.name);
    cluster.register('2', NEW);
    world.send({ kind: 'members', ids: ['1', '2', '3', '4', '5'] });
    expect(cluster.register('3', OLD).answer).toMatchObject({ namespaces: [{ canServe: true }] });
    expect(cluster.register('4', NEW).answer).toMatchObject({ namespaces: [{ canServe: true }] });
    expect(cluster.register('5', NEWEST).answer).toMatchObject({
      namespaces: [{ canServe: false, code: 'SCHEMA_TOO_OLD', pending: [DROP.name, NEXT.name] }],
    });
    expect(cluster.migrate(NEWEST, NEXT.name).code).toBe('done');
    expect(cluster.use(OLD, 'insert into t(id, a) values (1, 1)')).toBe('done');
    const blocked = cluster.migrate(NEW, DROP.name);
    expect(blocked.answer.message).toMatch(/waits for 1 \(.*3 \(/);
    cluster.register('1', NEW);
    cluster.control('exclude', '3');
    expect(cluster.migrate(NEW, DROP.name).code).toBe('done');
    expect(cluster.use(OLD, 'insert into t(id) values (2)')).toBe('SCHEMA_FENCED');
    expect(cluster.use(NEW, 'insert into t(id) values (2)')).toBe('done');
  });

  it('scenario 37: the wall clock jumps on the leader: who lives is not forgotten, barriers and order hold', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    const { clock } = world;
    const wall = clock.wallMs.bind(clock);
    let jumpMs = 0;
    clock.wallMs = () => wall() + jumpMs;
    world.send({ kind: 'members', ids: ['1', '2'] });
    cluster.register('1', OLD);
    cluster.enter(client('c'), OLD);
    cluster.migrate(OLD, ONE.name);
    for (const years of [10, -60]) {
      jumpMs = years * 365 * 24 * 3600 * 1000;
      expect(cluster.register('2', NEW, `boot-${years}`).code).toBe('done');
      const blocked = cluster.migrate(NEW, DROP.name);
      expect(blocked.answer.message).toMatch(/waits for 1 \(.*c \(/);
    }
    cluster.register('1', NEW);
    cluster.enter(client('c'), NEW);
    expect(cluster.migrate(NEW, DROP.name).code).toBe('done');
    expect(
      cluster.look("select group_concat(name, ' ' order by seq) from __quorate_schema_history"),
    ).toBe(`${ONE.name} ${DROP.name}`);
  });

  it('scenario 59: a node that leaves orderly does not count, and its old process that runs on is fenced at its first transaction', () => {
    const cluster = new SchemaCluster();
    const { world } = cluster;
    world.send({ kind: 'members', ids: ['1', '2'] });
    cluster.register('1', OLD);
    cluster.migrate(OLD, ONE.name);
    cluster.register('2', NEW);
    const session = { session: 5, declaration: declarationOf({ app: OLD.program.digest }).id };
    expect(world.code(world.statement('begin', [], session))).toBe('done');
    expect(cluster.ask({ op: 'leave', id: '1', boot: 'boot-1' }).answer).toEqual({ left: true });
    expect(cluster.migrate(NEW, DROP.name).code).toBe('done');
    const write = world.statement('insert into t(id, a) values (1, 1)', [], session);
    expect(world.code(write)).toBe('SCHEMA_FENCED');
  });
});

describe('what is sent is what was declared', () => {
  it('another text is refused before anything is noted', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', OLD);
    const other = cluster.migrate(OLD, ONE.name, { sql: 'create table other(x)' });
    expect(other.code).toBe('CHECKSUM_MISMATCH');
    expect(cluster.look('select count(*) from __quorate_schema_job')).toBe(0);
    expect(cluster.migrate(OLD, ONE.name, { sql: ONE.sql.replaceAll('\n', '\r\n') }).code).toBe(
      'done',
    );
  });

  it('other code, too, as far as its program says what it has', () => {
    const cluster = new SchemaCluster();
    cluster.register('1', OLD);
    const session = { session: 5 };
    const other = cluster.begin(OLD, ONE.name, session, { checksum: 'a'.repeat(64) });
    expect(other.code).toBe('CHECKSUM_MISMATCH');
    expect(cluster.look('select count(*) from __quorate_schema_job')).toBe(0);
    const checksum = OLD.program.entry(ONE.name)?.checksum;
    expect(cluster.begin(OLD, ONE.name, session, { checksum }).code).toBe('done');
  });

  it('another step of a backfill, too', () => {
    const fill = new Backfill('0002', {
      table: 't',
      key: 'id',
      rows: 1,
      run: 'update t set a = 1',
    });
    const release = new Release(ONE, fill);
    const cluster = new SchemaCluster();
    cluster.register('1', release);
    cluster.migrate(release, ONE.name);
    const other = new Backfill('0002', { ...fill.batch, run: 'update t set a = 2' });
    expect(cluster.batch(release, other).code).toBe('CHECKSUM_MISMATCH');
    expect(cluster.batch(release, fill).code).toBe('done');
  });
});

describe('long lists', () => {
  it('many contracts cost each migration once, not each contract each migration', () => {
    const checksum = 'a'.repeat(64);
    let looks = 0;
    const entries = Array.from({ length: 2000 }, (_, i) => {
      const kind = i % 2 === 0 ? ('expand' as const) : ('contract' as const);
      const name = `m${i}`;
      return {
        kind,
        checksum,
        get name() {
          looks++;
          return name;
        },
      };
    });
    const program = new Program({ namespace: 'app', entries });
    const last = entries[1999];
    expect(program.needed(last).length).toBe(1000);
    looks = 0;
    for (const entry of entries) if (entry.kind === 'contract') program.lineBefore(entry);
    expect(looks).toBeLessThan(5000);
    expect(program.lineBefore(last)).toBe(1000);
  });
});
