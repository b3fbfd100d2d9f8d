import { QuorateError } from '../../base/index.ts';
import { type Anomaly, BROKEN_BY, type Fate } from '../checkers/index.ts';
import { Violation } from '../violation.ts';

/** What faults may cause. Any other error is a defect of the client or of a node, or shows lost or repeated writes. */
const EXPECTED: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'DISK_FULL',
  'LEADERSHIP_LOST',
  'LEADERSHIP_TRANSFER',
  'NODE_STOPPED',
  'NOT_LEADER',
  'OUTCOME_UNKNOWN',
  'OVERLOADED',
  'SQLITE_BUSY',
  'TIMEOUT',
  'TX_ABORTED',
  'WRITE_QUEUE_TIMEOUT',
]);

/** Throws what is not expected under faults. */
export function expectQuorateError(error: unknown): QuorateError {
  if (error instanceof QuorateError) {
    if (EXPECTED.has(error.code)) return error;
    // A server that was slow to say Hello is spoken to in plain dqlite, which has no other code for it.
    if (error.code === 'SQLITE_IOERR' && error.outcome === 'unknown') return error;
  }
  throw error;
}

/** A replica may be so far behind that it has not heard of the tables, or of the database. */
export function isBeforeTables(error: unknown): boolean {
  if (!(error instanceof QuorateError)) return false;
  return error.code === 'DATABASE_NOT_FOUND' || error.message.includes('no such table');
}

/** Throws what is not expected when any replica may answer, however old. */
export function expectLocalError(error: unknown): void {
  const tooStale = error instanceof QuorateError && error.code === 'TOO_STALE';
  if (!tooStale && !isBeforeTables(error)) expectQuorateError(error);
}

/** What an error says about a write. `committing`: false when COMMIT had not been sent, so that nothing can have happened. */
export function fateOf(error: unknown, committing = true): Fate {
  const { outcome } = expectQuorateError(error);
  if (!committing || outcome === 'rolled-back') return 'failed';
  return outcome === 'committed' ? 'ok' : 'unknown';
}

/** Throws the invariant that an anomaly breaks. */
export function refuse(workload: string, anomaly: Anomaly | undefined): void {
  if (anomaly === undefined) return;
  throw new Violation(BROKEN_BY[anomaly.name], `${workload}: ${anomaly.name}: ${anomaly.detail}`);
}
