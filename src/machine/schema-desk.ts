import { assert, LIMITS, QuorateError } from '../base/index.ts';
import type { Connection } from '../engine/index.ts';
import {
  backfillChecksum,
  type ManifestEntry,
  type MigrationClaim,
  type MigrationOptions,
  type Program,
  parseSchemaRequest,
  type SchemaRequest,
  sqlChecksum,
} from '../schema/index.ts';
import { explain } from './explanation.ts';
import { failureOf, RAW_CODE } from './failure.ts';
import type { Job } from './job.ts';
import { keepJson } from './json-answer.ts';
import type { MachineCore } from './machine-core.ts';
import type { MachineDatabase } from './machine-database.ts';
import type { SqlFailure } from './messages.ts';
import type { RequestTable } from './request-table.ts';
import { type Presence, silentNodes } from './schema-barrier.ts';
import { runBackfill } from './schema-batch.ts';
import { baseline, control, taskDone } from './schema-control.ts';
import { forget } from './schema-expiry.ts';
import { ATTEMPTS_MAX, FINGERPRINT, readiness } from './schema-readiness.ts';
import { leave, register, report } from './schema-register.ts';
import { schemaScript } from './schema-script.ts';
import { SchemaSql } from './schema-sql.ts';
import { SchemaStore } from './schema-store.ts';
import { SchemaTransaction } from './schema-transaction.ts';
import type { Sealer } from './sealer.ts';
import { type TransactionKeeper, tooLong } from './transaction-keeper.ts';
import type { WriteQueue } from './write-queue.ts';

/** A migration in code, whose statements its session sends. */
export interface OpenMigration {
  readonly transaction: SchemaTransaction;
  readonly run: string;
}

/** A backfill defines nothing; code may define anything. */
const NO_SCRIPT = { definesSchema: false, renames: new Map<string, string>() };
const ANY_SCRIPT = { definesSchema: true, renames: new Map<string, string>() };

/** What a migration itself fails with, as opposed to what keeps it from beginning. */
const NOTED = new Set([
  ...['MIGRATION_FAILED', 'MIGRATION_TOO_LARGE', 'MIGRATION_STALL', 'PRECHECK_FAILED'],
  ...['POSTCHECK_FAILED', 'ROWCOUNT_TRIPWIRE', 'FK_VIOLATION', 'DANGLING_OBJECT'],
  'BACKFILL_INCOMPLETE',
]);

type Single = Exclude<SchemaRequest, { readonly op: 'begin' | 'end' }>;

/**
 * Requests about schema migrations, on the leader: each is one write transaction of its own, in which it is decided and done. What runs a migration is sealed
 * alone, so that one entry of the log is exactly one migration with its record.
 */
export class SchemaDesk {
  readonly #core: MachineCore;
  readonly #queue: WriteQueue;
  readonly #keeper: TransactionKeeper;
  readonly #sealer: Sealer;
  readonly #requests: RequestTable;
  /** When participants were last heard of, in this epoch. */
  readonly #heard = new Map<string, number>();
  #epoch: number | undefined;
  #since = 0;

  constructor(
    core: MachineCore,
    queue: WriteQueue,
    keeper: TransactionKeeper,
    sealer: Sealer,
    requests: RequestTable,
  ) {
    this.#core = core;
    this.#queue = queue;
    this.#keeper = keeper;
    this.#sealer = sealer;
    this.#requests = requests;
  }

  /** One step of a request; false when it waits or has ended. */
  advance(job: Job, database: MachineDatabase): boolean {
    const { work } = job.submit;
    assert(work.action === 'schema', 'no request about the schema');
    const request = parseSchemaRequest(work.json);
    this.#newEpoch();
    if (request.op === 'end') return this.#end(job, database, request.run);
    if (job.session.inTransaction || job.session.permanent) {
      throw new QuorateError(
        'SCHEMA_BAD_REQUEST',
        `'${request.op}' cannot be asked inside a transaction`,
      );
    }
    if (!this.#queue.admit(database, job, true)) return false;
    // Everything before it goes first: it is alone in its entry.
    this.#sealer.sealAll();
    if (request.op === 'begin') return this.#begin(job, database, request);
    return this.#single(job, database, request);
  }

  #newEpoch(): void {
    if (this.#epoch === this.#core.epoch) return;
    this.#epoch = this.#core.epoch;
    this.#since = this.#core.clock.now();
    this.#heard.clear();
  }

  #single(job: Job, database: MachineDatabase, request: Single): boolean {
    const connection = database.openPrivate();
    try {
      const answer = this.#perform(job, database, connection, request);
      return this.#answer(job, connection, answer);
    } catch (error) {
      const reason = this.#reason(job, connection, error);
      if (request.op === 'migrate' || request.op === 'batch') {
        this.#noteFailure(job, database, request, reason, request.op === 'batch');
      }
      return this.#requests.end(job, reason);
    } finally {
      connection.close();
    }
  }

