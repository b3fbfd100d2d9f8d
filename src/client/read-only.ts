const SKIPPED = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)+/;
const READING = /^(?:select|values|explain)\b/i;
const COMMON_TABLE = /^with\b/i;
const COMMITTING: ReadonlySet<string> = new Set(['COMMIT', 'END', 'RELEASE']);
const WRITING = /\b(?:insert|update|delete|replace)\b/i;

/** True only for a statement that surely changes nothing: it may be run anywhere, and again. (Room sql has a mere hint.) */
export function surelyReadOnly(sql: string): boolean {
  const text = sql.replace(SKIPPED, '');
  return READING.test(text) || (COMMON_TABLE.test(text) && !WRITING.test(text));
}

/** The first word of a statement, in upper case; '' when there is none. */
export function firstKeyword(sql: string): string {
  return /^[a-z]+/i.exec(sql.replace(SKIPPED, ''))?.[0].toUpperCase() ?? '';
}

/** True when the statement may end a transaction, so that its fate is in doubt without an answer. */
export function mayCommit(sql: string): boolean {
  return COMMITTING.has(firstKeyword(sql));
}
