/** Names that belong to the engine. */
export const RESERVED_PREFIX = '__quorate_';

/** Whether a name is one of the engine or of SQLite itself, and no part of what migrations make. */
export function isInternalName(name: string): boolean {
  const lowered = name.toLowerCase();
  return lowered.startsWith('sqlite_') || lowered.startsWith(RESERVED_PREFIX);
}

/** What later versions may add is in `x`, a JSON object; `format` in the state says which keys are understood. */
export const TABLES_FORMAT = 1;

/**
 * The tables of schema migrations. Their columns never change (docs/migrations.md); they are made by the first registration.
 * `fence` has one row with a token that differs after every change of any of them.
 */
export const CREATE_TABLES: readonly string[] = [
  `create table __quorate_schema_fence (id integer primary key check (id = 1), token blob not null)`,
  `create table __quorate_schema_state (
    ns text primary key not null, format integer not null, version integer not null, floor integer not null, chain text not null,
    fingerprint text not null, gen integer not null, phase text not null, x text not null default '{}'
  ) without rowid`,
  `create table __quorate_schema_history (
    seq integer primary key, ns text not null, version integer not null, name text not null, kind text not null,
    checksum text not null, chain text not null, run_id text not null, direction text not null, by_participant text not null,
    release text not null, started_ms integer not null, finished_ms integer not null, pages integer not null,
    fp_before text not null, fp_after text not null, x text not null default '{}'
  )`,
  `create index __quorate_schema_history_name on __quorate_schema_history (ns, name)`,
  `create table __quorate_schema_member (
    id text not null, ns text not null, kind text not null, boot text not null, manifest text not null, state text not null,
    release text not null, seen_ms integer not null, x text not null default '{}', primary key (id, ns)
  ) without rowid`,
  `create table __quorate_schema_manifest (
    digest text primary key not null, ns text not null, body text not null
  ) without rowid`,
  `create table __quorate_schema_declaration (
    id text primary key not null, body text not null
  ) without rowid`,
  // `blob` leaves a key what it is; any other type would make a number of a text of digits.
  `create table __quorate_schema_job (
    ns text not null, name text not null, attempts integer not null, after_key blob, done integer not null, total integer not null,
    error text not null, x text not null default '{}', primary key (ns, name)
  ) without rowid`,
  `create table __quorate_schema_control (
    ns text not null, key text not null, value text not null, by_operator text not null, at_ms integer not null,
    reason text not null, primary key (ns, key)
  ) without rowid`,
  `create table __quorate_schema_audit (
    seq integer primary key, ns text not null, action text not null, value text not null, by_operator text not null,
    at_ms integer not null, reason text not null
  )`,
  `create table __quorate_schema_task (
    ns text not null, name text not null, node text not null, done_ms integer not null, primary key (ns, name, node)
  ) without rowid`,
];

/** Whether the tables exist. */
export const TABLES_EXIST = `select 1 from sqlite_schema where name = '__quorate_schema_fence'`;

/** First bytes of a token, so that a page can be recognised as that of the fence. */
export const TOKEN_MAGIC = 'QUORATE FENCE 1\0';

/** Random bytes of a token. */
export const TOKEN_RANDOM_BYTES = 16;
