import { QuorateError } from '../base/index.ts';
import type { Call } from './call.ts';
import { asQuorateError, invalidArgument } from './errors.ts';
import type { RowsHandler, RunEnd, StatementText } from './link.ts';
import { PreparedStatement } from './prepared.ts';
import { surelyReadOnly } from './read-only.ts';
import { RowCollector, StatementResultSet } from './result-set.ts';
import { RowStream } from './row-stream.ts';
import { rowsAs } from './rows.ts';
import type {
  Args,
  BatchStatement,
  CallOptions,
  ExecutedBy,
  Executor,
  Prepared,
  ResultSet,
  Row,
  Statement,
  StatementInfo,
  TransactionMode,
} from './types.ts';
import { toStatement } from './values.ts';

/** What an executor has its place run: one statement, a script or a batch. */
export interface Request {
  readonly kind: 'statement' | 'script' | 'batch' | 'schema' | 'rehearse';
  readonly mode: TransactionMode;
  readonly statements: readonly StatementText[];
  /** False only when the text surely changes nothing. */
  readonly write: boolean;
  readonly options: CallOptions;
  /** Its rows reach the caller when it has ended. */
  readonly whole: boolean;
  /** Gives a fresh handler for each attempt. */
  rows(): RowsHandler;
  /** False once rows of an attempt have reached the caller. */
  repeatable(): boolean;
}

export interface Performed {
  readonly end: RunEnd;
  readonly executedBy: ExecutedBy;
}

const NO_OPTIONS: CallOptions = {};

/** A request whose rows are kept until it has ended. */
class CollectedRequest implements Request {
  readonly whole = true;
  readonly kind: Request['kind'];
  readonly mode: TransactionMode;
  readonly statements: readonly StatementText[];
  readonly write: boolean;
  readonly options: CallOptions;
  /** Of the last attempt; most writes have none. */
  #collector: RowCollector | undefined;
  #attempts = 0;

  constructor(
    kind: Request['kind'],
    mode: TransactionMode,
    statements: readonly StatementText[],
    write: boolean,
    options: CallOptions,
  ) {
    this.kind = kind;
    this.mode = mode;
    this.statements = statements;
    this.write = write;
    this.options = options;
  }

  rows(): RowsHandler {
    this.#collector = undefined;
    const attempt = ++this.#attempts;
    return (statementIndex, columns, values, taken) => {
      // What an attempt that was given up still sends is nobody's.
      if (attempt === this.#attempts) {
        this.#collector ??= new RowCollector();
        this.#collector.add(statementIndex, columns, values);
      }
      taken();
    };
  }

  repeatable(): boolean {
    return true;
  }

  collected(statementIndex: number): Row[] {
    return this.#collector?.rows(statementIndex) ?? [];
  }
}

/** The calls that database, session and transaction have in common; each says where they run. */
export abstract class ExecutorBase implements Executor {
  /** Runs a request. Throws QuorateError only. */
  protected abstract perform(request: Request, call: Call): Promise<Performed>;
  protected abstract describeStatement(sql: string, call: Call): Promise<StatementInfo>;
  /** Starts a call that ends with the executor at the latest. */
  protected abstract begin(options: CallOptions, timeoutMs?: number): Call;
  /** Counterpart of `begin`. */
  protected abstract finish(call: Call): void;

  protected async within<T>(options: CallOptions, run: (call: Call) => Promise<T>): Promise<T> {
    const call = this.begin(options);
    try {
      return await run(call);
    } catch (error) {
      throw asQuorateError(error);
    } finally {
      this.finish(call);
    }
  }

