import type { ConnectionHooks, PragmaAnswer } from './contract.ts';

/** Denied in every form, and why (fsm.md §7.1, M17). */
const DENIED: ReadonlyMap<string, string> = new Map([
  ['wal_checkpoint', 'there is no write-ahead log to checkpoint'],
  ['busy_timeout', 'writes wait in a queue, not in SQLite'],
  ['read_uncommitted', 'uncommitted data is never visible'],
  ['locking_mode', 'locks are held by transactions only'],
  ['temp_store_directory', 'SQL does not reach the file system'],
  ['data_store_directory', 'SQL does not reach the file system'],
  ['schema_version', 'it would corrupt what other connections know of the schema'],
]);

/** May be read, not set. */
const READ_ONLY: ReadonlyMap<string, string> = new Map([
  ['journal_mode', 'fixed to "wal"'],
  ['page_size', 'fixed to 4096'],
  ['wal_autocheckpoint', 'there is no write-ahead log to checkpoint'],
  ['synchronous', 'durability comes from the replicated log'],
  ['trusted_schema', 'fixed to off'],
  ['writable_schema', 'the schema is changed by statements only'],
  ['hard_heap_limit', 'it would bind other clients too'],
  ['soft_heap_limit', 'it would bind other clients too'],
]);

/** Change nothing but the database, or nothing at all: an argument makes no session state. */
const STATELESS = new Set([
  'application_id',
  'auto_vacuum',
  'foreign_key_check',
  'foreign_key_list',
  'incremental_vacuum',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'optimize',
  'quick_check',
  'table_info',
  'table_list',
  'table_xinfo',
  'temp_store',
  'user_version',
]);

/** Why this pragma is refused, or undefined. Name in lower case. */
export function pragmaRefusal(name: string, argument: string | undefined): string | undefined {
  // Reading schema_version is harmless and common.
  if (name === 'schema_version' && argument === undefined) return undefined;
  const denied = DENIED.get(name);
  if (denied !== undefined) return `PRAGMA ${name} is not available: ${denied}`;
  const fixed = argument === undefined ? undefined : READ_ONLY.get(name);
  return fixed === undefined ? undefined : `PRAGMA ${name} cannot be set: ${fixed}`;
}

/** Whether a pragma leaves something behind in the connection (M11). */
export function pragmaMakesState(name: string, argument: string | undefined): boolean {
  return argument !== undefined && !STATELESS.has(name);
}

/** The answer to a pragma that SQLite must not see, or undefined. Name in lower case. */
export function answerPragma(
  name: string,
  argument: string | undefined,
  hooks: ConnectionHooks,
): PragmaAnswer | undefined {
  const answer = hooks.pragma?.(name, argument);
  if (answer !== undefined) return answer;
  if (name === 'journal_mode') return { kind: 'row', text: 'wal' };
  // The build knows UTF-8 only, and not the pragma.
  if (name === 'encoding' && argument === undefined) return { kind: 'row', text: 'UTF-8' };
  // Temporary tables always live in memory: there is no file to put them into.
  if (name === 'temp_store' && argument !== undefined) return { kind: 'none' };
  return undefined;
}
