import { LIMITS, logIndex, Numbered, QuorateError, utf8 } from '../base/index.ts';
import { Call } from './call.ts';
import type { ClientCore } from './client.ts';
import { DatabaseEmitter } from './database-emitter.ts';
import { closedError, invalidArgument } from './errors.ts';
import { ExecutorBase, type Performed, type Request } from './executor.ts';
import type { Run, RunEnd } from './link.ts';
import { DatabaseReader, type LocalMode, type LocalView } from './local-reader.ts';
import type { NearbyReads } from './nearby-reads.ts';
import { integerReader } from './result-set.ts';
import { Position, parsePosition } from './session-position.ts';
import { RemoteTransaction } from './transaction.ts';
import type {
  CallOptions,
  Consistency,
  Database,
  DatabaseEvents,
  DatabaseOptions,
  LocalReader,
  Schema,
  SchemaEvent,
  Session,
  StatementInfo,
  Transaction,
  Transactional,
  TransactionMode,
  TransactionOptions,
} from './types.ts';

const TIMEOUT_MS = 30_000;

/** What database and session have in common. */
abstract class RemoteTransactional extends ExecutorBase implements Transactional {
  protected readonly core: ClientCore;
  readonly name: string;
  protected readonly defaults: DatabaseOptions;
  protected readonly position: Position;
  readonly #calls = new Numbered<Call>();
  readonly #transactions = new Set<RemoteTransaction>();
  #closed = false;

  constructor(core: ClientCore, name: string, defaults: DatabaseOptions, position: Position) {
    super();
    this.core = core;
    this.name = name;
    this.defaults = defaults;
    this.position = position;
  }

  get closed(): boolean {
    return this.#closed;
  }

  protected begin(options: CallOptions, timeoutMs?: number): Call {
    if (this.#closed) throw closedError('database');
    const limitMs = timeoutMs ?? options.timeoutMs ?? this.defaults.timeoutMs ?? TIMEOUT_MS;
    const call = new Call(this.core.deadlines, limitMs, options.signal);
    call.number = this.#calls.add(call);
    return call;
  }

  protected finish(call: Call): void {
    call.finish();
    this.#calls.delete(call.number);
  }

  /** The options of a call as the wire wants them. */
  protected run(request: Request): Run {
    const { options, write } = request;
    const wanted = options.consistency ?? this.defaultConsistency;
    const consistency = wanted === 'session' && !this.position.isKnown ? 'linearizable' : wanted;
    const staleness = consistency === 'local' && !write ? options.maxStaleness : undefined;
    return {
      consistency: write ? 'linearizable' : consistency,
      kind: request.kind,
      mode: request.mode,
      minimumIndex: consistency === 'session' && !write ? this.position.index : logIndex(0),
      maxStalenessMs: staleness?.ms,
      maxStalenessEntries: staleness?.entries,
      declaration: this.core.declarations.get(this.name) ?? '',
      database: this.name,
      statements: request.statements,
      write,
      integers: integerReader(options.integers ?? this.defaults.integers ?? 'auto'),
    };
  }

  protected get defaultConsistency(): Consistency {
    return this.defaults.consistency ?? 'linearizable';
  }

  protected perform(request: Request, call: Call): Promise<Performed> {
    const run = this.run(request);
    const { nearby } = this.core;
    if (
      nearby === undefined ||
      this.defaults.readFrom !== undefined ||
      !nearby.suits(request, run)
    ) {
      return this.#performOnLink(request, run, call);
    }
    return this.#performNearby(nearby, request, run, call);
  }

  async #performNearby(
    nearby: NearbyReads,
    request: Request,
    run: Run,
    call: Call,
  ): Promise<Performed> {
    const { mark } = this.position;
    const integers = request.options.integers ?? this.defaults.integers ?? 'auto';
    const end = await nearby.read(request, run, call, integers);
    if (end === undefined) return this.#performOnLink(request, run, call);
    this.#saw(run, mark, end);
    return { end, executedBy: nearby.executedBy };
  }