  async #collect(request: CollectedRequest): Promise<Performed> {
    const call = this.begin(request.options);
    try {
      return await this.perform(request, call);
    } catch (error) {
      throw asQuorateError(error);
    } finally {
      this.finish(call);
    }
  }

  async execute(
    statement: Statement,
    args?: Args,
    options: CallOptions = NO_OPTIONS,
  ): Promise<ResultSet> {
    const request = statementRequest(toStatement(statement, args), options);
    return resultSet(await this.#collect(request), request, 0);
  }

  /** As `execute`, for a statement whose parameters are converted already. */
  protected async executeText(text: StatementText, options: CallOptions): Promise<ResultSet> {
    const request = statementRequest(text, options);
    return resultSet(await this.#collect(request), request, 0);
  }

  async query<R extends object = Row>(
    sql: string,
    args?: Args,
    options?: CallOptions,
  ): Promise<R[]> {
    return rowsAs<R>((await this.execute(sql, args, options)).rows);
  }

  async first<R extends object = Row>(
    sql: string,
    args?: Args,
    options?: CallOptions,
  ): Promise<R | undefined> {
    return (await this.query<R>(sql, args, options))[0];
  }

  async batch(
    statements: readonly BatchStatement[],
    mode?: TransactionMode,
    options: CallOptions = NO_OPTIONS,
  ): Promise<ResultSet[]> {
    if (!Array.isArray(statements)) throw invalidArgument('batch takes an array of statements');
    const texts = statements.map((statement) => toStatement(statement));
    if (texts.length === 0) return [];
    const reading = texts.every(({ sql }) => surelyReadOnly(sql));
    const modeUsed = mode ?? (reading ? 'read' : 'write');
    const request = new CollectedRequest('batch', modeUsed, texts, modeUsed !== 'read', options);
    const performed = await this.#collect(request);
    return texts.map((_, statementIndex) => resultSet(performed, request, statementIndex));
  }

  async executeMultiple(sql: string, options: CallOptions = NO_OPTIONS): Promise<void> {
    const statements = [toStatement(sql)];
    await this.#collect(new CollectedRequest('script', 'write', statements, true, options));
  }

  /** Asks about the schema (room `schema`, as JSON) and gives the answer, JSON too. */
  async schemaRequest(json: string, options: CallOptions = NO_OPTIONS): Promise<string> {
    const request = new CollectedRequest('schema', 'write', [toStatement(json)], true, options);
    const { rows } = resultSet(await this.#collect(request), request, 0);
    return String(rows[0]?.[0]);
  }

  /** Tries migrations on a copy (room `schema`, as JSON) at the node that `readFrom` names, and gives the answer, JSON too. */
  async rehearse(json: string, options: CallOptions = NO_OPTIONS): Promise<string> {
    const local = { consistency: 'local', ...options } as const;
    const request = new CollectedRequest('rehearse', 'read', [toStatement(json)], false, local);
    const { rows } = resultSet(await this.#collect(request), request, 0);
    return String(rows[0]?.[0]);
  }

  stream<R extends object = Row>(
    sql: string,
    args?: Args,
    options: CallOptions = NO_OPTIONS,
  ): AsyncIterableIterator<R> {
    const text = toStatement(sql, args);
    return new RowStream<R>({
      begin: (timeoutMs) => this.begin(options, timeoutMs),
      finish: (call) => this.finish(call),
      timeoutMs: options.timeoutMs,
      perform: (call, rows, repeatable) =>
        this.perform(
          {
            kind: 'statement',
            mode: 'write',
            statements: [text],
            write: !surelyReadOnly(text.sql),
            options,
            whole: false,
            rows: () => rows,
            repeatable,
          },
          call,
        ),
    });
  }

  prepare<R extends object = Row>(sql: string): Prepared<R> {
    return new PreparedStatement<R>(sql, this, (options) =>
      this.within(options, (call) => this.describeStatement(sql, call)),
    );
  }
}

function statementRequest(text: StatementText, options: CallOptions): CollectedRequest {
  return new CollectedRequest('statement', 'write', [text], !surelyReadOnly(text.sql), options);
}

/** The result of one of the statements of a request. */
function resultSet(
  { end, executedBy }: Performed,
  request: CollectedRequest,
  statementIndex: number,
): ResultSet {
  const { results, index } = end;
  const result = results[statementIndex];
  if (result === undefined) {
    throw new QuorateError(
      'PROTOCOL',
      `the server sent ${results.length} results for ${request.statements.length} statements`,
    );
  }
  return new StatementResultSet(result, request.collected(statementIndex), index, executedBy);
}
