import { logIndex, type PackedReader, type PackedWriter, type Value } from '../base/index.ts';
import type {
  Answer,
  FromMachine,
  FromReader,
  Observed,
  SessionState,
  StatementResult,
  Submit,
  ToMachine,
  ToReader,
} from './messages.ts';

// What most requests and answers are crosses between threads as values in a row: one statement with positional parameters, and the end
// of one statement. Written as objects each would cost 6 µs there and back, of which 5 go into names of properties.

const SUBMIT = 1;
const ANSWER = 2;
const TRANSACTIONS = ['none', 'read', 'write'] as const;

const value = (from: PackedReader): Value => from.value();
const text = (from: PackedReader): string => from.text();
const bytes = (from: PackedReader): Uint8Array => from.bytes();

export function packRequest(message: ToMachine | ToReader, into: PackedWriter): boolean {
  if (message.kind !== 'submit') return false;
  const { work } = message;
  if (work.action !== 'statement' || work.statement.parameters.kind !== 'positional') return false;
  const { values } = work.statement.parameters;
  into.push(
    SUBMIT,
    message.session,
    message.request,
    message.database,
    message.format === 'dqlite',
  );
  into.push(message.timeoutMs, message.transactionIdleMs, message.transactionTotalMs);
  into.push(message.declaration, work.rows === 'send', work.tail === 'refuse');
  into.push(work.surplus === 'refuse', work.statement.sql, values.length);
  for (const parameter of values) into.push(parameter);
  return true;
}

export function unpackRequest(from: PackedReader): Submit {
  from.expect(SUBMIT);
  const session = from.number();
  const request = from.number();
  const database = from.text();
  const format = from.flag() ? 'dqlite' : 'extension';
  const timeoutMs = from.number();
  const transactionIdleMs = from.number();
  const transactionTotalMs = from.number();
  const declaration = from.textIfAny();
  const rows = from.flag() ? 'send' : 'refuse';
  const tail = from.flag() ? 'refuse' : 'ignore';
  const surplus = from.flag() ? 'refuse' : 'ignore';
  const sql = from.text();
  const statement = { sql, parameters: { kind: 'positional', values: from.list(value) } } as const;
  return {
    kind: 'submit',
    session,
    request,
    database,
    work: { action: 'statement', statement, rows, tail, surplus },
    format,
    timeoutMs,
    transactionIdleMs,
    transactionTotalMs,
    declaration,
  };
}

export function packAnswer(message: FromMachine | FromReader, into: PackedWriter): boolean {
  if (message.kind !== 'answer') return false;
  const { end, observed, rows, state } = message;
  if (end?.kind !== 'done' || end.results instanceof Uint8Array) return false;
  if (end.results.length !== 1) return false;
  into.push(ANSWER, message.session, message.request);
  if (observed.kind === 'published') into.push(true, observed.index);
  else {
    into.push(false, observed.epoch, observed.database, observed.sequence, observed.wrote);
  }
  into.push(TRANSACTIONS.indexOf(state.transaction), state.aborted, state.home, rows.length);
  for (const batch of rows) into.push(batch);
  const [{ rowsAffected, lastInsertRowid, columns, columnTypes }] = end.results;
  into.push(rowsAffected, lastInsertRowid, columns.length);
  for (const column of columns) into.push(column);
  into.push(columnTypes.length);
  for (const type of columnTypes) into.push(type);
  return true;
}

export function unpackAnswer(from: PackedReader): Answer {
  from.expect(ANSWER);
  const session = from.number();
  const request = from.number();
  const observed = unpackObserved(from);
  const state: SessionState = {
    transaction: TRANSACTIONS[from.number()],
    aborted: from.flag(),
    home: from.flag(),
  };
  const rows = from.list(bytes);
  const result: StatementResult = {
    rowsAffected: from.number(),
    lastInsertRowid: from.bigint(),
    columns: from.list(text),
    columnTypes: from.list(text),
  };
  return {
    kind: 'answer',
    session,
    request,
    observed,
    rows,
    end: { kind: 'done', results: [result] },
    state,
  };
}

function unpackObserved(from: PackedReader): Observed {
  if (from.flag()) return { kind: 'published', index: logIndex(from.number()) };
  return {
    kind: 'speculative',
    epoch: from.number(),
    database: from.text(),
    sequence: from.number(),
    wrote: from.flag(),
  };
}
