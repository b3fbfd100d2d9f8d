import type { Connection, SessionCounters } from '../engine/index.ts';
import type { RowFormat, StatementResult } from './messages.ts';
import type { StatementRun } from './statement-run.ts';

interface HasCounters {
  readonly counters: SessionCounters;
}

/** Gives a connection the values that its SQL functions and its last row id must show for this session (M11). */
export function loadCounters(connection: Connection, session: HasCounters): void {
  connection.counters = session.counters;
  connection.lastInsertRowid = session.counters.lastInsertRowid;
}

/**
 * Takes over what a statement changed, and returns how many rows it changed; `totalBefore` as the connection had it before
 * the statement. Each question costs SQLite a 64-bit integer, so it is asked once.
 */
export function storeCounters(
  connection: Connection,
  session: HasCounters,
  dml: boolean,
  totalBefore: bigint,
): bigint {
  const { counters } = session;
  counters.lastInsertRowid = connection.lastInsertRowid;
  const changed = connection.totalChanges - totalBefore;
  if (changed !== 0n) counters.totalChanges += changed;
  if (dml) counters.changes = connection.changes;
  return changed;
}

/**
 * The same after an INSERT, UPDATE or DELETE that failed: like SQLite, and so like C, it counts as one that changed nothing,
 * unless it is one whose changes stay (OR FAIL). SQLite's own count is not asked for that: it can be another session's.
 */
export function storeCountersOfFailure(
  connection: Connection,
  session: HasCounters,
  totalBefore: bigint,
): void {
  const { counters } = session;
  const stayed = connection.totalChanges - totalBefore;
  counters.lastInsertRowid = connection.lastInsertRowid;
  counters.totalChanges += stayed;
  counters.changes = stayed === 0n ? 0n : connection.changes;
}

/**
 * What a statement that has just finished answers. A plain client gets the counters of its connection, whatever the statement was
 * (client-protocol.md §8.6); ours the rows that this statement changed.
 */
export function statementResult(
  format: RowFormat,
  session: HasCounters,
  run: StatementRun,
  changed: bigint,
): StatementResult {
  const { counters } = session;
  const rows = format === 'dqlite' || changed !== 0n ? Number(counters.changes) : 0;
  return {
    rowsAffected: rows,
    lastInsertRowid: counters.lastInsertRowid,
    columns: run.columns,
    columnTypes: run.columnTypes,
  };
}
