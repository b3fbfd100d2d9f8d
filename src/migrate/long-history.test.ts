import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Release, SchemaCluster, type Step } from '../machine/testing/schema-cluster.ts';
import { useSqlite, type World } from '../machine/testing/world.ts';
import { readFolder } from './index.ts';

/*
 * The history of a real kind of application (LXD's: 82 migrations, about 70 tables, rebuilds of tables that others refer to), in a directory of
 * plain SQL. Whatever version a program finds, it ends in the same schema and the same rows.
 */

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const DIRECTORY = fileURLToPath(new URL('../../test/history/migrations', import.meta.url));
const folder = await readFolder(
  { list: async (path) => readdirSync(path), read: async (path) => readFileSync(path) },
  DIRECTORY,
);
const STEPS: readonly Step[] = folder.migrations;
const LATEST = new Release(...STEPS);

/** A program of the last release takes a database from the version that it finds to another. */
function upgrade(cluster: SchemaCluster, from: number, to: number): void {
  cluster.register('1', LATEST, `boot-${from}`);
  for (const { name } of STEPS.slice(from, to)) {
    const { code, answer } = cluster.migrate(LATEST, name, {}, `run-${from}-${name}`);
    expect(`${name}: ${code} ${answer.message ?? ''}`).toBe(`${name}: done `);
    cluster.world.commit();
  }
}

/** Another leader, which has only what the first `length` entries of a log say. */
function successor(of: World, length: number): SchemaCluster {
  const cluster = new SchemaCluster();
  const { world } = cluster;
  world.unlead();
  for (const { index, command } of of.log.slice(0, length)) {
    world.send({ kind: 'apply', index, command });
    world.index = index;
  }
  world.lead();
  return cluster;
}

const FINGERPRINT = 'select fingerprint from __quorate_schema_state';

/** All rows of all tables of the application. */
function contents({ world }: SchemaCluster): string {
  const session = { session: 998 };
  world.run('begin immediate', [], session);
  const tables = world.rows(
    "select name from sqlite_schema where type = 'table' and name not like '\\_\\_quorate%' escape '\\' and name not like 'sqlite%' order by name",
    [],
    session,
  );
  const rows = tables.map(([name]) => [name, world.rows(`select * from "${name}"`, [], session)]);
  world.run('rollback', [], session);
  return JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? `${value}` : value), 1);
}

/** Releases that grow migration by migration; `lengths` and `fingerprints` are those before each. */
function walked() {
  const cluster = new SchemaCluster();
  const lengths: number[] = [];
  const fingerprints: unknown[] = [];
  STEPS.forEach(({ name }, i) => {
    lengths.push(cluster.world.log.length);
    const release = new Release(...STEPS.slice(0, i + 1));
    cluster.register('1', release, `boot-of-${i}`);
    fingerprints.push(cluster.look(FINGERPRINT));
    const { code, answer } = cluster.migrate(release, name, {}, `run-${i}`);
    expect(`${name}: ${code} ${answer.message ?? ''}`).toBe(`${name}: done `);
    cluster.world.commit();
  });
  fingerprints.push(cluster.look(FINGERPRINT));
  return { cluster, lengths, fingerprints };
}

it('from every version to the last: equal schema and equal rows', () => {
  const { cluster, lengths, fingerprints } = walked();
  const latest = contents(cluster);
  expect(latest.length).toBeGreaterThan(5000);
  expect(cluster.look('select count(*) from pragma_foreign_key_check')).toBe(0);
  // Some of them stood on tables that were built anew since.
  const standing =
    "select group_concat(name) from (select name from sqlite_schema where type = 'trigger' order by name)";
  expect(cluster.look(standing)).toBe(
    'on_instance_delete,on_project_delete,storage_volumes_check_id,storage_volumes_snapshots_check_id',
  );
  expect(new Set(fingerprints).size).toBeGreaterThan(60);
  // All the way from one; from every fourth the next step, which ends in a version of the walk. QUORATE_HISTORY=all: all the way from all (minutes).
  const thorough = process.env.QUORATE_HISTORY === 'all';
  const whole = (from: number): boolean => thorough || from === 76;
  for (const [from, length] of lengths.entries()) {
    if (from % 4 !== 0 && !thorough) continue;
    const next = successor(cluster.world, length);
    const to = whole(from) ? STEPS.length : from + 1;
    upgrade(next, from, to);
    expect(next.look(FINGERPRINT)).toBe(fingerprints[to]);
    if (to === STEPS.length) expect(contents(next)).toBe(latest);
  }
}, 600_000);
