import type { FolderFormat } from '../migrate/index.ts';

/** Layouts to which a file can be added; Drizzle's need its own tool, which keeps a journal. */
export const NEW_FORMATS = ['plain', 'golang-migrate', 'goose', 'flyway', 'prisma'] as const;

export type NewFormat = (typeof NEW_FORMATS)[number];

export function isNewFormat(format: FolderFormat | 'modules'): format is NewFormat {
  return NEW_FORMATS.some((each) => each === format);
}

/** A file to be written: where, within the directory, and what is in it at first. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
}

const DIGITS = 4;
/** Numbers of so many digits are times. */
const TIME_DIGITS = 8;
const SECONDS_DIGITS = 14;
const UNIX_DIGITS = 10;

/**
 * The file of the next migration in a directory with these names. `nowMs` is used where numbers are times. Its name is made of letters, digits
 * and underlines.
 */
export function newFile(
  format: NewFormat,
  names: readonly string[],
  { name, kind, nowMs }: { readonly name: string; readonly kind: string; readonly nowMs: number },
): NewFile {
  const word = name.trim().replaceAll(/[^\p{L}\p{N}]+/gu, '_');
  const header = `-- quorate: kind=${kind}\n`;
  const number = nextNumber(names, nowMs);
  switch (format) {
    case 'plain':
      return { path: `${number}_${word}.sql`, text: `${header}\n` };
    case 'golang-migrate':
      return { path: `${number}_${word}.up.sql`, text: `${header}\n` };
    case 'goose':
      return { path: `${number}_${word}.sql`, text: `${header}-- +goose Up\n\n-- +goose Down\n` };
    case 'flyway':
      return { path: `V${nextVersion(names)}__${word}.sql`, text: `${header}\n` };
    case 'prisma':
      return { path: `${seconds(nowMs)}_${word}/migration.sql`, text: `${header}\n` };
  }
}

/** One more than the highest, as wide as the widest; the time where numbers are times. */
function nextNumber(names: readonly string[], nowMs: number): string {
  const numbers = names.flatMap((name) => /^(\d{1,20})[_-]/.exec(name)?.[1] ?? []);
  const width = Math.max(0, ...numbers.map(({ length }) => length)) || DIGITS;
  const highest = numbers.map(BigInt).reduce((a, b) => (a > b ? a : b), 0n);
  const next = highest + 1n;
  if (width < TIME_DIGITS) return String(next).padStart(width, '0');
  // Ten digits are seconds since 1970, as golang-migrate can write them.
  const time = width === UNIX_DIGITS ? String(Math.floor(nowMs / 1000)) : seconds(nowMs);
  const now = BigInt(time.slice(0, width));
  return String(now > highest ? now : next).padStart(width, '0');
}

/** The next whole version of Flyway: its first part counts. */
function nextVersion(names: readonly string[]): string {
  const versions = names.flatMap((name) => /^V(\d+)(?:[._]\d+)*__/.exec(name)?.[1] ?? []);
  return String(versions.map(BigInt).reduce((a, b) => (a > b ? a : b), 0n) + 1n);
}

/** A time in UTC as 14 digits. */
function seconds(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/\D/g, '').slice(0, SECONDS_DIGITS);
}
