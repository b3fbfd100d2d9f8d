import { assert, ByteReader, QuorateError, utf8 } from '../base/index.ts';
import type { Connection, Prepared, Statement } from '../engine/index.ts';
import { statementStart } from '../sql/index.ts';
import type { TextRun } from '../wire/index.ts';
import { RAW_CODE } from './failure.ts';
import type { Submit, Work } from './messages.ts';
import { bindEncoded, bindParameters, bindPositional } from './parameters.ts';
import type { RowMode } from './statement-run.ts';

/** The statements of a request one after another, whatever kind of work it is. */
export interface WorkCursor {
  /** Number of the current statement, from 0; goes into failures of batches and scripts. */
  readonly index: number;
  readonly rows: RowMode;
  /** Text from the current statement on, for guesses about it; undefined when none is left. */
  readonly sql: string | undefined;
  /** Compiles the current statement; undefined when only white space and comments were left. */
  prepare(connection: Connection): Statement | undefined;
  bind(statement: Statement): void;
  /** The current statement, as prepared last, has been executed. */
  advance(): void;
}

type OneStatement = Extract<Work, { readonly action: 'statement' }>;
type Script = Extract<Work, { readonly action: 'script' }>;
type Batch = Extract<Work, { readonly action: 'batch' }>;

class StatementCursor implements WorkCursor {
  readonly index = 0;
  readonly rows: RowMode;
  readonly #work: OneStatement;
  readonly #submit: Submit;
  sql: string | undefined;

  constructor(work: OneStatement, submit: Submit) {
    this.#work = work;
    this.#submit = submit;
    this.rows = work.rows;
    this.sql = work.statement.sql;
  }

  prepare(connection: Connection): Statement | undefined {
    const { sql } = this.#work.statement;
    const prepared = connection.prepare(sql);
    if (this.#work.tail === 'refuse' && prepared.statement !== undefined) refuseTail(prepared, sql);
    return prepared.statement;
  }

  bind(statement: Statement): void {
    const { statement: request, surplus } = this.#work;
    bindParameters(statement, request.parameters, surplus, this.#submit.format);
  }

  advance(): void {
    this.sql = undefined;
  }
}

class BatchCursor implements WorkCursor {
  readonly rows = 'send';
  readonly #runs: readonly TextRun[];
  readonly #parameters: ByteReader;
  /** Where the parameters of the current statement begin; it can be bound more than once. */
  #start = 0;
  #run = 0;
  #inRun = 0;
  index = 0;

  constructor({ statements }: Batch) {
    this.#runs = statements.runs;
    this.#parameters = new ByteReader(statements.parameters);
  }

  get sql(): string | undefined {
    return this.#runs[this.#run]?.sql;
  }

  prepare(connection: Connection): Statement | undefined {
    const { sql } = this.#runs[this.#run];
    const prepared = connection.prepare(sql);
    if (prepared.statement !== undefined) refuseTail(prepared, sql);
    return prepared.statement;
  }

  bind(statement: Statement): void {
    this.#parameters.offset = this.#start;
    bindEncoded(statement, this.#parameters);
  }

  advance(): void {
    this.#start = this.#parameters.offset;
    this.index++;
    if (++this.#inRun < this.#runs[this.#run].count) return;
    this.#run++;
    this.#inRun = 0;
  }
}

class ScriptCursor implements WorkCursor {
  readonly rows: RowMode;
  readonly #work: Script;
  readonly #text: Uint8Array;
  readonly #ascii: boolean;
  #offset = 0;
  #tail = 0;
  #taken = 0;
  #takenNow = 0;
  index = 0;

  constructor(work: Script) {
    this.#work = work;
    this.rows = work.rows;
    this.#text = utf8(work.sql);
    this.#ascii = this.#text.length === work.sql.length;
  }

  get sql(): string | undefined {
    if (this.#offset >= this.#text.length) return undefined;
    if (this.#ascii) return this.#work.sql.slice(this.#offset);
    return new TextDecoder().decode(this.#text.subarray(this.#offset));
  }

  prepare(connection: Connection): Statement | undefined {
    // A text of one statement is worth its place in the statement cache.
    const prepared =
      this.#offset === 0
        ? connection.prepare(this.#work.sql)
        : connection.prepareAt(this.#text, this.#offset);
    this.#tail = prepared.tail;
    assert(
      this.#tail > this.#offset || prepared.statement === undefined,
      'a statement of no bytes',
    );
    return prepared.statement;
  }

  bind(statement: Statement): void {
    this.#takenNow = bindPositional(statement, this.#work.parameters, this.#taken);
  }

  advance(): void {
    this.#offset = this.#tail;
    this.#taken += this.#takenNow;
    this.#takenNow = 0;
    this.index++;
  }
}

export function workCursor(submit: Submit): WorkCursor {
  const { work } = submit;
  assert(
    work.action !== 'describe' && work.action !== 'schema' && work.action !== 'rehearse',
    'it has no statements',
  );
  if (work.action === 'statement') return new StatementCursor(work, submit);
  if (work.action === 'batch') return new BatchCursor(work);
  return new ScriptCursor(work);
}

/** Whether only white space, comments and semicolons follow a prepared statement. */
export function tailIsEmpty(sql: string, tail: number): boolean {
  const bytes = utf8(sql);
  if (tail >= bytes.length) return true;
  const rest = new TextDecoder().decode(bytes.subarray(tail));
  return statementStart(rest) >= rest.length;
}

function refuseTail(prepared: Prepared, sql: string): void {
  // Most statements end with their text: then there is nothing to encode and to look at.
  if (prepared.tail >= sql.length && prepared.tail >= utf8Length(sql)) return;
  if (tailIsEmpty(sql, prepared.tail)) return;
  prepared.statement?.release();
  throw new QuorateError('STATEMENT_TAIL', 'nonempty statement tail', { rawCode: RAW_CODE.error });
}

function utf8Length(sql: string): number {
  for (let i = 0; i < sql.length; i++) {
    if (sql.charCodeAt(i) > 127) return utf8(sql).length;
  }
  return sql.length;
}
