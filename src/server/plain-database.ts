import { fromUtf8, utf8 } from '../base/index.ts';
import type { NodeRequest, NodeSession, RequestResult } from '../node/index.ts';
import { areUsable, type ClientResponse, type DecodedRequest } from '../wire/index.ts';
import type { SessionContext } from './context.ts';
import { plainRequest } from './node-request.ts';
import {
  BAD_PARAMETERS,
  EXEC_FAILED,
  executionFailure,
  FAILURE,
  failure,
  NO_STATEMENT,
} from './plain-failure.ts';
import { StatementTable } from './statement-table.ts';

/** Requests that run SQL. */
export type SqlRequest = Extract<
  DecodedRequest,
  { readonly type: 'prepare' | 'exec' | 'query' | 'exec-sql' | 'query-sql' }
>;

/** The database that a plain connection has open: its session at the node and its statements. */
export class PlainDatabase {
  readonly name: string;
  readonly session: NodeSession;
  readonly statements = new StatementTable();
  readonly #statementsMax: number;
  readonly #declaration: string;
  readonly #reads: SessionContext['dqliteReads'];
  #rowsAffected = 0;
  #lastInsertRowid = 0n;

  /** `declaration`: what the client's code knows of the schema, '' = nothing. `lost`: this object is of no use any more. */
  constructor(context: SessionContext, name: string, declaration: string, lost: () => void) {
    this.name = name;
    this.#declaration = declaration;
    this.#reads = context.dqliteReads;
    this.#statementsMax = context.limits.statementsPerConnection;
    this.session = context.services.openSession({
      readOnly: false,
      transactionIdleMs: context.limits.transactionIdleMs,
      transactionTotalMs: context.limits.transactionTotalMs,
      lost,
    });
  }

  /** What the node has to do for the request, or the failure that needs no node. */
  begin(request: SqlRequest): NodeRequest | ClientResponse {
    if (request.type === 'prepare') return this.#beginPrepare(request.schema, request.sql);
    const exec = request.type === 'exec' || request.type === 'exec-sql';
    let sql: string;
    if ('statement' in request) {
      const statement = this.statements.get(request.statement);
      if (statement === undefined) return NO_STATEMENT;
      sql = statement.sql;
    } else sql = request.sql;
    const { parameters } = request;
    if (!areUsable(parameters)) return exec ? BAD_PARAMETERS : EXEC_FAILED;
    if (request.type === 'exec-sql') {
      return this.#request({ action: 'script', sql, parameters, rows: 'refuse' });
    }
    return this.#request({
      action: 'statement',
      statement: { sql, parameters: { kind: 'positional', values: parameters } },
      rows: exec ? 'refuse' : 'send',
      tail: request.type === 'query-sql' ? 'refuse' : 'ignore',
      surplus: exec ? 'ignore' : 'refuse',
    });
  }

  #beginPrepare(schema: number, sql: string): NodeRequest | ClientResponse {
    if (schema > 1) return failure(FAILURE.error, 'unrecognized schema version');
    if (this.statements.count >= this.#statementsMax) {
      return failure(FAILURE.error, `more than ${this.#statementsMax} prepared statements`);
    }
    return this.#request({ action: 'describe', sql });
  }

  #request(work: NodeRequest['work']): NodeRequest {
    return plainRequest(this.name, work, this.#declaration, this.#reads);
  }

  /** The response to a request that the node has answered; undefined when its rows were the response. */
  finish(request: SqlRequest, result: RequestResult): ClientResponse | undefined {
    if (result.kind !== 'described') this.#remember(request, result.results);
    if (result.kind === 'failed') return executionFailure(result.failure);
    if (request.type === 'query' || request.type === 'query-sql') return undefined;
    if (request.type === 'prepare') return this.#prepared(request, result);
    return {
      type: 'result',
      lastInsertRowid: this.#lastInsertRowid,
      rowsAffected: BigInt(this.#rowsAffected),
    };
  }

  #prepared(
    request: Extract<SqlRequest, { readonly type: 'prepare' }>,
    result: RequestResult,
  ): ClientResponse {
    if (result.kind !== 'described') return EXEC_FAILED;
    const { description } = result;
    if (request.schema === 0 && !description.tailEmpty) {
      return failure(FAILURE.error, 'nonempty statement tail');
    }
    const sql = fromUtf8(utf8(request.sql).subarray(0, description.tail));
    return {
      type: 'stmt',
      db: 0,
      statement: this.statements.add({ sql }),
      parameters: description.parameters.length,
      tail: request.schema === 0 ? undefined : description.tail,
    };
  }

  /**
   * Counters stay as the last statement left them, also for a request without statements (§8.6). A query that ran
   * on a reader knows nothing of the session's counters and gives zeroes.
   */
  #remember(
    request: SqlRequest,
    results: Extract<RequestResult, { readonly kind: 'done' }>['results'],
  ): void {
    // Encoded are only those of a batch, which this protocol does not know.
    const last = results instanceof Uint8Array ? undefined : results.at(-1);
    if (last === undefined) return;
    const { rowsAffected, lastInsertRowid } = last;
    const isQuery = request.type === 'query' || request.type === 'query-sql';
    if (isQuery && rowsAffected === 0 && lastInsertRowid === 0n) return;
    this.#rowsAffected = rowsAffected;
    this.#lastInsertRowid = lastInsertRowid;
  }
}
