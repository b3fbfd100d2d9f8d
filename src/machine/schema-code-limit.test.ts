import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { Release, SchemaCluster } from './testing/schema-cluster.ts';
import { useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const TABLE = { name: '0001', kind: 'expand', sql: 'create table a (x)' } as const;
const CODE = { name: '0002', kind: 'expand', sql: 'code' } as const;

/** Statements of a migration in code, one each second; returns how the writer before whom it stands fares, and which statement fails. */
function statements(options: object): readonly (string | number)[] {
  const cluster = new SchemaCluster();
  const { world } = cluster;
  const release = new Release(TABLE, CODE);
  cluster.register('1', release);
  cluster.migrate(release, TABLE.name);
  const claim = { namespace: 'app', name: CODE.name, manifest: release.program.digest };
  const session = { session: 7 };
  const begin = { op: 'begin', ...claim, run: 'run-2', by: '1', release: 'r', ...options };
  expect(cluster.ask(begin, session).answer.outcome).toBe('begun');
  for (let second = 1; second < 100; second++) {
    world.clock.advance(1_000);
    world.settle();
    const code = world.code(world.statement(`insert into a values (${second})`, [], session));
    if (code === 'done') continue;
    return [second, code, world.code(world.statement('insert into a values (0)'))];
  }
  return ['it never ended'];
}

it('code keeps writers waiting for no longer than other migrations, or than it says', () => {
  expect(statements({})).toEqual([10, 'TX_ABORTED', 'done']);
  expect(statements({ stallMs: 3_000 })).toEqual([3, 'TX_ABORTED', 'done']);
  expect(statements({ stallMs: 80_000 })).toEqual([80, 'TX_ABORTED', 'done']);
});
