import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { digestOf } from '../schema/index.ts';
import { splitStatements } from '../sql/index.ts';
import { checksumOf } from './define.ts';
import { readFolder } from './folder.ts';
import type { FolderOptions, MigrationFiles } from './folder-types.ts';
import { sqlMigration } from './steps.ts';

/** A directory `m` in memory. */
function memory(tree: Readonly<Record<string, string | Uint8Array>>): MigrationFiles {
  return {
    list: async (directory) => {
      const inside = Object.keys(tree).filter((path) => path.startsWith(`${directory}/`));
      if (inside.length === 0) throw new Error('ENOENT');
      return [
        ...new Set(inside.map((path) => path.slice(directory.length + 1).split('/')[0] ?? '')),
      ];
    },
    read: async (path) => {
      const content = tree[path];
      if (content === undefined) throw new Error('ENOENT');
      return typeof content === 'string' ? utf8(content) : content;
    },
  };
}

type Tree = Readonly<Record<string, string | Uint8Array>>;

async function fold(tree: Tree, options?: FolderOptions) {
  return readFolder(memory(tree), 'm', options);
}

async function brief(tree: Tree, options?: FolderOptions) {
  const { format, migrations, repeatable } = await fold(tree, options);
  const short = migrations.map(({ name, kind, sql, down }) => ({ name, kind, sql, down }));
  return { format, migrations: short, repeatable: repeatable.map(({ name }) => name) };
}

async function failure(tree: Tree, options?: FolderOptions): Promise<string> {
  return fold(tree, options).then(
    () => 'no error',
    (error: unknown) => `${Object(error).code}: ${Object(error).message}`,
  );
}

const JOURNAL = (entries: unknown, dialect = 'sqlite') => JSON.stringify({ dialect, entries });

test('plain files: order by number, kinds by name and header, line ends and byte order mark', async () => {
  expect(
    await brief({
      'm/10_last.contract.sql': 'drop table a;',
      'm/0009_second.sql': '\ufeff-- why\r\n-- quorate: kind=expand\r\ncreate table b (x);\r\n',
      'm/8_first.sql': 'create table a (x);\n-- quorate: kind=expand',
      'm/README.md': '',
    }),
  ).toEqual({
    format: 'plain',
    migrations: [
      { name: '8_first', kind: 'breaking', sql: 'create table a (x);\n-- quorate: kind=expand' },
      {
        name: '0009_second',
        kind: 'expand',
        sql: '-- why\n-- quorate: kind=expand\ncreate table b (x);\n',
      },
      { name: '10_last', kind: 'contract', sql: 'drop table a;' },
    ],
    repeatable: [],
  });
});

test('a checksum is the one of the same text in a program; the digest is of the bytes', async () => {
  const { migrations } = await fold({ 'm/1_a.sql': 'select 1;\r\nselect 2;' });
  expect(migrations[0]?.checksum).toBe(checksumOf(sqlMigration('1_a', 'select 1;\nselect 2;')));
  expect(migrations[0]?.fileDigest).toBe(digestOf('select 1;\r\nselect 2;'));
});

test('golang-migrate: pairs, kind before the direction', async () => {
  expect(
    await brief({
      'm/000001_a.up.sql': 'create table a (x);',
      'm/000001_a.down.sql': 'drop table a;',
      'm/000002_b.expand.up.sql': 'create table b (x);',
    }),
  ).toEqual({
    format: 'golang-migrate',
    migrations: [
      { name: '000001_a', kind: 'breaking', sql: 'create table a (x);', down: 'drop table a;' },
      { name: '000002_b', kind: 'expand', sql: 'create table b (x);' },
    ],
    repeatable: [],
  });
});

test('Flyway: versions by their parts, undo scripts, repeatable scripts apart', async () => {
  expect(
    await brief({
      'm/V10__c.sql': 'c',
      'm/V2.1__b.sql': 'b',
      'm/V2__a.expand.sql': 'a',
      'm/U2.0__a.sql': 'undo a',
      'm/R__view.sql': 'v',
    }),
  ).toEqual({
    format: 'flyway',
    migrations: [
      { name: 'V2__a', kind: 'expand', sql: 'a', down: 'undo a' },
      { name: 'V2.1__b', kind: 'breaking', sql: 'b' },
      { name: 'V10__c', kind: 'breaking', sql: 'c' },
    ],
    repeatable: ['R__view'],
  });
});

test('goose: both ways, statements with semicolons inside', async () => {
  const text = [
    '-- +goose Up',
    'create table a (x);',
    '-- +goose StatementBegin',
    'create trigger t after insert on a begin select 1; select 2; end',
    '-- +goose StatementEnd',
    'create table b (x);',
    '-- +goose Down',
    'drop table a;',
  ].join('\r\n');
  const { format, migrations } = await fold({ 'm/00001_a.sql': text });
  expect(format).toBe('goose');
  expect(splitStatements(migrations[0]?.sql ?? '')).toEqual([
    'create table a (x);',
    'create trigger t after insert on a begin select 1; select 2; end\n;',
    'create table b (x);',
  ]);
  expect(migrations[0]?.down).toBe('drop table a;\n');
  expect(migrations[0]?.version).toBe('1');
});

