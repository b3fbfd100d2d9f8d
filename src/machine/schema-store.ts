import { assert, QuorateError, utf8, type Value } from '../base/index.ts';
import {
  type AppliedMigration,
  CREATE_TABLES,
  emptyState,
  type History,
  type MemberState,
  type MigrationKind,
  type Participant,
  type Phase,
  type Program,
  parseDeclaration,
  parseManifest,
  type SchemaState,
  TABLES_EXIST,
  TABLES_FORMAT,
  TOKEN_MAGIC,
  TOKEN_RANDOM_BYTES,
} from '../schema/index.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/** Programs by digest: what a digest stands for never changes. */
const programs = new Map<string, Program>();
const PROGRAMS_MAX = 64;

/** A migration attempt that has not ended well. */
export interface Attempts {
  readonly attempts: number;
  readonly error: string;
}

/** How far a backfill is. */
export interface BatchProgress {
  readonly after: Value;
  readonly done: number;
  readonly batches: number;
}

const APPLIED = 'seq, version, name, kind, checksum, chain, by_participant, release, finished_ms';

/** The tables of schema migrations of one version of a database. */
export class SchemaStore implements History {
  readonly sql: SchemaSql;
  readonly namespace: string;

  constructor(sql: SchemaSql, namespace: string) {
    this.sql = sql;
    this.namespace = namespace;
  }

  static exist(sql: SchemaSql): boolean {
    return sql.first(TABLES_EXIST) !== undefined;
  }

  /** Makes the tables when they are missing. Inside a write transaction. */
  static create(sql: SchemaSql): void {
    if (SchemaStore.exist(sql)) return;
    for (const statement of CREATE_TABLES) sql.rows(statement);
    sql.rows('insert into __quorate_schema_fence (id, token) values (1, ?1)', newToken(sql));
  }

  /** A new token: everything that was concluded from the tables must be concluded again. */
  static touch(sql: SchemaSql): void {
    sql.rows('update __quorate_schema_fence set token = ?1 where id = 1', newToken(sql));
  }

  state(): SchemaState {
    const row = this.sql.first(
      'select version, floor, chain, fingerprint, gen, phase, x from __quorate_schema_state where ns = ?1',
      this.namespace,
    );
    if (row === undefined) return emptyState(this.namespace);
    const more: unknown = JSON.parse(text(row[6]));
    return {
      ...{ namespace: this.namespace, version: Number(row[0]), floor: Number(row[1]) },
      ...{ chain: text(row[2]), fingerprint: text(row[3]), generation: Number(row[4]) },
      phase: phaseOf(text(row[5])),
      contracts: contractsOf(more),
    };
  }

  /** Throws FORMAT_UNSUPPORTED when a newer engine has added what this one would spoil: code is served, but nothing is migrated. */
  checkFormat(): void {
    const format = this.sql.count(
      'select format from __quorate_schema_state where ns = ?1',
      this.namespace,
    );
    if (format <= TABLES_FORMAT) return;
    throw new QuorateError(
      'FORMAT_UNSUPPORTED',
      `the schema tables have format ${format}, this version knows ${TABLES_FORMAT}: upgrade all nodes, then migrate`,
    );
  }

  /** Keys that a newer engine has added to the row stay there. Throws FORMAT_UNSUPPORTED. */
  putState(state: SchemaState): void {
    this.checkFormat();
    const row = this.sql.first(
      'select x from __quorate_schema_state where ns = ?1',
      this.namespace,
    );
    const more: unknown = JSON.parse(text(row?.[0]) || '{}');
    const known = typeof more === 'object' && more !== null ? more : {};
    const { namespace, version, floor, chain, fingerprint, generation, phase, contracts } = state;
    this.sql.rows(
      `insert into __quorate_schema_state (ns, format, version, floor, chain, fingerprint, gen, phase, x)
       values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
       on conflict (ns) do update set format = excluded.format, version = excluded.version, floor = excluded.floor,
       chain = excluded.chain, fingerprint = excluded.fingerprint, gen = excluded.gen, phase = excluded.phase, x = excluded.x`,
      ...[namespace, TABLES_FORMAT, version, floor, chain, fingerprint, generation + 1, phase],
      JSON.stringify({ ...known, contracts }),
    );
  }

  at(version: number): AppliedMigration | undefined {
    return this.#applied('version = ?2 and version > 0', version);
  }

  contract(name: string): AppliedMigration | undefined {
    return this.#applied("name = ?2 and kind = 'contract'", name);
  }

  /** A migration that was applied under this name. */
  named(name: string): AppliedMigration | undefined {
    return this.#applied('name = ?2', name);
  }

