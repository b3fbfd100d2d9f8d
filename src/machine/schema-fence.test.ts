import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { packed } from '../../test/support/batches.ts';
import { declarationOf } from '../schema/index.ts';
import type { Submit } from './messages.ts';
import { Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { ReaderWorld, useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const ONE: Step = {
  name: '0001_user',
  kind: 'expand',
  sql: "create table user(id integer primary key, name text); insert into user values (1, 'Ada'), (2, 'Bob');",
};
const BREAK: Step = {
  name: '0002_break',
  kind: 'breaking',
  sql: 'alter table user add column surname text',
};
const OLD = new Release(ONE);
const NEW = new Release(ONE, BREAK);

function declaring({ program }: Release): Partial<Submit> {
  return { declaration: declarationOf({ app: program.digest }).id };
}

/** Both releases are known, the first migration is applied, and nobody holds up the second. */
function ready(): SchemaCluster {
  const cluster = new SchemaCluster();
  cluster.register('1', OLD);
  cluster.migrate(OLD, ONE.name);
  cluster.register('2', NEW);
  cluster.control('exclude', '1');
  settle(cluster);
  return cluster;
}

function settle({ world }: SchemaCluster): void {
  world.settle();
  world.settle();
}

describe('ways around the fence', () => {
  it('a session with a connection of its own reads the version that was judged', () => {
    const cluster = ready();
    const { world } = cluster;
    const session = { session: 4, ...declaring(NEW) };
    world.run('create temp table mine(x)', [], { session: 4 });
    expect(cluster.migrate(NEW, BREAK.name).code).toBe('done');
    // Not published yet: what the session reads must be what it was let in for.
    expect(world.code(world.statement('select surname from user', [], session))).toBe('done');
  });

  it('a batch in a transaction that has looked at nothing is judged whatever it begins with', () => {
    const cluster = ready();
    const { world } = cluster;
    const session = { session: 4, ...declaring(OLD) };
    world.run('begin', [], session);
    cluster.migrate(NEW, BREAK.name);
    const statements = ['rollback to quorate_batch', "insert into user(id, name) values (9, 'x')"];
    const batch = world.submit(
      {
        action: 'batch',
        mode: 'write',
        statements: packed(
          statements.map((sql) => ({ sql, parameters: { kind: 'positional', values: [] } })),
        ),
      },
      session,
    );
    expect(world.code(batch)).toBe('SCHEMA_FENCED');
  });

  it("policy 'read-only' holds for what begins as a query", () => {
    const cluster = ready();
    const { world } = cluster;
    cluster.control('undeclared-policy', 'read-only');
    const sql = "with n(id) as (select 9) insert into user(id, name) select id, 'x' from n";
    expect(world.code(world.statement(sql))).toBe('SCHEMA_UNDECLARED');
    expect(world.code(world.statement('with n(id) as (select 9) select id from n'))).not.toBe(
      'SCHEMA_UNDECLARED',
    );
  });

  it('a declaration of nothing is none', () => {
    const cluster = ready();
    cluster.control('undeclared-policy', 'refuse');
    const participant = { id: 'x', kind: 'client', boot: 'b', release: '' };
    const answer = cluster.ask({ op: 'register', participant, manifests: [] });
    expect(answer.code).toBe('SCHEMA_BAD_REQUEST');
  });
});

describe('the fence of readers', () => {
  function reader({ world }: SchemaCluster): ReaderWorld {
    return new ReaderWorld(world.machine.directory, world.clock);
  }

  it('lets a transaction begin, and what reads no page, of code that fits', () => {
    const beside = reader(ready());
    const session = { session: 9, ...declaring(OLD) };
    expect(beside.code(beside.statement('begin', session))).toBe('done');
    expect(beside.code(beside.statement('select 1', session))).toBe('done');
    expect(beside.code(beside.statement('select name from user', session))).toBe('done');
    expect(beside.code(beside.statement('commit', session))).toBe('done');
    const parameters = { kind: 'positional', values: [] } as const;
    const statements = [{ sql: 'select 1', parameters }];
    const batch = beside.submit(
      { action: 'batch', mode: 'read', statements: packed(statements) },
      declaring(OLD),
    );
    expect(beside.code(batch)).toBe('done');
  });

  it('says why inside a transaction too', () => {
    const cluster = ready();
    const beside = reader(cluster);
    expect(beside.code(beside.statement('select surname from user', declaring(OLD)))).toBe(
      'SQLITE_ERROR',
    );
    expect(beside.code(beside.statement('select name from user', declaring(OLD)))).toBe('done');
    cluster.migrate(NEW, BREAK.name);
    settle(cluster);
    const session = { session: 9, ...declaring(OLD) };
    expect(beside.code(beside.statement('select nonsense from user', declaring(OLD)))).toBe(
      'SCHEMA_FENCED',
    );
    beside.statement('begin', session);
    expect(beside.code(beside.statement('select nonsense from user', session))).toBe(
      'SCHEMA_FENCED',
    );
    expect(beside.code(beside.statement('select name from user', session))).toBe('SCHEMA_FENCED');
  });
});
