import type { ExecutorBase } from './executor.ts';
import { resultAs } from './rows.ts';
import type { Args, CallOptions, Prepared, ResultSet, StatementInfo } from './types.ts';

/**
 * A statement by its text: servers cache the compiled form for each connection, so nothing is held open
 * for it and it survives a change of leader.
 */
export class PreparedStatement<R extends object> implements Prepared<R> {
  readonly sql: string;
  readonly #executor: ExecutorBase;
  readonly #describe: (options: CallOptions) => Promise<StatementInfo>;
  #info: StatementInfo | undefined;

  constructor(
    sql: string,
    executor: ExecutorBase,
    describe: (options: CallOptions) => Promise<StatementInfo>,
  ) {
    this.sql = sql;
    this.#executor = executor;
    this.#describe = describe;
  }

  async describe(options: CallOptions = {}): Promise<StatementInfo> {
    this.#info ??= await this.#describe(options);
    return this.#info;
  }

  async execute(args?: Args, options?: CallOptions): Promise<ResultSet<R>> {
    return resultAs<R>(await this.#executor.execute(this.sql, args, options));
  }

  all(args?: Args, options?: CallOptions): Promise<R[]> {
    return this.#executor.query<R>(this.sql, args, options);
  }

  first(args?: Args, options?: CallOptions): Promise<R | undefined> {
    return this.#executor.first<R>(this.sql, args, options);
  }

  stream(args?: Args, options?: CallOptions): AsyncIterableIterator<R> {
    return this.#executor.stream<R>(this.sql, args, options);
  }

  [Symbol.dispose](): void {
    this.#info = undefined;
  }
}