  #performOnLink(request: Request, run: Run, call: Call): Promise<Performed> {
    const { write } = request;
    return this.core.dispatcher.run(
      {
        leader: write,
        write,
        readFrom: request.options.readFrom ?? this.defaults.readFrom,
        repeatable: () => request.repeatable(),
        attempt: async (link) => {
          const { mark } = this.position;
          const end = await link.run(run, call, request.rows());
          this.#saw(run, mark, end);
          const address = end.nodeId === link.nodeId ? link.nodeAddress : '';
          return { end, executedBy: { id: end.nodeId, address } };
        },
      },
      call,
    );
  }

  /** `mark` was taken before the request was sent. */
  #saw({ write, consistency }: Run, mark: number, { index }: RunEnd): void {
    this.position.saw(index);
    if (!write && consistency === 'linearizable') this.position.covered(mark, index);
  }

  protected describeStatement(sql: string, call: Call): Promise<StatementInfo> {
    return this.core.dispatcher.run(
      {
        leader: false,
        write: false,
        readFrom: this.defaults.readFrom,
        repeatable: () => true,
        attempt: (link) => link.describe(this.name, sql, call),
      },
      call,
    );
  }

  transaction<T>(
    run: (transaction: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  transaction(mode?: TransactionMode, options?: TransactionOptions): Promise<Transaction>;
  transaction<T>(
    runOrMode: ((transaction: Transaction) => Promise<T>) | TransactionMode | undefined,
    options: TransactionOptions = {},
  ): Promise<T | Transaction> {
    if (typeof runOrMode === 'function') return this.#runTransaction(runOrMode, options);
    return this.#openTransaction({ ...options, mode: runOrMode ?? options.mode });
  }

  /** A transaction that a request about the schema begins; another one, `end`, commits it (room `migrate`). */
  openMigration(beginMigration: string, options: TransactionOptions): Promise<RemoteTransaction> {
    return this.#openTransaction({ ...options, mode: 'write' }, beginMigration);
  }

  async #openTransaction(
    options: TransactionOptions,
    beginMigration?: string,
  ): Promise<RemoteTransaction> {
    const mode = options.mode ?? 'write';
    const transaction = await this.within(options, (call) => {
      const readFrom = options.readFrom ?? this.defaults.readFrom;
      const run = (request: Request) => this.run(request);
      return RemoteTransaction.open(
        this.core,
        {
          database: this.name,
          mode,
          options,
          readFrom,
          run,
          begin: (callOptions, timeoutMs) => this.begin(callOptions, timeoutMs),
          finish: (ended) => this.finish(ended),
          saw: (index) => this.position.saw(index),
          closed: (ended) => this.#transactions.delete(ended),
          beginMigration,
        },
        call,
      );
    });
    this.#transactions.add(transaction);
    return transaction;
  }

  async #runTransaction<T>(
    run: (transaction: Transaction) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T> {
    for (let retriesLeft = options.retries ?? 0; ; retriesLeft--) {
      const transaction = await this.#openTransaction(options);
      try {
        const result = await run(transaction);
        if (!transaction.closed || transaction.aborted) await transaction.commit();
        return result;
      } catch (error) {
        await transaction.rollback();
        if (retriesLeft <= 0 || !(await this.#mayRunAgain(error, options))) throw error;
      }
    }
  }

  /** Only for a passing reason, and never when the transaction may have been committed. */
  async #mayRunAgain(error: unknown, options: TransactionOptions): Promise<boolean> {
    if (!(error instanceof QuorateError) || !error.retryable) return false;
    if (error.outcome === 'unknown' || error.outcome === 'committed') return false;
    if (options.signal?.aborted || this.#closed) return false;
    await this.within(options, (call) => this.core.tracker.backoff(0, call));
    return true;
  }

  /** Ends calls and transactions; nothing begins any more. */
  protected closeCalls(): void {
    this.#closed = true;
    for (const transaction of [...this.#transactions]) transaction.close();
    for (const call of this.#calls.values()) call.end(closedError('database'));
  }

  abstract [Symbol.asyncDispose](): Promise<void>;
}

/** A database reached over connections to its servers. */
export class RemoteDatabase extends RemoteTransactional implements Database {
  readonly local: LocalReader | undefined;
  readonly schema: Schema | undefined;
  readonly #emitter = new DatabaseEmitter();
  readonly #sessions = new Set<RemoteSession>();
  readonly #onClose: () => void;

  constructor(core: ClientCore, name: string, defaults: DatabaseOptions, onClose: () => void) {
    super(core, name, defaults, new Position());
    const bytes = utf8(name).length;
    if (bytes === 0 || bytes > LIMITS.databaseNameBytes || name.includes('\0')) {
      throw invalidArgument(`a database name has 1 to ${LIMITS.databaseNameBytes} bytes, no NUL`);
    }
    this.#onClose = onClose;
    const { localPages } = core;
    const open = (mode: LocalMode): LocalView => {
      if (this.closed || localPages === undefined) throw closedError('database');
      return localPages.open(name, mode, core.declarations.get(name) ?? '');
    };
    const integers = defaults.integers ?? 'auto';
    this.local = localPages === undefined ? undefined : new DatabaseReader(open, integers);
    if (defaults.schema !== undefined && core.openSchema === undefined) {
      throw invalidArgument('this client takes no part in migrations');
    }
    const { schema } = defaults;
    const tell = (event: SchemaEvent): unknown =>
      this.#emitter.tell(event, (each) => schema?.onEvent?.(each));
    this.schema =
      schema === undefined ? undefined : core.openSchema?.(this, { ...schema, onEvent: tell });
  }

  session(token?: string): Session {
    if (this.closed) throw closedError('database');
    const session = new RemoteSession(this.core, this.name, this.defaults, token, () =>
      this.#sessions.delete(session),
    );
    this.#sessions.add(session);
    return session;
  }

  /** All sessions of this database and client say from now on that their code knows these migrations. */
  declare(declaration: string): void {
    this.core.declarations.set(this.name, declaration);
  }

  /** The same database for sessions that declare nothing. */
  observer(): RemoteDatabase {
    const { schema: _, ...defaults } = this.defaults;
    return new RemoteDatabase(
      { ...this.core, declarations: new Map() },
      this.name,
      defaults,
      () => undefined,
    );
  }

  on<E extends keyof DatabaseEvents>(
    event: E,
    listener: (event: DatabaseEvents[E]) => void,
  ): () => void {
    return this.#emitter.on(event, listener);
  }

  protected override perform(request: Request, call: Call): Promise<Performed> {
    const performed = super.perform(request, call);
    const { schema } = this;
    if (schema === undefined) return performed;
    return performed.catch((error: unknown) => {
      // It learns why at once, not at its next look; once.
      const isNews = schema.reports.every(({ canServe }) => canServe);
      if (isNews && error instanceof QuorateError && error.code === 'SCHEMA_FENCED') schema.poke();
      throw error;
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    await this.schema?.close();
    this.closeCalls();
    for (const session of [...this.#sessions]) await session[Symbol.asyncDispose]();
    this.#onClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Reads of one user: they see the own writes and never go back. */
class RemoteSession extends RemoteTransactional implements Session {
  readonly #onClose: () => void;

  constructor(
    core: ClientCore,
    name: string,
    defaults: DatabaseOptions,
    token: string | undefined,
    onClose: () => void,
  ) {
    super(core, name, defaults, parsePosition(token));
    this.#onClose = onClose;
  }

  protected override get defaultConsistency(): Consistency {
    return 'session';
  }

  get token(): string {
    return this.position.token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closeCalls();
    this.#onClose();
  }
}
