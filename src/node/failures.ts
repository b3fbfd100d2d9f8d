import type { Outcome } from '../base/index.ts';
import type { SqlFailure } from '../machine/index.ts';
import type { RequestFailure } from './contract.ts';

/** Failure codes of dqlite's protocol (client-protocol.md §10; S3 decides who gets which). */
const DQLITE_NOT_LEADER = 10250;
const DQLITE_LEADERSHIP_LOST = 10506;
const DQLITE_BUSY = 5;
const DQLITE_IO_ERROR = 10;
const DQLITE_INTERRUPT = 9;
const DQLITE_FULL = 13;

interface FailureDetails {
  readonly dqliteCode: number;
  readonly retryable: boolean;
  readonly outcome?: Outcome | undefined;
  readonly leader?: string | undefined;
}

function fail(code: string, message: string, details: FailureDetails): RequestFailure {
  return {
    code,
    message,
    rawCode: 0,
    extendedCode: undefined,
    offset: undefined,
    statementIndex: undefined,
    retryable: details.retryable,
    outcome: details.outcome,
    leader: details.leader,
    dqliteCode: details.dqliteCode,
  };
}

/** Nothing was executed: this node does not lead. */
export function notLeader(leader: string | undefined): RequestFailure {
  return fail('NOT_LEADER', 'not leader', {
    dqliteCode: DQLITE_NOT_LEADER,
    retryable: true,
    outcome: 'rolled-back',
    leader,
  });
}

/** It was executed here and taken back, or what it saw was never committed. */
export function leadershipLost(leader: string | undefined): RequestFailure {
  return fail('LEADERSHIP_LOST', 'leadership lost, the transaction was rolled back', {
    dqliteCode: DQLITE_NOT_LEADER,
    retryable: true,
    outcome: 'rolled-back',
    leader,
  });
}

/** It was proposed and may or may not be committed: never 10250 nor 10506, which clients repeat by themselves. */
export function outcomeUnknown(leader: string | undefined): RequestFailure {
  return fail('OUTCOME_UNKNOWN', 'outcome unknown', {
    dqliteCode: DQLITE_IO_ERROR,
    retryable: false,
    outcome: 'unknown',
    leader,
  });
}

/** The last statement of a script was taken back, but statements before it may have been committed. */
export function scriptCutShort(leader: string | undefined): RequestFailure {
  return fail('OUTCOME_UNKNOWN', 'outcome unknown: a part of the script may be committed', {
    dqliteCode: DQLITE_IO_ERROR,
    retryable: false,
    outcome: 'unknown',
    leader,
  });
}

/** The caller's time ran out while nothing had been written for it. */
export function timedOut(message: string): RequestFailure {
  return fail('TIMEOUT', message, { dqliteCode: DQLITE_BUSY, retryable: true });
}

export function interrupted(): RequestFailure {
  return {
    ...fail('SQLITE_INTERRUPT', 'interrupted', { dqliteCode: DQLITE_INTERRUPT, retryable: false }),
    rawCode: DQLITE_INTERRUPT,
    extendedCode: 'SQLITE_INTERRUPT',
  };
}

export function tooStale(ageMs: number, lag: number): RequestFailure {
  const age = Number.isFinite(ageMs) ? `${Math.round(ageMs)} ms old` : 'of unknown age';
  return fail('TOO_STALE', `this replica is ${age} and ${lag} entries behind`, {
    dqliteCode: DQLITE_BUSY,
    retryable: true,
  });
}

export function diskFull(): RequestFailure {
  return fail('DISK_FULL', 'the disk of the leader is full', {
    dqliteCode: DQLITE_FULL,
    retryable: true,
    outcome: 'rolled-back',
  });
}

export function overloaded(message: string): RequestFailure {
  return fail('OVERLOADED', message, {
    dqliteCode: DQLITE_BUSY,
    retryable: true,
    outcome: 'rolled-back',
  });
}

export function stopping(): RequestFailure {
  return fail('NODE_STOPPED', 'the node is stopping', {
    dqliteCode: DQLITE_IO_ERROR,
    retryable: true,
  });
}

/** Both the SQL thread and the reader declined: a defect, reported rather than tried for ever. */
export function undecidable(): RequestFailure {
  return fail('INTERNAL', 'no thread accepted the statement', {
    dqliteCode: DQLITE_IO_ERROR,
    retryable: false,
  });
}

/** A failure of the machine or a reader as a session reports it. */
export function fromSql(failure: SqlFailure, leader: string | undefined): RequestFailure {
  const notLeading = failure.code === 'NOT_LEADER';
  return {
    code: failure.code,
    message: failure.message,
    rawCode: failure.rawCode,
    extendedCode: failure.extendedCode,
    offset: failure.offset,
    statementIndex: failure.statementIndex,
    retryable: failure.retryable,
    outcome: notLeading ? 'rolled-back' : undefined,
    leader: notLeading ? leader : undefined,
    dqliteCode: plainCode(failure),
  };
}

/**
 * A failure of a script whose first `committed` statements are committed (S4): the outcome is that of the statement that failed. Nobody may
 * repeat it as a whole, so it must not look like the loss of leadership, after which clients do that by themselves (S3).
 */
export function afterCommit(
  failure: SqlFailure,
  committed: number,
  leader: string | undefined,
): RequestFailure {
  const plain = fromSql(failure, leader);
  const { dqliteCode } = plain;
  const repeats = dqliteCode === DQLITE_NOT_LEADER || dqliteCode === DQLITE_LEADERSHIP_LOST;
  return repeats
    ? { ...scriptCutShort(leader), statementIndex: committed }
    : { ...plain, retryable: false, outcome: committed > 0 ? 'rolled-back' : 'unknown' };
}

const PLAIN_CODES: Readonly<Record<string, number>> = {
  EMPTY_STATEMENT: 0,
  NOT_LEADER: DQLITE_NOT_LEADER,
  WRITE_QUEUE_TIMEOUT: DQLITE_BUSY,
  TX_TOO_LARGE: DQLITE_FULL,
  TX_ABORTED: 4,
};

function plainCode(failure: SqlFailure): number {
  if (failure.rawCode !== 0) return failure.rawCode;
  return PLAIN_CODES[failure.code] ?? 1;
}
