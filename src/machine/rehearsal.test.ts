import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { must } from '../base/index.ts';
import {
  type Manifest,
  type ManifestEntry,
  type MigrationRehearsal,
  Program,
  type RehearsalReport,
} from '../schema/index.ts';
import { Backfill, Release, SchemaCluster, type Step } from './testing/schema-cluster.ts';
import { ReaderWorld, rowsOf, useSqlite } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const BASE: Step = {
  name: '0001',
  kind: 'expand',
  sql: `create table user(id integer primary key, name text); create table post(id integer primary key, user references user(id));
    insert into user(name) values ('a'), ('b'), ('c'); insert into post(user) values (1), (2);`,
};

/** A database with the first migration, and a reader beside it; `steps` are pending. */
class Stage {
  readonly cluster = new SchemaCluster();
  readonly release: Release;
  readonly reader: ReaderWorld;
  more: Readonly<Record<string, object>> = {};
  manifest: Manifest;

  constructor(...steps: Step[]) {
    this.release = new Release(BASE, ...steps);
    this.manifest = this.release.program.manifest;
    this.cluster.register('1', this.release);
    expect(this.cluster.migrate(this.release, '0001').code).toBe('done');
    const { world } = this.cluster;
    world.settle();
    world.settle();
    this.reader = new ReaderWorld(world.machine.directory, world.clock);
  }

  /** With another `after` of one of them. */
  float(name: string, after: readonly string[]): this {
    const entries = this.manifest.entries.map(
      (entry): ManifestEntry => (entry.name === name ? { ...entry, after } : entry),
    );
    this.manifest = new Program({ ...this.manifest, entries }).manifest;
    return this;
  }

  submit(): number {
    const steps = this.release.steps.map((step) => {
      const common = { name: step.name, ...this.more[step.name] };
      if (!(step instanceof Backfill)) return { ...common, sql: step.sql };
      const { run, ...batch } = step.batch;
      return { ...common, batch: { ...batch, step: run } };
    });
    const json = JSON.stringify({ manifest: this.manifest, steps });
    return this.reader.submit({ action: 'rehearse', json });
  }

  finish(request: number): { readonly code: string; readonly report: RehearsalReport } {
    for (let i = 0; i < 1000 && this.reader.answers.get(request) === undefined; i++) {
      this.cluster.world.clock.advance(1);
      this.reader.collect();
    }
    const code = this.reader.code(request);
    if (code !== 'done') return { code, report: EMPTY };
    const [[[text]]] = rowsOf(must(this.reader.answers.get(request)));
    return { code, report: JSON.parse(String(text)) };
  }

  rehearse(): RehearsalReport {
    const { code, report } = this.finish(this.submit());
    expect(code).toBe('done');
    return report;
  }

  one(name = '0002'): MigrationRehearsal {
    return must(this.rehearse().migrations.find((each) => each.name === name));
  }

  /** Of all pages that are committed or about to be. */
  hash(): string {
    const store = must(this.cluster.world.machine.directory.find('main.db'));
    const hash = createHash('sha256');
    for (const version of [store.published, store.head]) {
      hash.update(`${version.pages} ${version.change}`);
      for (let page = 1; page <= version.pages; page++) {
        hash.update(must(store.memory.pageIn(version.root, page)));
      }
    }
    return hash.digest('hex');
  }
}

const EMPTY: RehearsalReport = {
  ...{ index: 0, namespace: '', version: 0, migrations: [], late: undefined, bytesPerMs: 0 },
};

const ADD: Step = { name: '0002', kind: 'expand', sql: 'alter table user add column email text' };
const DROP: Step = { name: '0003', kind: 'breaking', sql: 'delete from post; drop table post' };

