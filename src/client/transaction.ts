import { type LogIndex, QuorateError } from '../base/index.ts';
import type { Call } from './call.ts';
import type { ClientCore } from './client.ts';
import { connectionLost, outcomeUnknown } from './dispatcher.ts';
import { atStatement, failureDetails, isInterruption, NotAnswered, withOutcome } from './errors.ts';
import { ExecutorBase, type Performed, type Request } from './executor.ts';
import type { Link, LinkStream, RowsHandler, Run } from './link.ts';
import { mayCommit, mayEnd } from './read-only.ts';
import type {
  BatchStatement,
  CallOptions,
  ReadFrom,
  ResultSet,
  StatementInfo,
  Transaction,
  TransactionMode,
  TransactionOptions,
} from './types.ts';
import { toStatement } from './values.ts';

/** What a transaction needs of the database or session that opened it. */
export interface TransactionParent {
  readonly database: string;
  readonly mode: TransactionMode;
  readonly options: TransactionOptions;
  readonly readFrom: ReadFrom | undefined;
  run(request: Request): Run;
  begin(options: CallOptions, timeoutMs?: number): Call;
  finish(call: Call): void;
  saw(index: LogIndex): void;
  closed(transaction: RemoteTransaction): void;
  /** A migration in code (room `migrate`): the request that begins it, instead of BEGIN. */
  readonly beginMigration?: string | undefined;
}

const ROLLBACK_MS = 5_000;
const noRows: RowsHandler = (_statement, _columns, _rows, taken) => taken();

/** A transaction on a stream of one node. */
export class RemoteTransaction extends ExecutorBase implements Transaction {
  readonly #parent: TransactionParent;
  readonly #stream: LinkStream;
  /** What the request that began a migration was told, as JSON; '' for other transactions. */
  readonly begun: string;
  #state: 'open' | 'aborted' | 'ended' = 'open';
  #savepointLast = 0;
  /** Whether the server surely took it back, once it is aborted. */
  #rolledBack = true;

  private constructor(parent: TransactionParent, stream: LinkStream, begun: string) {
    super();
    this.begun = begun;
    this.#parent = parent;
    this.#stream = stream;
  }

  /** Opens a stream on a fitting node and begins. Nothing has happened when it fails. */
  static async open(
    core: ClientCore,
    parent: TransactionParent,
    call: Call,
  ): Promise<RemoteTransaction> {
    const reading = parent.mode === 'read';
    const begin = parent.mode === 'write' ? 'begin immediate' : 'begin';
    const { beginMigration } = parent;
    const run = parent.run({
      ...control(beginMigration ?? begin, parent, reading),
      kind: beginMigration === undefined ? 'statement' : 'schema',
    });
    let begun = '';
    const rows: RowsHandler = (_statement, _columns, values, taken) => {
      begun = String(values[0]?.[0] ?? '');
      taken();
    };
    const attempt = async (link: Link) => {
      const { database, options } = parent;
      const idleMs = options.idleMs ?? 0;
      const stream = link.openStream({ database, readOnly: reading, idleMs, totalMs: 0 }, call);
      try {
        await stream.run(run, call, rows);
        return stream;
      } catch (error) {
        stream.close();
        throw error;
      }
    };
    const { readFrom } = parent;
    const stream = await core.dispatcher.run(
      { leader: !reading, write: false, readFrom, repeatable: () => true, attempt },
      call,
    );
    return new RemoteTransaction(parent, stream, begun);
  }

  get closed(): boolean {
    return this.#state !== 'open';
  }

  /** Ended by the server or by a lost connection, not by its owner. */
  get aborted(): boolean {
    return this.#state === 'aborted';
  }

  protected begin(options: CallOptions, timeoutMs?: number): Call {
    const { signal, timeoutMs: limitMs } = this.#parent.options;
    const defaults = { signal, timeoutMs: limitMs };
    return this.#parent.begin({ ...defaults, ...definedOnly(options) }, timeoutMs);
  }

  protected finish(call: Call): void {
    this.#parent.finish(call);
  }

