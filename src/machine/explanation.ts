import type { Connection } from '../engine/index.ts';
import {
  failure,
  failureOf,
  handedOver,
  interrupted,
  notLeader,
  RAW_CODE,
  timedOut,
} from './failure.ts';
import type { Job } from './job.ts';
import type { SqlFailure } from './messages.ts';
import type { SqlGuard } from './sql-guard.ts';

/** The failure for an error of a statement, taking into account who asked for its end. */
export function explain(
  job: Job,
  connection: Connection,
  guard: SqlGuard,
  error: unknown,
): SqlFailure {
  const plain = failureOf(error);
  if (plain.rawCode === RAW_CODE.interrupt) return stopped(job, guard) ?? plain;
  if (plain.rawCode === RAW_CODE.notLeader) return notLeader();
  if (connection.tooLarge) {
    return failure('TX_TOO_LARGE', 'the transaction is too large', { rawCode: RAW_CODE.full });
  }
  const index = job.cursor?.index ?? 0;
  return job.submit.work.action === 'statement' ? plain : { ...plain, statementIndex: index };
}

/** Why a request was stopped while it ran, if somebody asked for it. */
export function stopped(job: Job, guard: SqlGuard): SqlFailure | undefined {
  switch (job.stop) {
    case undefined:
      return undefined;
    case 'timeout':
      return timedOut();
    case 'total':
      return failure('TRANSACTION_TOO_LONG', 'the transaction took too long', {
        rawCode: RAW_CODE.abort,
      });
    case 'epoch':
      return notLeader();
    case 'transfer':
      return handedOver();
    case 'statement':
      return guard.statementTooLong();
    default:
      return interrupted();
  }
}

/** Whether a failed statement takes its whole transaction with it. */
export function mustRollBack(job: Job, reason: SqlFailure): boolean {
  return reason.code === 'RESULT_TOO_LARGE' || job.stop === 'total';
}
