import { QuorateError } from '../base/index.ts';
import type { SqlFailure } from './messages.ts';

/** SQLite codes, and dqlite's own, that failures made here carry towards plain clients (client-protocol.md §10). */
export const RAW_CODE = {
  error: 1,
  abort: 4,
  busy: 5,
  readonly: 8,
  interrupt: 9,
  ioError: 10,
  full: 13,
  range: 25,
  notLeader: 10250,
  leadershipLost: 10506,
} as const;

interface FailureOptions {
  readonly rawCode?: number;
  readonly retryable?: boolean;
}

export function failure(code: string, message: string, options: FailureOptions = {}): SqlFailure {
  return {
    code,
    message,
    rawCode: options.rawCode ?? 0,
    retryable: options.retryable ?? false,
  };
}

/** The failure that an error stands for; anything but a QuorateError is a defect of ours and goes on being thrown. */
export function failureOf(error: unknown): SqlFailure {
  if (!(error instanceof QuorateError)) throw error;
  return {
    code: error.code,
    message: error.message,
    rawCode: error.rawCode ?? 0,
    extendedCode: error.extendedCode,
    offset: error.offset,
    statementIndex: error.statementIndex,
    retryable: error.retryable,
  };
}

/** The shared connection refused to compile a statement that leaves something behind in it (M11). */
export function needsOwnConnection(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'SESSION_STATE';
}

export const notLeader = (): SqlFailure =>
  failure('NOT_LEADER', 'not leader', { rawCode: RAW_CODE.notLeader, retryable: true });

/** Ended because another node is to lead; nothing of it happened. */
export const handedOver = (): SqlFailure =>
  failure('LEADERSHIP_TRANSFER', 'leadership is being handed over', {
    rawCode: RAW_CODE.leadershipLost,
    retryable: true,
  });

export const interrupted = (): SqlFailure =>
  failure('SQLITE_INTERRUPT', 'interrupted', { rawCode: RAW_CODE.interrupt });

export const timedOut = (): SqlFailure =>
  failure('TIMEOUT', 'the request ran into its deadline', { rawCode: RAW_CODE.interrupt });

export const stalled = (): SqlFailure =>
  failure('QUERY_STALLED', 'nobody took the rows of the query, and its connection was needed', {
    rawCode: RAW_CODE.abort,
  });

export const statementTooLong = (limitMs: number): SqlFailure =>
  failure(
    'STATEMENT_TOO_LONG',
    `the statement took longer than ${limitMs} ms, the limit of a node without threads of its own; start the node with threads: true`,
    { rawCode: RAW_CODE.interrupt },
  );

export const queueTimedOut = (): SqlFailure =>
  failure('WRITE_QUEUE_TIMEOUT', 'database is locked', { rawCode: RAW_CODE.busy, retryable: true });

export const queueFull = (): SqlFailure =>
  failure('WRITE_QUEUE_FULL', 'too many writes wait for this database', {
    rawCode: RAW_CODE.busy,
    retryable: true,
  });

export const emptyStatement = (): SqlFailure => failure('EMPTY_STATEMENT', 'empty statement');

export const badName = (name: string): SqlFailure =>
  failure(
    'DATABASE_NAME',
    `${JSON.stringify(name.slice(0, 100))} is not a name for a new database: 1 to 255 of A-Z a-z 0-9 . _ -, no leading dot`,
    { rawCode: RAW_CODE.error },
  );
