import { printable, type Value } from '../base/index.ts';
import { formatBlob } from './quote.ts';
import { textWidth, truncateText } from './text-width.ts';

export type TableMode = 'table' | 'csv' | 'json' | 'list';

export interface TableOptions {
  readonly mode: TableMode;
  /** Greatest width of a line in mode 'table'; wide columns are shortened to fit. Unlimited by default. */
  readonly width?: number | undefined;
}

const COLUMN_WIDTH_MIN = 5;
/**
 * Prints a result. 'table': a grid, numbers to the right; 'csv': RFC 4180 with a line of column names; 'json': an array
 * of objects, one a line; 'list': values with `|` between them, without names. No newline at the end.
 * NULL is `NULL` in a table, null in JSON, nothing in CSV and lists. Blobs are x'…'. In tables and lists control
 * characters are escaped, so that data cannot command the terminal.
 */
export function formatTable(
  columns: readonly string[],
  rows: readonly (readonly Value[])[],
  options: TableOptions,
): string {
  switch (options.mode) {
    case 'table':
      return formatGrid(columns, rows, options.width);
    case 'csv':
      return [columns, ...rows].map((row) => row.map(csvField).join(',')).join('\n');
    case 'json':
      return formatJson(columns, rows);
    case 'list':
      return rows.map((row) => row.map((value) => plainText(value, '')).join('|')).join('\n');
  }
}

function plainText(value: Value, nothing: string): string {
  if (value === null) return nothing;
  if (typeof value === 'string') return printable(value);
  if (value instanceof Uint8Array) return formatBlob(value);
  return String(value);
}

function formatGrid(
  columns: readonly string[],
  rows: readonly (readonly Value[])[],
  width: number | undefined,
): string {
  if (columns.length === 0) return '';
  const names = columns.map((name) => plainText(name, ''));
  const cells = rows.map((row) => columns.map((_, i) => plainText(row[i] ?? null, 'NULL')));
  const widths = names.map((name, i) =>
    cells.reduce((max, row) => Math.max(max, textWidth(row[i])), Math.max(1, textWidth(name))),
  );
  if (width !== undefined) shrink(widths, width - (3 * columns.length + 1));
  const line = (left: string, middle: string, right: string) =>
    left + widths.map((w) => '─'.repeat(w + 2)).join(middle) + right;
  const print = (row: readonly string[], isRight: (column: number) => boolean) =>
    `│ ${row.map((cell, i) => pad(cell, widths[i], isRight(i))).join(' │ ')} │`;
  return [
    line('┌', '┬', '┐'),
    print(names, () => false),
    line('├', '┼', '┤'),
    ...cells.map((row, r) => print(row, (i) => isNumber(rows[r][i]))),
    line('└', '┴', '┘'),
  ].join('\n');
}

function isNumber(value: Value | undefined): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Takes from the widest columns until all fit, but leaves each a minimum. */
function shrink(widths: number[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - available;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= COLUMN_WIDTH_MIN) return;
    widths[widths.indexOf(widest)] = widest - 1;
    excess--;
  }
}

function pad(text: string, width: number, isRight: boolean): string {
  const cut = truncateText(text, width);
  const blanks = ' '.repeat(Math.max(0, width - textWidth(cut)));
  return isRight ? blanks + cut : cut + blanks;
}

function csvField(value: Value): string {
  const text =
    value === null ? '' : value instanceof Uint8Array ? formatBlob(value) : String(value);
  // An empty text is quoted, to tell it from NULL.
  const needsQuotes = /[",\r\n]|^\s|\s$/.test(text) || (text === '' && value !== null);
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text;
}

function formatJson(columns: readonly string[], rows: readonly (readonly Value[])[]): string {
  const keys = columns.map((name) => JSON.stringify(name));
  const objects = rows.map(
    (row) => `{${keys.map((key, i) => `${key}:${jsonValue(row[i] ?? null)}`).join(',')}}`,
  );
  return `[${objects.join(',\n')}]`;
}

/** Integers above 2^53 keep all digits; infinities overflow when read, as SQLite's own JSON does it. */
function jsonValue(value: Value): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return JSON.stringify(formatBlob(value));
  if (value === Number.POSITIVE_INFINITY) return '9.0e999';
  if (value === Number.NEGATIVE_INFINITY) return '-9.0e999';
  return JSON.stringify(value);
}