describe('a rehearsal', () => {
  it('tells what each pending migration would do, and writes nothing', () => {
    const stage = new Stage(ADD, DROP);
    stage.more = { '0003': { mayLoseRows: ['post'] } };
    const before = stage.hash();
    const report = stage.rehearse();
    expect(report.version).toBe(1);
    expect(report.migrations.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['0002', 'applied'],
      ['0003', 'applied'],
    ]);
    expect(report.migrations.map(({ changes }) => changes)).toEqual([
      ['column user.email added (text)'],
      ['table post dropped'],
    ]);
    expect(report.migrations.map(({ rows }) => rows)).toEqual([
      [],
      [{ table: 'post', before: 2, after: null }],
    ]);
    expect(report.late).toBeUndefined();
    expect(stage.hash()).toBe(before);
    expect(stage.cluster.look('select count(*) from post')).toBe(2);
    expect(stage.cluster.world.seals).toEqual([]);
  });

  it('counts as the real run counts: pages of the history and of the entry, and the fingerprint', () => {
    const fill: Step = {
      ...{ name: '0002', kind: 'expand' },
      sql: `create table big(x); create index big_x on big(x);
        insert into big with recursive c(n) as (select 1 union all select n + 1 from c where n < 3000) select printf('%0900d', n) from c;`,
    };
    const stage = new Stage(fill);
    const told = stage.one();
    expect(told.outcome).toBe('applied');
    expect(told.entryBytes).toBe(told.entryPages * 4096);
    expect(told.stallMs).toBeGreaterThanOrEqual(Math.ceil(told.entryBytes / 20_000));
    const { world } = stage.cluster;
    const { answer } = stage.cluster.migrate(stage.release, '0002');
    expect([answer.pages, told.entryPages]).toEqual([told.pages, told.pages]);
    const seal = must(world.seals.at(-1));
    expect(seal.command.length).toBeGreaterThan(told.entryBytes);
    expect(seal.command.length).toBeLessThan(told.entryBytes * 1.02 + 4096);
    const history = 'select fp_after from __quorate_schema_history order by seq desc limit 1';
    expect(stage.cluster.look(history)).toBe(told.fingerprint);
  });

  it('tells why one fails and tries nothing behind it', () => {
    const lost: Step = { name: '0002', kind: 'expand', sql: 'delete from user where id = 3' };
    const stage = new Stage(lost, ADD_LATER);
    const before = stage.hash();
    const [first, second] = stage.rehearse().migrations;
    expect([first.outcome, first.code]).toEqual(['failed', 'ROWCOUNT_TRIPWIRE']);
    expect(first.rows).toEqual([]);
    expect([second.name, second.outcome]).toEqual(['0003', 'skipped']);
    expect(stage.hash()).toBe(before);
  });

  it.each([
    ['MIGRATION_FAILED', 'alter table nobody add column x', {}],
    ['DANGLING_OBJECT', 'create view v as select absent from user', {}],
    ['PRECHECK_FAILED', 'select 1', { before: [{ sql: 'select id from user' }] }],
    ['MIGRATION_INVALID', 'vacuum', {}],
    [
      'FK_VIOLATION',
      'create table n(id integer primary key); insert into n values (1), (7), (8); drop table user; alter table n rename to user',
      { mayLoseRows: ['user'] },
    ],
  ] as const)('fails with %s as the real run does', (code, sql, more) => {
    const stage = new Stage({ name: '0002', kind: 'breaking', sql });
    stage.more = { '0002': more };
    expect(stage.one().code).toBe(code);
    expect(stage.cluster.migrate(stage.release, '0002', more).code).toBe(code);
  });

  it('runs backfills to their end, in batches', () => {
    const fill = new Backfill('0002', {
      ...{ table: 'user', key: 'id', rows: 2 },
      run: "update user set name = name || '!' where id > :after and id <= :upto",
      verify: "select count(*) from user where name not like '%!'",
    });
    const stage = new Stage(fill);
    const told = stage.one();
    expect([told.outcome, told.batches, told.changedRows]).toEqual(['applied', 2, 3]);
    expect(stage.cluster.look("select count(*) from user where name like '%!'")).toBe(0);
  });

  it('leaves code out, and all that comes behind it', () => {
    const stage = new Stage(ADD, ADD_LATER);
    const steps = stage.release.steps.filter(({ name }) => name !== '0002');
    const json = JSON.stringify({
      ...{ manifest: stage.manifest },
      steps: steps.map(({ name, sql }) => ({ name, sql })),
    });
    const { report } = stage.finish(stage.reader.submit({ action: 'rehearse', json }));
    expect(report.migrations.map(({ outcome }) => outcome)).toEqual(['skipped', 'skipped']);
  });

  it('lets others read in between, ends when it is interrupted, and lets go of its version', () => {
    const stage = new Stage(ADD, DROP);
    const store = must(stage.cluster.world.machine.directory.find('main.db'));
    const versions = store.statistics().liveVersions;
    const request = stage.submit();
    expect(stage.reader.answers.get(request)).toBeUndefined();
    expect(stage.reader.rows('select count(*) from user')).toEqual([[3]]);
    expect(stage.finish(stage.submit()).code).toBe('REHEARSAL_BUSY');
    stage.reader.send({ kind: 'interrupt', request });
    expect(stage.finish(request).code).toBe('SQLITE_INTERRUPT');
    stage.cluster.world.run("insert into user(name) values ('d')");
    stage.cluster.world.settle();
    stage.cluster.world.settle();
    expect(store.statistics().liveVersions).toBe(versions);
    expect(stage.rehearse().migrations).toHaveLength(2);
  });

  it('stays on its version while others write', () => {
    const stage = new Stage(ADD);
    const request = stage.submit();
    stage.cluster.world.run('delete from post; ');
    stage.cluster.world.settle();
    stage.cluster.world.settle();
    expect(stage.finish(request).report.migrations[0].rows).toEqual([]);
  });
});

const ADD_LATER: Step = {
  ...{ name: '0003', kind: 'expand', sql: 'alter table user add column age integer' },
};

describe('a contract that floats', () => {
  const contract: Step = {
    ...{ name: '0002', kind: 'contract' },
    sql: 'delete from post where user = 1',
  };

  it('is tried early and late, and what differs is told', () => {
    const later: Step = {
      ...{ name: '0003', kind: 'expand' },
      sql: 'create table old(id); insert into old select id from post',
    };
    const stage = new Stage(contract, later);
    stage.more = { '0002': { mayLoseRows: ['post'] } };
    expect(stage.rehearse().late).toEqual([
      'only if it comes early: old: 1 rows',
      'only if it comes late: old: 2 rows',
    ]);
    expect(stage.float('0002', ['0003']).rehearse().late).toBeUndefined();
  });

  it('does not keep others waiting when it fails, and fails the same early and late', () => {
    const told = new Stage(contract, ADD_LATER).rehearse();
    expect(told.migrations.map(({ name, outcome, code }) => [name, outcome, code])).toEqual([
      ['0002', 'failed', 'ROWCOUNT_TRIPWIRE'],
      ['0003', 'applied', ''],
    ]);
    expect(told.late).toEqual([]);
  });

  it('and nothing when the order does not matter', () => {
    const stage = new Stage(contract, ADD_LATER);
    stage.more = { '0002': { mayLoseRows: ['post'] } };
    expect(stage.rehearse().late).toEqual([]);
  });
});