test('what goose wrote is cut into the same statements, whatever the line ends', async () => {
  const statement = fc.constantFrom(
    'create table a (x);',
    "insert into a values ('; -- +goose');",
    'create trigger t after insert on a begin select 1; select 2; end;',
    '/* ; */ delete from a;',
  );
  const part = fc.array(fc.tuple(statement, fc.boolean()), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(part, part, async (up, down) => {
      const written = (parts: typeof up) =>
        parts.flatMap(([sql, marked]) =>
          marked ? ['-- +goose StatementBegin', sql, '-- +goose StatementEnd'] : [sql],
        );
      const lines = ['-- +goose Up', ...written(up), '-- +goose Down', ...written(down)];
      const [lf, crlf] = await Promise.all(
        ['\n', '\r\n'].map((end) => fold({ 'm/1_a.sql': lines.join(end) })),
      );
      const [one, other] = [lf?.migrations[0], crlf?.migrations[0]];
      const plain = (parts: typeof up) => splitStatements(parts.map(([sql]) => sql).join('\n'));
      expect(splitStatements(one?.sql ?? '')).toEqual(plain(up));
      expect(splitStatements(one?.down ?? '')).toEqual(plain(down));
      expect(other?.checksum).toBe(one?.checksum);
    }),
    { numRuns: 50 },
  );
});

test('drizzle-kit 0.31 wrote this: order and times of the journal, texts untouched', async () => {
  const root = fileURLToPath(new URL('../../testdata/migrations/drizzle', import.meta.url));
  const files: MigrationFiles = { list: (path) => readdir(path), read: (path) => readFile(path) };
  const { format, migrations } = await readFolder(files, root);
  expect(format).toBe('drizzle');
  expect(migrations.map(({ name, when }) => [name, when])).toEqual([
    ['0000_first', 1795405443072],
    ['0001_second', 1795405445920],
  ]);
  for (const { sql, text, checksum, fileDigest } of migrations) {
    expect(sql).toBe(text);
    expect(checksum).toBe(fileDigest);
  }
  expect(migrations.map(({ sql }) => splitStatements(sql).length)).toEqual([1, 7]);
});

test('Drizzle: the journal orders, breakpoints end statements without a semicolon', async () => {
  const { migrations } = await fold({
    'm/meta/_journal.json': JOURNAL([
      { idx: 1, when: 5, tag: '0000_b' },
      { idx: 0, when: 9, tag: '0001_a' },
    ]),
    'm/0001_a.sql': 'create table a (x)\n--> statement-breakpoint\ncreate table b (x)',
    'm/0000_b.sql': 'drop table a;--> statement-breakpoint drop table b;',
  });
  expect(migrations.map(({ name }) => name)).toEqual(['0001_a', '0000_b']);
  expect(
    migrations.map(({ sql }) => splitStatements(sql).map((each) => each.split('\n')[0])),
  ).toEqual([
    ['create table a (x)', 'create table b (x)'],
    ['drop table a;', 'drop table b;'],
  ]);
});

test('directories of Prisma Migrate and drizzle-kit 1', async () => {
  const inside = {
    'm/20260102030405_b/migration.sql': 'b',
    'm/20260101000000_a/migration.sql': '-- quorate: kind=expand\na',
  };
  const migrations = [
    { name: '20260101000000_a', kind: 'expand', sql: '-- quorate: kind=expand\na' },
    { name: '20260102030405_b', kind: 'breaking', sql: 'b' },
  ];
  const lock = { 'm/migration_lock.toml': '# do not edit\nprovider = "sqlite"\n' };
  expect(await brief({ ...inside, ...lock })).toEqual({
    ...{ format: 'prisma', migrations, repeatable: [] },
  });
  expect(await brief(inside)).toEqual({ format: 'drizzle-v1', migrations, repeatable: [] });
  const { migrations: timed } = await fold(inside);
  expect(timed[1]?.when).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
});

