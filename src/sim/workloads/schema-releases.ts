import type { Executor } from '../../client/index.ts';
import {
  batchMigration,
  codeMigration,
  defineMigrations,
  type Migrations,
  type Step,
  sqlMigration,
} from '../../migrate/index.ts';

/** A build of the application of workload `upgrades`. */
export interface Release {
  readonly name: string;
  readonly migrations: Migrations;
  /** What it writes, each with its table. Old code writes old columns, new code new ones. */
  readonly writes: readonly string[];
  readonly reads: readonly string[];
}

const PERSON = sqlMigration(
  '0001_person',
  `create table person (id integer primary key, full_name text not null default '');
   create table team (id integer primary key, title text);
   create table player (id integer primary key, team integer not null references team(id) on delete cascade);
   insert into team values (1, 'a'), (2, 'b');`,
  { kind: 'expand' },
);
const NOTE = sqlMigration('0002_note', 'create table note (id integer primary key, body text)');
const NAME = sqlMigration(
  '0003_name',
  `alter table person add column name text;
   alter table person add column touched integer not null default 0;
   create trigger person_insert after insert on person when new.name is null begin
     update person set name = new.full_name where id = new.id; end;`,
  { kind: 'expand' },
);
/** Counts how often it goes over each row, which must be once. */
const FILL = batchMigration('0004_fill', {
  ...{ table: 'person', key: 'id', rows: 4, pauseMs: 100 },
  run: 'update person set name = coalesce(name, full_name), touched = touched + 1 where id > :after and id <= :upto',
  verify: 'select count(*) from person where name is null',
});
const DROP_NAME = sqlMigration(
  '0005_drop_full_name',
  'drop trigger person_insert; alter table person drop column full_name',
  { kind: 'contract' },
);
const TEXT = sqlMigration('0006_text', 'alter table note add column text text', { kind: 'expand' });
const DROP_BODY = sqlMigration('0007_drop_body', 'alter table note drop column body', {
  ...{ kind: 'contract', after: ['0006_text'] },
});
/** A table that another one refers to, built anew. */
const TEAM = sqlMigration(
  '0008_team',
  `create table team_new (id integer primary key, title text not null default '', size integer not null default 0);
   insert into team_new (id, title) select id, title from team;
   drop table team;
   alter table team_new rename to team;`,
);
const TOKEN_SQL = [
  'create table token (id integer primary key, hash text)',
  "insert into token (hash) select 'h' || id from team",
];
const TOKEN = codeMigration('0009_token', {
  ...{ kind: 'expand', revision: 1 },
  run: async (transaction) => {
    for (const sql of TOKEN_SQL) await transaction.execute(sql);
  },
});
/** Fails at its last statement: nothing of it may ever be seen. */
const BAD = sqlMigration('9999_bad', 'create table half (x); insert into nowhere values (1)', {
  kind: 'expand',
});
/** The same name with another text. */
const EDITED = sqlMigration('0003_name', 'alter table person add column name text', {
  kind: 'expand',
});

const V1: readonly Step[] = [PERSON, NOTE];
const V2: readonly Step[] = [...V1, NAME, FILL, DROP_NAME];
const V3: readonly Step[] = [...V2, TEXT, DROP_BODY, TEAM, TOKEN];

const OLD_NAME = "insert into person (full_name) values ('x')";
const NEW_NAME = "insert into person (name) values ('x')";
const OLD_NOTE = "insert into note (body) values ('x')";
const PLAYER = 'insert into player (team) values (1)';

function release(
  name: string,
  steps: readonly Step[],
  writes: readonly string[],
  reads: readonly string[],
): Release {
  const migrations = defineMigrations({ entries: steps });
  return { name, migrations, writes: [...writes, PLAYER], reads };
}

const WRITES_2 = [NEW_NAME, OLD_NOTE];
const READS_2 = ['select name from person', 'select body from note'];
/** What follows one after another. */
export const V1_RELEASE = release(
  'v1',
  V1,
  [OLD_NAME, OLD_NOTE],
  ['select full_name from person', 'select body from note'],
);
export const V2_RELEASE = release('v2', V2, WRITES_2, READS_2);
export const V3_RELEASE = release(
  'v3',
  V3,
  [
    NEW_NAME,
    "insert into note (text) values ('x')",
    'update team set size = size + 1 where id = 2',
    "insert into token (hash) values ('x')",
  ],
  ['select name from person', 'select text from note', 'select size from team, token'],
);
/** A release with a migration that cannot succeed, and one that was made from an edited history. */
export const BAD_RELEASE = release('v2-bad', [...V2, BAD], WRITES_2, READS_2);
export const EDITED_RELEASE = release(
  'v2-edited',
  [...V1, EDITED],
  [NEW_NAME],
  ['select name from person'],
);

export const RELEASES: readonly Release[] = [
  ...[V1_RELEASE, V2_RELEASE, V3_RELEASE, BAD_RELEASE, EDITED_RELEASE],
];

/** The statements of a migration that change the schema; undefined = there is no such migration. */
export function definitionOf(name: string): string | undefined {
  const step = [...V3, BAD].find((each) => each.name === name);
  if (step?.step === 'sql') return step.sql;
  if (step?.step === 'code') return TOKEN_SQL.join(';');
  return step === undefined ? undefined : '';
}

export const BACKFILL = FILL.name;
export const HOPELESS = BAD.name;
/** The only statement that a foreign key must refuse, whatever happened to the connection before. */
export const ORPHAN = 'insert into player (team) values (99)';

/** The row of what was in force, as a transaction sees it. */
export const STATE_SEEN = `select version, floor, chain, fingerprint, gen, phase, x from __quorate_schema_state where ns = 'app'`;
export const HISTORY_SEEN = `select version, name, checksum from __quorate_schema_history where ns = 'app' and kind <> 'contract'`;

export type Reader = Pick<Executor, 'query'>;
