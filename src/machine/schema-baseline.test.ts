import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const DROP: Step = { name: '0001_drop', kind: 'contract', sql: 'drop table old' };
const NEW: Step = { name: '0002_new', kind: 'expand', sql: 'create table u (id integer)' };

function baseline(cluster: SchemaCluster, release: Release, name: string) {
  const manifest = release.program.digest;
  const request = { op: 'baseline', namespace: 'app', name, manifest, by: 'me', reason: 'we move' };
  return cluster.ask(request);
}

it('a baseline is audited with who and why, and one that is refused is not', () => {
  const cluster = new SchemaCluster();
  const release = new Release(NEW);
  cluster.register('1', release);
  expect(baseline(cluster, release, NEW.name).code).toBe('done');
  expect(baseline(cluster, release, NEW.name).code).toBe('BASELINE_REFUSED');
  const audited =
    "select group_concat(action || ' ' || value || ' by ' || by_operator || ': ' || reason)";
  expect(cluster.look(`${audited} from __quorate_schema_audit`)).toBe(
    'baseline 0002_new by me: we move',
  );
  // No release has applied it: an error that names one would send somebody looking for it.
  expect(cluster.look('select release from __quorate_schema_history')).toBe('');
});

it('a history of contracts alone, which have no number, is one too', () => {
  const cluster = new SchemaCluster();
  const release = new Release(DROP, NEW);
  cluster.register('1', release);
  expect(baseline(cluster, release, DROP.name).answer).toEqual({ version: 0 });
  expect(baseline(cluster, release, NEW.name).code).toBe('BASELINE_REFUSED');
  expect(cluster.look('select count(*) from __quorate_schema_history')).toBe(1);
});
