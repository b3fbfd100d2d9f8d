import { QuorateError, utf8, type Value } from '../base/index.ts';

/** An identifier in double quotes. Throws QuorateError `INVALID_ARGUMENT` for a name with NUL, which SQLite cannot have. */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0'))
    throw new QuorateError('INVALID_ARGUMENT', 'an identifier cannot contain NUL');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL expression that gives exactly this text, even with NUL inside. */
export function quoteText(text: string): string {
  if (text.includes('\0')) return `CAST(${formatBlob(utf8(text))} AS TEXT)`;
  return `'${text.replaceAll("'", "''")}'`;
}

/** A blob as SQL literal: x'0aff'. */
export function formatBlob(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += (byte < 16 ? '0' : '') + byte.toString(16);
  return `x'${digits}'`;
}

/**
 * A value as an SQL expression that evaluates to it: safe integers as integers, other numbers as floats,
 * NaN as NULL, infinities as a literal that overflows.
 */
export function formatLiteral(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return quoteText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return formatNumber(value);
  return formatBlob(value);
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'NULL';
  if (value === Number.POSITIVE_INFINITY) return '9e999';
  if (value === Number.NEGATIVE_INFINITY) return '-9e999';
  if (Object.is(value, -0)) return '-0.0';
  const digits = String(value);
  const isFloat = !Number.isSafeInteger(value);
  return isFloat && /^-?\d+$/.test(digits) ? `${digits}.0` : digits;
}