  #end(state: 'aborted' | 'ended'): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    this.#stream.close();
    this.#parent.closed(this);
  }

  #checkOpen(): void {
    if (this.#state === 'aborted') {
      throw this.#rolledBack
        ? new QuorateError('TX_ABORTED', 'the transaction was rolled back', {
            outcome: 'rolled-back',
            retryable: true,
          })
        : new QuorateError('TX_ABORTED', 'the transaction has ended, and may be committed', {
            outcome: 'unknown',
          });
    }
    if (this.#state === 'ended') {
      throw new QuorateError('TX_CLOSED', 'the transaction is closed');
    }
  }

  protected async perform(request: Request, call: Call): Promise<Performed> {
    this.#checkOpen();
    const { integers, consistency } = this.#parent.options;
    const options = { integers, consistency, ...definedOnly(request.options) };
    const reading = this.#parent.mode === 'read';
    const run = this.#parent.run({ ...request, options, write: !reading });
    try {
      const end = await this.#stream.run(run, call, request.rows());
      this.#parent.saw(end.index);
      if (!end.inTransaction) {
        // The user's own COMMIT or ROLLBACK as SQL text; after anything else the server has ended it.
        const own =
          request.kind === 'script' ||
          request.kind === 'schema' ||
          request.statements.some(({ sql }) => mayEnd(sql));
        this.#end(own ? 'ended' : 'aborted');
      }
      const { link } = this.#stream;
      const address = end.nodeId === link.nodeId ? link.nodeAddress : '';
      return { end, executedBy: { id: end.nodeId, address } };
    } catch (error) {
      const judged = this.#judge(error, request);
      if (call.ended === undefined || !(judged instanceof QuorateError)) throw judged;
      if (judged.code === call.ended.code || !isInterruption(judged)) throw judged;
      throw withOutcome(call.ended, judged.outcome, judged.outcome === 'rolled-back');
    }
  }

  /** What a failed statement means for the transaction. */
  #judge(error: unknown, request: Request): unknown {
    if (error instanceof NotAnswered) {
      this.#end('aborted');
      const committing =
        error.sent &&
        (request.kind === 'script' ||
          request.kind === 'schema' ||
          request.statements.some(({ sql }) => mayCommit(sql)));
      this.#rolledBack = !committing;
      const { ended } = error;
      if (ended !== undefined) {
        return committing
          ? withOutcome(ended, 'unknown', false)
          : withOutcome(ended, 'rolled-back');
      }
      return committing ? outcomeUnknown(error) : connectionLost(error, 'rolled-back');
    }
    if (!(error instanceof QuorateError)) return error;
    const details = failureDetails(error);
    if (details !== undefined && !details.inTransaction) {
      this.#end('aborted');
      // A script may have committed before the statement that failed.
      const committed = request.kind === 'script' && details.statementsInEffect > 0;
      this.#rolledBack = !committed && (error.outcome ?? 'rolled-back') === 'rolled-back';
      return withOutcome(error, committed ? undefined : (error.outcome ?? 'rolled-back'));
    }
    return error;
  }

  protected async describeStatement(sql: string, call: Call): Promise<StatementInfo> {
    this.#checkOpen();
    try {
      return await this.#stream.link.describe(this.#parent.database, sql, call);
    } catch (error) {
      if (error instanceof NotAnswered) throw error.ended ?? connectionLost(error);
      throw error;
    }
  }

  /** Within a transaction a batch is undone as a whole by a savepoint. */
  override async batch(
    statements: readonly BatchStatement[],
    _mode?: TransactionMode,
    options: CallOptions = {},
  ): Promise<ResultSet[]> {
    const texts = statements.map((statement) => toStatement(statement));
    return this.savepoint(async () => {
      const results: ResultSet[] = [];
      for (const [index, text] of texts.entries()) {
        try {
          results.push(await this.executeText(text, options));
        } catch (error) {
          throw error instanceof QuorateError ? atStatement(error, index) : error;
        }
      }
      return results;
    });
  }

  async #control(sql: string, options: CallOptions = {}): Promise<void> {
    await this.within(options, (call) => this.perform(control(sql, this.#parent, false), call));
  }

  async commit(): Promise<void> {
    this.#checkOpen();
    await this.#control('commit');
    this.#end('ended');
  }

  async rollback(): Promise<void> {
    if (this.#state !== 'open') return;
    try {
      // Not under the signal of the transaction: an aborted one is rolled back too.
      await this.#control('rollback', { signal: NEVER, timeoutMs: ROLLBACK_MS });
    } catch {
      // The server rolls back when the stream ends, which #end sees to.
    } finally {
      this.#end('ended');
    }
  }

  close(): void {
    this.#end('ended');
  }

  async savepoint<T>(run: (transaction: Transaction) => Promise<T>): Promise<T> {
    const name = `quorate_${++this.#savepointLast}`;
    await this.#control(`savepoint ${name}`);
    try {
      const result = await run(this);
      await this.#control(`release ${name}`);
      return result;
    } catch (error) {
      if (!this.closed) {
        await this.#control(`rollback to ${name}`);
        await this.#control(`release ${name}`);
      }
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.rollback();
  }
}

/** A signal that is never aborted. */
const NEVER = new AbortController().signal;

function control(sql: string, parent: TransactionParent, reading: boolean): Request {
  return {
    kind: 'statement',
    mode: 'write',
    statements: [{ sql, parameters: { kind: 'positional', values: [] } }],
    write: !reading,
    options: parent.options,
    whole: true,
    rows: () => noRows,
    repeatable: () => true,
  };
}

/** The options that were given, so that they replace defaults only then. */
function definedOnly(options: CallOptions): CallOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
