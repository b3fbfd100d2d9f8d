import { printable, QuorateError } from '../base/index.ts';

/** Numbers of at least so many digits are times, between which gaps are the rule. */
const TIME_DIGITS = 8;

/** A migration's place in its directory. */
export interface Numbered {
  readonly number: readonly bigint[];
  readonly file: string;
}

/** In the order of their numbers. Throws MIGRATION_DUPLICATE when two have the same. */
export function inOrder<T extends Numbered>(all: readonly T[]): T[] {
  const sorted = all.toSorted((a, b) => compareNumbers(a.number, b.number));
  for (const [at, each] of sorted.entries()) {
    const before = sorted[at - 1];
    if (before === undefined || compareNumbers(before.number, each.number) !== 0) continue;
    throw duplicate(before.file, each.file, 'have the same number; give the newer one the next');
  }
  return sorted;
}

/** Throws MIGRATION_GAP when a sequence of small numbers misses one: a file that was not checked in, most often. */
export function refuseGaps(sorted: readonly Numbered[]): void {
  for (const [at, { number, file }] of sorted.entries()) {
    const [before, now] = [sorted[at - 1]?.number[0], number[0]];
    if (before === undefined || now === undefined || now === before + 1n) continue;
    if (String(now).length >= TIME_DIGITS) continue;
    throw new QuorateError(
      'MIGRATION_GAP',
      `before ${printable(file)} number ${before + 1n} is missing: add the file, or allow gaps if there never was one`,
    );
  }
}

/** Missing parts count as 0: versions 1 and 1.0 are the same. */
export function compareNumbers(a: readonly bigint[], b: readonly bigint[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [left, right] = [a[at] ?? 0n, b[at] ?? 0n];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** The error for two files that claim one place. */
export function duplicate(first: string, second: string, what: string): QuorateError {
  const files = `${printable(first)} and ${printable(second)}`;
  return new QuorateError('MIGRATION_DUPLICATE', `${files} ${what}`);
}
