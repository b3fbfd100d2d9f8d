import { firstKeyword, statementStart } from '../sql/index.ts';

const READING = /^(?:select|values|explain)\b/i;
const COMMON_TABLE = /^with\b/i;
const COMMITTING: ReadonlySet<string> = new Set(['COMMIT', 'END', 'RELEASE']);
const WRITING = /\b(?:insert|update|delete|replace)\b/i;

/** Pragmas that only look, with or without saying at what. */
const LOOKING: ReadonlySet<string> = new Set([
  ...['integrity_check', 'quick_check', 'foreign_key_check', 'foreign_key_list', 'table_list'],
  ...['table_info', 'table_xinfo', 'index_list', 'index_info', 'index_xinfo', 'database_list'],
  ...['collation_list', 'function_list', 'module_list', 'pragma_list', 'compile_options'],
]);

/** Pragmas that look when nothing follows their name. */
const LOOKING_ALONE: ReadonlySet<string> = new Set([
  ...['user_version', 'application_id', 'schema_version', 'page_count', 'page_size'],
  ...['freelist_count', 'encoding', 'auto_vacuum', 'journal_mode'],
]);

const PRAGMA = /^pragma\s+(?:[a-z_]\w*\s*\.\s*)?([a-z_]\w*)\s*(.*)$/is;
const NOTHING = /^[\s;]*$/;

function looks(text: string): boolean {
  const pragma = PRAGMA.exec(text);
  const name = pragma?.[1]?.toLowerCase() ?? '';
  return LOOKING.has(name) || (LOOKING_ALONE.has(name) && NOTHING.test(pragma?.[2] ?? ''));
}

/** True only for a statement that surely changes nothing: it may be run anywhere, and again. (Room sql has a mere hint.) */
export function surelyReadOnly(sql: string): boolean {
  const text = sql.slice(statementStart(sql));
  if (READING.test(text) || looks(text)) return true;
  return COMMON_TABLE.test(text) && !WRITING.test(text);
}

/** True when the statement may end a transaction, so that its fate is in doubt without an answer. */
export function mayCommit(sql: string): boolean {
  return COMMITTING.has(firstKeyword(sql));
}

/** True when the statement may end a transaction in whatever way. */
export function mayEnd(sql: string): boolean {
  return mayCommit(sql) || firstKeyword(sql) === 'ROLLBACK';
}