  #perform(job: Job, database: MachineDatabase, connection: Connection, request: Single): object {
    const nowMs = this.#core.clock.wallMs();
    switch (request.op) {
      case 'register':
        if (request.pretend) {
          return this.#read(job, database, connection, (sql) => ({
            namespaces: request.programs.map((program) => report(sql, program)),
          }));
        }
        this.#hear(request.participant.id);
        return this.#write(job, database, connection, (sql) => {
          const presence = this.#presence();
          const answer = register(sql, request, presence, nowMs);
          if (answer.changed) forget(sql, presence, nowMs, this.#core.limits.schemaClients);
          const { declaration, namespaces } = answer;
          const stores = namespaces.map(({ namespace }) => new SchemaStore(sql, namespace));
          return { declaration, namespaces, silent: silentNodes(stores, presence) };
        });
      case 'leave':
        return this.#write(job, database, connection, (sql) => ({
          left: leave(sql, request.id, request.boot),
        }));
      case 'control':
        return this.#write(job, database, connection, (sql) => control(sql, request, nowMs));
      case 'baseline':
        return this.#write(job, database, connection, (sql) =>
          baseline(sql, request, knownProgram(sql, request.manifest), nowMs),
        );
      case 'task':
        return this.#write(job, database, connection, (sql) => taskDone(sql, request, nowMs));
      case 'migrate':
        this.#hear(request.by);
        return this.#migrate(job, database, connection, request);
      case 'batch':
        // Who works through a backfill does not register meanwhile.
        this.#hear(request.by);
        return this.#batch(job, database, connection, request);
    }
  }

  #migrate(
    job: Job,
    database: MachineDatabase,
    connection: Connection,
    request: Extract<SchemaRequest, { readonly op: 'migrate' }>,
  ): object {
    const script = schemaScript(request.sql);
    const checksum = sqlChecksum(request.sql);
    const applied = this.#attempt(job, database, connection, request, checksum);
    if (applied !== undefined) return applied;
    if (script.foreignKeysOff) connection.execute('PRAGMA foreign_keys = OFF');
    if (script.legacyAlterTable) connection.execute('PRAGMA legacy_alter_table = ON');
    const startedMs = this.#core.clock.wallMs();
    return this.#limited(job, request.options, () =>
      this.#write(job, database, connection, (sql) => {
        const { store, program, entry, state } = this.#ready(sql, request, true, checksum);
        if (state === 'applied') return already(store, entry);
        const transaction = new SchemaTransaction(
          ...([store, request, program, entry, request.options, startedMs, script] as const),
        );
        transaction.run(script);
        const count = script.statements.length;
        const nowMs = this.#core.clock.wallMs();
        return transaction.finish(script, count, nowMs);
      }),
    );
  }

  #batch(
    job: Job,
    database: MachineDatabase,
    connection: Connection,
    request: Extract<SchemaRequest, { readonly op: 'batch' }>,
  ): object {
    const startedMs = this.#core.clock.wallMs();
    return this.#limited(job, request.options, () =>
      this.#write(job, database, connection, (sql) => {
        const checksum = backfillChecksum(request.batch);
        const { store, program, entry, state } = this.#ready(sql, request, false, checksum);
        if (state === 'applied') return { ...already(store, entry), complete: true };
        const { batch, options } = request;
        const before = runBackfill(store, entry.name, batch, options.mayLoseRows);
        if (!before.complete) return before;
        const transaction = new SchemaTransaction(
          ...([store, request, program, entry, options, startedMs, undefined] as const),
        );
        const applied = transaction.finish(NO_SCRIPT, 0, this.#core.clock.wallMs());
        return { ...applied, ...before };
      }),
    );
  }

  /** Notes the attempt in a transaction of its own: it is remembered whatever becomes of this leader. */
  #attempt(
    job: Job,
    database: MachineDatabase,
    connection: Connection,
    request: MigrationClaim,
    checksum?: string,
  ): object | undefined {
    const applied = this.#write(job, database, connection, (sql) => {
      const { store, entry, state } = this.#ready(sql, request, false, checksum);
      if (state === 'applied') return already(store, entry);
      store.attempt(entry.name);
      return undefined;
    });
    this.#sealer.sealAll();
    return applied;
  }

  /** `noted`: this attempt is counted already. `checksum`: of what was sent; code has none that the leader could see. */
  #ready(sql: SchemaSql, claim: MigrationClaim, noted = true, checksum?: string) {
    const program = knownProgram(sql, claim.manifest);
    const entry = program.entry(claim.name);
    if (entry === undefined || program.manifest.namespace !== claim.namespace) {
      throw new QuorateError(
        'MIGRATION_UNKNOWN',
        `there is no migration ${claim.name} in '${claim.namespace}'`,
      );
    }
    if (checksum !== undefined && checksum !== entry.checksum) throw otherText(entry, checksum);
    const store = new SchemaStore(sql, claim.namespace);
    const recorded = new SchemaStore(sql, '').control(FINGERPRINT);
    const most = noted ? ATTEMPTS_MAX + 1 : ATTEMPTS_MAX;
    const state = readiness(store, program, entry, this.#presence(), recorded, most);
    return { store, program, entry, state };
  }

  #presence(): Presence {
    return {
      members: this.#core.memberIds,
      fenced: this.#core.fenced,
      heard: (id: string) => this.#isHeard(id),
      silentMs: (id: string) => this.#silentMs(id),
    };
  }

  #hear(id: string): void {
    const most = this.#core.limits.schemaClients;
    if (this.#heard.size >= most) {
      // Whoever is silent for longer is judged the same without an entry.
      for (const each of this.#heard.keys()) if (!this.#isHeard(each)) this.#heard.delete(each);
    }
    if (this.#heard.size >= most) {
      // Who is forgotten counts as heard of just now: a barrier must not open because a list was full.
      this.#heard.clear();
      this.#since = this.#core.clock.now();
    }
    this.#heard.set(id, this.#core.clock.now());
  }

  #isHeard(id: string): boolean {
    return this.#silentMs(id) <= LIMITS.schemaLeaseMs;
  }

  #silentMs(id: string): number {
    return this.#core.clock.now() - (this.#heard.get(id) ?? this.#since);
  }

  /** The time that other writers wait for a migration is limited. */
  #limited<T>(job: Job, { stallMs }: MigrationOptions, run: () => T): T {
    const { session } = job;
    session.transactionDeadline = this.#core.clock.now() + (stallMs || LIMITS.schemaStallMs);
    try {
      return run();
    } finally {
      session.transactionDeadline = Number.POSITIVE_INFINITY;
    }
  }

  #read<T>(
    job: Job,
    database: MachineDatabase,
    connection: Connection,
    run: (sql: SchemaSql) => T,
  ): T {
    job.saw(this.#core.observedHead(database));
    return this.#core.guard.run(job, () => {
      connection.privileged = true;
      connection.execute('BEGIN');
      try {
        const sql = new SchemaSql(connection);
        SchemaStore.create(sql);
        return run(sql);
      } finally {
        if (!connection.autocommit) connection.execute('ROLLBACK');
      }
    });
  }

  #write<T>(
    job: Job,
    database: MachineDatabase,
    connection: Connection,
    run: (sql: SchemaSql) => T,
  ): T {
    const before = this.#core.observedHead(database);
    try {
      return this.#core.guard.run(job, () => {
        connection.privileged = true;
        connection.execute('BEGIN IMMEDIATE');
        try {
          const result = run(new SchemaSql(connection));
          connection.execute('COMMIT');
          return result;
        } finally {
          if (!connection.autocommit) connection.execute('ROLLBACK');
        }
      });
    } finally {
      if (this.#core.guard.takeChanged()) this.#committed(job, database);
      else job.saw(before);
    }
  }

  #committed(job: Job, database: MachineDatabase): void {
    database.transactions++;
    database.unsealedTransactions++;
    job.saw(this.#core.observedCommit(database));
  }

  #answer(job: Job, connection: Connection, answer: object): boolean {
    this.#sealer.sealAll();
    keepJson(job, connection, answer, job.session.counters.lastInsertRowid);
    return this.#requests.finish(job, { kind: 'done', results: job.results });
  }

  #reason(job: Job, connection: Connection, error: unknown): SqlFailure {
    if (connection.tooLarge) {
      return {
        ...failureOf(error),
        code: 'MIGRATION_TOO_LARGE',
        message: 'the migration changes more than one entry of the log may hold: do it in batches',
        rawCode: RAW_CODE.full,
      };
    }
    const plain = explain(job, connection, this.#core.guard, error);
    if (job.stop !== 'total') return plain;
    return {
      ...plain,
      code: 'MIGRATION_STALL',
      message:
        'the migration kept all writers waiting for longer than allowed and was rolled back: do it in batches, or allow more (stallMs)',
      retryable: false,
    };
  }

  /** In a transaction of its own, since that of the migration is gone. `countsNow`: the attempt was not noted when it began. */
  #noteFailure(
    job: Job,
    database: MachineDatabase,
    { namespace, name }: Pick<MigrationClaim, 'namespace' | 'name'>,
    reason: SqlFailure,
    countsNow = false,
  ): void {
    if (!NOTED.has(reason.code)) return;
    if (reason.retryable || this.#core.epoch === undefined || job.stop === 'closed') return;
    const connection = database.openPrivate();
    job.stop = undefined;
    try {
      this.#write(job, database, connection, (sql) => {
        if (!SchemaStore.exist(sql)) return;
        const store = new SchemaStore(sql, namespace);
        if (countsNow) store.attempt(name);
        store.failed(name, reason.message);
        if (store.job(name).attempts >= ATTEMPTS_MAX) {
          store.putState({ ...store.state(), phase: 'failed' });
        }
        SchemaStore.touch(sql);
      });
      this.#sealer.sealAll();
    } catch (error) {
      // It is told to the caller in any case.
      if (!(error instanceof QuorateError)) throw error;
    } finally {
      connection.close();
    }
  }

  /** Opens the write transaction of a migration in code. */
  #begin(
    job: Job,
    database: MachineDatabase,
    request: Extract<SchemaRequest, { readonly op: 'begin' }>,
  ): boolean {
    const { session } = job;
    if (session.id === 0) {
      throw new QuorateError('SCHEMA_BAD_REQUEST', "'begin' needs a session that stays open");
    }
    const connection = database.openPrivate();
    let open = false;
    try {
      const checksum = request.checksum === '' ? undefined : request.checksum;
      const applied = this.#attempt(job, database, connection, request, checksum);
      if (applied !== undefined) return this.#answer(job, connection, applied);
      const base = this.#core.observedHead(database);
      this.#core.guard.run(job, () => {
        connection.privileged = true;
        connection.execute('BEGIN IMMEDIATE');
        const { store, program, entry } = this.#ready(new SchemaSql(connection), request);
        const startedMs = this.#core.clock.wallMs();
        const transaction = new SchemaTransaction(
          ...([store, request, program, entry, request.options, startedMs, undefined] as const),
        );
        session.migration = { transaction, run: request.run };
        connection.privileged = false;
      });
      open = true;
      session.home = connection;
      session.database = database;
      this.#keeper.follow(job, base, undefined);
      const late = tooLong(
        'MIGRATION_STALL',
        'the migration kept all writers waiting for too long',
      );
      this.#keeper.limit(session, request.options.stallMs || LIMITS.schemaStallMs, late);
      return this.#answer(job, connection, { outcome: 'begun' });
    } catch (error) {
      session.migration = undefined;
      return this.#requests.end(job, this.#reason(job, connection, error));
    } finally {
      if (!open) connection.close();
    }
  }

  /** Checks, records and commits the migration in code that the session has run. */
  #end(job: Job, database: MachineDatabase, run: string): boolean {
    const { session } = job;
    const { home, migration } = session;
    if (home === undefined || migration === undefined || migration.run !== run) {
      throw new QuorateError('SCHEMA_BAD_REQUEST', 'this session has no migration that could end');
    }
    const base = session.base ?? this.#core.observedHead(database);
    let answer: object | undefined;
    let failed: unknown;
    try {
      this.#core.guard.run(job, () => {
        home.privileged = true;
        answer = migration.transaction.finish(ANY_SCRIPT, 0, this.#core.clock.wallMs());
        home.execute('COMMIT');
      });
    } catch (error) {
      failed = error;
      if (!home.autocommit) home.execute('ROLLBACK');
    }
    if (this.#core.guard.takeChanged()) this.#committed(job, database);
    else job.saw(base);
    const reason = failed === undefined ? undefined : this.#reason(job, home, failed);
    session.migration = undefined;
    session.permanent = false;
    // The client ended it: nothing is left that it would have to roll back.
    session.endTransaction();
    if (database.owner === session) database.owner = undefined;
    this.#queue.woken = true;
    session.leaveHome();
    if (reason !== undefined) {
      this.#noteFailure(job, database, migration.transaction.claim, reason);
      return this.#requests.end(job, reason);
    }
    assert(answer !== undefined, 'a migration that ended has a report');
    const spare = database.openPrivate();
    try {
      return this.#answer(job, spare, answer);
    } finally {
      spare.close();
    }
  }
}

function knownProgram(sql: SchemaSql, digest: string): Program {
  const program = SchemaStore.exist(sql) ? SchemaStore.program(sql, digest) : undefined;
  if (program !== undefined) return program;
  throw new QuorateError(
    'SCHEMA_UNREGISTERED',
    'the database does not know these migrations: register them first',
  );
}

function otherText({ name, checksum }: ManifestEntry, sent: string): QuorateError {
  return new QuorateError(
    'CHECKSUM_MISMATCH',
    `${name}: what was sent has the checksum ${sent}, and the list that this program registered says ${checksum}: a defect of the program that sends it`,
  );
}

function already(store: SchemaStore, entry: ManifestEntry): object {
  const applied = store.named(entry.name);
  return {
    outcome: 'already',
    name: entry.name,
    version: store.state().version,
    run: store.runOf(entry.name),
    by: applied?.by ?? '',
  };
}