test.each<[string, Tree, string]>([
  ['no directory', {}, 'MIGRATION_FOLDER: m: no such directory'],
  ['nothing in it', { 'm/README.md': '' }, 'MIGRATION_FOLDER: m: no migration is in it'],
  ['no number', { 'm/1_a.sql': '', 'm/b.sql': '' }, 'MIGRATION_FOLDER: m/b.sql: no number'],
  [
    'not UTF-8',
    { 'm/1_a.sql': Uint8Array.of(0xff, 0xfe) },
    'MIGRATION_FOLDER: m/1_a.sql: not UTF-8',
  ],
  ['one number', { 'm/1_a.sql': '', 'm/01_b.sql': '' }, 'MIGRATION_DUPLICATE: '],
  [
    'a gap',
    { 'm/1_a.sql': '', 'm/3_b.sql': '' },
    'MIGRATION_GAP: before 3_b.sql number 2 is missing',
  ],
  ['no way up', { 'm/1_a.up.sql': '', 'm/2_b.down.sql': '' }, 'MIGRATION_FOLDER: m/2_b.down.sql: '],
  ['no kind', { 'm/1_a.sql': '-- quorate: kind=x' }, "MIGRATION_FOLDER: m/1_a.sql: 'x' is no kind"],
  [
    'two kinds',
    { 'm/1_a.data.sql': '-- quorate: kind=expand' },
    'MIGRATION_FOLDER: m/1_a.data.sql: its name says data and its header expand',
  ],
  ['modules', { 'm/1_a.ts': '' }, 'MIGRATION_FOLDER: m/1_a.ts: a program cannot be read'],
  ['a module', { 'm/1_a.sql': '', 'm/2_b.go': '' }, 'MIGRATION_FOLDER: m/2_b.go: a program'],
  ['Flyway: one version', { 'm/V1__a.sql': '', 'm/V1.0__b.sql': '' }, 'MIGRATION_DUPLICATE: '],
  [
    'Flyway: a stranger',
    { 'm/V1__a.sql': '', 'm/b.sql': '' },
    'MIGRATION_FOLDER: m/b.sql: not a name',
  ],
  [
    'goose: open end',
    { 'm/1_a.sql': '-- +goose Up\n-- +goose StatementBegin\nselect 1;' },
    "MIGRATION_FOLDER: m/1_a.sql: 'StatementBegin' lacks",
  ],
  [
    'goose: variables',
    { 'm/1_a.sql': '-- +goose Up\n-- +goose ENVSUB ON' },
    "MIGRATION_FOLDER: m/1_a.sql: the marker '+goose envsub on'",
  ],
  [
    'goose: text before',
    { 'm/1_a.sql': 'select 1;\n-- +goose Up' },
    'MIGRATION_FOLDER: m/1_a.sql: begins',
  ],
  [
    'goose: later file',
    { 'm/1_a.sql': '-- +goose Up', 'm/2_b.sql': 'x' },
    'MIGRATION_FOLDER: m/2_b.sql: ',
  ],
  ['journal: gone', { 'm/meta/x': '', 'm/0_a.sql': '' }, 'MIGRATION_FOLDER: m: meta/_journal.json'],
  [
    'journal: cut',
    { 'm/meta/_journal.json': '{"ent' },
    'MIGRATION_FOLDER: m/meta/_journal.json: not a',
  ],
  [
    'journal: a path',
    { 'm/meta/_journal.json': JOURNAL([{ idx: 0, when: 1, tag: '../x' }]) },
    'MIGRATION_FOLDER: m/meta/_journal.json: not a journal',
  ],
  [
    'journal: another dialect',
    { 'm/meta/_journal.json': JOURNAL([], 'mysql') },
    'MIGRATION_FOLDER: m/meta/_journal.json: the dialect is mysql',
  ],
  ['journal: empty', { 'm/meta/_journal.json': JOURNAL([]) }, 'MIGRATION_FOLDER: m: no migration'],
  [
    'journal: gap',
    { 'm/meta/_journal.json': JOURNAL([0, 2].map((idx) => ({ idx, when: 1, tag: `t${idx}` }))) },
    'MIGRATION_GAP: m/meta/_journal.json: entry 1 is missing',
  ],
  [
    'journal: one number twice',
    { 'm/meta/_journal.json': JOURNAL(['a', 'b'].map((tag) => ({ idx: 0, when: 1, tag }))) },
    'MIGRATION_DUPLICATE: a and b stand twice',
  ],
  [
    'journal: a name twice',
    { 'm/meta/_journal.json': JOURNAL([0, 1].map((idx) => ({ idx, when: 1, tag: 'a' }))) },
    'MIGRATION_DUPLICATE: a and a stand twice',
  ],
  [
    'journal: a file beside it',
    { 'm/meta/_journal.json': JOURNAL([]), 'm/0_a.sql': '' },
    'MIGRATION_FOLDER: m/0_a.sql: not in the journal',
  ],
  [
    'Prisma: another database',
    { 'm/migration_lock.toml': 'provider = "mysql"', 'm/20260101000000_a/migration.sql': '' },
    'MIGRATION_FOLDER: m/migration_lock.toml: the provider is mysql',
  ],
  [
    'Prisma: no file',
    { 'm/migration_lock.toml': 'provider = "sqlite"', 'm/20260101000000_a/x': '' },
    'MIGRATION_FOLDER: m/20260101000000_a/migration.sql: the file cannot be read',
  ],
])('refused: %s', async (_, tree, start) => {
  expect((await failure(tree)).slice(0, start.length)).toBe(start);
});

test('gaps are no mistake between times, or where they are allowed', async () => {
  const timed = { 'm/20260101000000_a.sql': '', 'm/20260102000000_b.sql': '' };
  expect((await fold(timed)).migrations.map(({ name }) => name)).toEqual([
    '20260101000000_a',
    '20260102000000_b',
  ]);
  const small = { 'm/1_a.sql': '', 'm/3_b.sql': '' };
  expect((await fold(small, { gaps: true })).migrations.map(({ version }) => version)).toEqual([
    ...['1', '3'],
  ]);
});