  #applied(condition: string, value: Value): AppliedMigration | undefined {
    const row = this.sql.first(
      `select ${APPLIED} from __quorate_schema_history where ns = ?1 and ${condition} order by seq desc limit 1`,
      ...[this.namespace, value],
    );
    if (row === undefined) return undefined;
    return {
      ...{ sequence: Number(row[0]), version: Number(row[1]), name: text(row[2]) },
      ...{ kind: kindOf(text(row[3])), checksum: text(row[4]), chain: text(row[5]) },
      ...{ by: text(row[6]), release: text(row[7]), finishedMs: Number(row[8]) },
    };
  }

  /** Identification of the attempt that applied a migration; '' when it is not applied. */
  runOf(name: string): string {
    const found = this.sql.first(
      'select run_id from __quorate_schema_history where ns = ?1 and name = ?2 order by seq desc limit 1',
      ...[this.namespace, name],
    );
    return text(found?.[0]);
  }

  participants(): Participant[] {
    return this.sql
      .rows(
        `select id, kind, boot, state, release, manifest, seen_ms from __quorate_schema_member where ns = ?1 order by id`,
        this.namespace,
      )
      .map((row) => ({
        ...{ id: text(row[0]), kind: text(row[1]) === 'node' ? 'node' : 'client' },
        ...{ boot: text(row[2]), state: memberStateOf(text(row[3])), release: text(row[4]) },
        ...{ manifest: text(row[5]), seenMs: Number(row[6]) },
      }));
  }

  /** Nodes on which a task has been done. */
  taskNodes(name: string): ReadonlySet<string> {
    const rows = this.sql.rows(
      'select node from __quorate_schema_task where ns = ?1 and name = ?2',
      ...[this.namespace, name],
    );
    return new Set(rows.map(([node]) => text(node)));
  }

  control(key: string): string | undefined {
    const row = this.sql.first(
      'select value from __quorate_schema_control where ns = ?1 and key = ?2',
      ...[this.namespace, key],
    );
    return row === undefined ? undefined : text(row[0]);
  }

  job(name: string): Attempts {
    const row = this.sql.first(
      'select attempts, error from __quorate_schema_job where ns = ?1 and name = ?2',
      ...[this.namespace, name],
    );
    return { attempts: Number(row?.[0] ?? 0), error: text(row?.[1]) };
  }

  /** Notes that an attempt begins; what it fails with is written over the text. */
  attempt(name: string): void {
    this.sql.rows(
      `insert into __quorate_schema_job (ns, name, attempts, done, total, error) values (?1, ?2, 1, 0, 0, 'it did not end')
       on conflict (ns, name) do update set attempts = attempts + 1, error = excluded.error`,
      ...[this.namespace, name],
    );
  }

  failed(name: string, error: string): void {
    this.sql.rows(
      'update __quorate_schema_job set error = ?3 where ns = ?1 and name = ?2',
      ...[this.namespace, name, error],
    );
  }

  forgetJob(name: string): void {
    this.sql.rows(
      'delete from __quorate_schema_job where ns = ?1 and name = ?2',
      ...[this.namespace, name],
    );
  }

  progress(name: string): BatchProgress {
    const row = this.sql.first(
      'select after_key, done, total from __quorate_schema_job where ns = ?1 and name = ?2',
      ...[this.namespace, name],
    );
    return { after: row?.[0] ?? null, done: Number(row?.[1] ?? 0), batches: Number(row?.[2] ?? 0) };
  }

  putProgress(name: string, { after, done, batches }: BatchProgress): void {
    this.sql.rows(
      `insert into __quorate_schema_job (ns, name, attempts, after_key, done, total, error) values (?1, ?2, 0, ?3, ?4, ?5, '')
       on conflict (ns, name) do update set attempts = 0, after_key = excluded.after_key, done = excluded.done,
       total = excluded.total, error = ''`,
      ...[this.namespace, name, after, done, batches],
    );
  }

  /** The manifest with this digest; undefined when nobody has registered it here. */
  static program(sql: SchemaSql, digest: string): Program | undefined {
    const row = sql.first('select body from __quorate_schema_manifest where digest = ?1', digest);
    if (row === undefined) return undefined;
    const known = programs.get(digest);
    if (known !== undefined) return known;
    const program = parseManifest(text(row[0]));
    assert(program.digest === digest, 'a stored manifest has another digest');
    if (programs.size >= PROGRAMS_MAX) programs.clear();
    programs.set(digest, program);
    return program;
  }

  /** Namespace → digest of a declaration; undefined when nobody has registered it here. */
  static declaration(sql: SchemaSql, id: string): Readonly<Record<string, string>> | undefined {
    const row = sql.first('select body from __quorate_schema_declaration where id = ?1', id);
    return row === undefined ? undefined : parseDeclaration(text(row[0]));
  }
}

function newToken(sql: SchemaSql): Uint8Array {
  const random = sql.first(`select randomblob(${TOKEN_RANDOM_BYTES})`)?.[0];
  assert(random instanceof Uint8Array, 'randomblob gives a blob');
  const token = new Uint8Array(TOKEN_MAGIC.length + random.length);
  token.set(utf8(TOKEN_MAGIC));
  token.set(random, TOKEN_MAGIC.length);
  return token;
}

function phaseOf(value: string): Phase {
  return value === 'backfill' || value === 'held' || value === 'failed' ? value : 'idle';
}

function kindOf(value: string): MigrationKind {
  return value === 'expand' || value === 'data' || value === 'contract' ? value : 'breaking';
}

function memberStateOf(value: string): MemberState {
  return value === 'draining' || value === 'excluded' ? value : 'active';
}

function contractsOf(more: unknown): Record<string, string> {
  if (typeof more !== 'object' || more === null || !('contracts' in more)) return {};
  const { contracts } = more;
  if (typeof contracts !== 'object' || contracts === null) return {};
  return Object.fromEntries(
    Object.entries(contracts).map(([name, checksum]) => [name, String(checksum)]),
  );
}
