import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { must } from '../base/index.ts';
import { DatabaseReader } from '../client/local-reader.ts';
import { compileSqlite } from '../engine/index.ts';
import { Release, SchemaCluster, type Step } from '../machine/testing/schema-cluster.ts';
import { useSqlite } from '../machine/testing/world.ts';
import { declarationOf } from '../schema/index.ts';
import { FreshnessWord } from './freshness-word.ts';
import { NodePages } from './local-pages.ts';

const SQLITE = readFileSync(
  createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm'),
);
useSqlite(SQLITE);

const ONE: Step = {
  name: '0001',
  kind: 'expand',
  sql: 'create table t(a); insert into t values (1)',
};
const BREAK: Step = { name: '0002', kind: 'breaking', sql: 'alter table t rename to u' };
const OLD = new Release(ONE);
const NEW = new Release(ONE, BREAK);

const open: NodePages[] = [];

afterEach(() => {
  for (const pages of open.splice(0)) pages.close();
});

/** Readers of a replica whose log is as long as the cluster has committed. */
function replica(cluster: SchemaCluster) {
  const pages = new NodePages({
    directory: () => cluster.world.machine.directory,
    freshness: new FreshnessWord(),
    module: () => compileSqlite(SQLITE),
    ...{ statementMs: 10_000, engineBytes: 2 ** 30 },
  });
  open.push(pages);
  const declared = (id: string) =>
    new DatabaseReader((mode) => pages.open('main.db', mode, id), 'auto');
  return {
    of: ({ program }: Release) => declared(declarationOf({ app: program.digest }).id),
    undeclared: declared(''),
  };
}

function settle({ world }: SchemaCluster): void {
  world.settle();
  world.settle();
}

function applied(): SchemaCluster {
  const cluster = new SchemaCluster();
  cluster.register('1', OLD);
  cluster.migrate(OLD, ONE.name);
  cluster.register('2', NEW);
  settle(cluster);
  return cluster;
}

const refused = (code: string) => expect.objectContaining({ code });

describe('statements of one turn', () => {
  const count = 'select count(*) as n from t';

  it('see what is published meanwhile', () => {
    const cluster = applied();
    const reader = replica(cluster).of(OLD);
    expect(reader.get(count)).toEqual({ n: 1 });
    const { index } = reader.state;
    cluster.use(OLD, 'insert into t values (2)');
    // Head has it; published it is not.
    expect(reader.get(count)).toEqual({ n: 1 });
    settle(cluster);
    expect(reader.get(count)).toEqual({ n: 2 });
    expect(reader.state.index).toBeGreaterThan(index);
  });

  it('retain nothing after the turn', async () => {
    const cluster = applied();
    const reader = replica(cluster).of(OLD);
    const store = must(cluster.world.machine.directory.find('main.db'));
    const { liveVersions } = store.statistics();
    reader.get(count);
    cluster.use(OLD, 'insert into t values (2)');
    settle(cluster);
    expect(store.statistics().liveVersions).toBe(liveVersions + 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.statistics().liveVersions).toBe(liveVersions);
  });

  it('go on after one that failed', () => {
    const reader = replica(applied()).of(OLD);
    expect(() => reader.get('select * from missing')).toThrow(refused('SQLITE_ERROR'));
    expect(() => reader.get('delete from t')).toThrow(refused('SQLITE_READONLY'));
    expect(() => reader.get('commit')).toThrow(refused('SQLITE_READONLY'));
    expect(reader.get(count)).toEqual({ n: 1 });
  });

  it('know that the node was closed', () => {
    const cluster = applied();
    const { of } = replica(cluster);
    expect(of(OLD).get(count)).toEqual({ n: 1 });
    for (const pages of open) pages.close();
    expect(() => of(OLD).get(count)).toThrow(refused('CLOSED'));
  });
});

describe('the fence of Database.local', () => {
  it('lets code read that fits the version, and no other', () => {
    const cluster = applied();
    const { of } = replica(cluster);
    expect(of(OLD).all('select * from t')).toEqual([{ a: 1 }]);
    expect(() => of(NEW).all('select * from t')).toThrow(refused('SCHEMA_TOO_OLD'));
    expect(() => of(NEW).snapshot(() => 0)).toThrow(refused('SCHEMA_TOO_OLD'));
    const unknown = new Release({ ...ONE, name: '0009' });
    expect(() => of(unknown).all('select * from t')).toThrow(refused('SCHEMA_UNREGISTERED'));
  });

  it('scenario 36: follower read by old code on a lagging follower that has not applied the contract yet: allowed; after apply: fenced', () => {
    const cluster = applied();
    const { of } = replica(cluster);
    const old = of(OLD);
    cluster.control('exclude', '1');
    expect(cluster.migrate(NEW, BREAK.name).code).toBe('done');
    // Head has it; what this replica has published does not.
    expect(old.all('select * from t')).toEqual([{ a: 1 }]);
    old.snapshot((reader) => {
      settle(cluster);
      expect(reader.all('select * from t')).toEqual([{ a: 1 }]);
      expect(() => old.all('select * from t')).toThrow(refused('SCHEMA_FENCED'));
    });
    expect(() => old.snapshot(() => 0)).toThrow(refused('SCHEMA_FENCED'));
    expect(of(NEW).all('select * from u')).toEqual([{ a: 1 }]);
  });

  it('what declares nothing is under the policy', () => {
    const cluster = applied();
    const { undeclared, of } = replica(cluster);
    expect(undeclared.get('select * from t')).toEqual({ a: 1 });
    cluster.control('undeclared-policy', 'refuse');
    settle(cluster);
    expect(() => undeclared.all('select * from t')).toThrow(refused('SCHEMA_UNDECLARED'));
    expect(of(OLD).all('select * from t')).toEqual([{ a: 1 }]);
  });
});
