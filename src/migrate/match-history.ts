import { printable, QuorateError } from '../base/index.ts';
import type { Migrations } from './define.ts';
import { flywayVersion } from './folder-flyway.ts';
import { compareNumbers } from './folder-order.ts';
import type { ForeignHistory, ForeignMigration } from './foreign-history.ts';
import type { StepOrigin } from './steps.ts';

/** Which migrations a history says are applied. */
export interface HistoryMatch {
  /** The first ones of the list, in its order. */
  readonly names: readonly string[];
  /** What is odd and does no harm. */
  readonly notes: readonly string[];
}

interface Known {
  readonly name: string;
  readonly origin: StepOrigin;
}

/**
 * Finds what a tool has applied among the migrations of a program. Throws QuorateError HISTORY_MISMATCH when one is not there, was edited since, or is
 * applied although one before it is not.
 */
export function matchHistory(history: ForeignHistory, migrations: Migrations): HistoryMatch {
  const known = migrations.program.manifest.entries.map(({ name }): Known => {
    return { name, origin: migrations.step(name)?.origin ?? {} };
  });
  const notes: string[] = [];
  const places = new Set<number>();
  let highest = -1;
  for (const each of history.applied) {
    if (each.isBaseline === true) {
      const count = known.filter((entry) => isUpTo(each, entry)).length;
      for (let i = 0; i < count; i++) places.add(i);
      highest = Math.max(highest, count - 1);
      continue;
    }
    const place = placeOf(history, each, known);
    if (place < highest) {
      notes.push(
        `${known[place].name} was applied after ${known[highest].name}; the list says before`,
      );
    }
    highest = Math.max(highest, place);
    for (let i = each.andBefore === true ? 0 : place; i <= place; i++) places.add(i);
  }
  const missing = known.findIndex((_, i) => i <= highest && !places.has(i));
  if (missing >= 0) {
    throw mismatch(
      history,
      `${known[missing].name} is not applied, and ${known[highest].name} after it is; apply it with ${history.tool}, or take it out of the list`,
    );
  }
  if (highest >= 0) return { names: known.slice(0, highest + 1).map(({ name }) => name), notes };
  throw new QuorateError(
    'HISTORY_NOT_FOUND',
    `${history.tool} has applied none of these migrations: there is nothing to take over, the first copy begins with the first`,
  );
}

function placeOf(history: ForeignHistory, each: ForeignMigration, known: readonly Known[]): number {
  const place = known.findIndex((entry) => isSame(each, entry));
  if (place >= 0) {
    refuseEdited(history, each, known[place]);
    return place;
  }
  // Drizzle's journal may have been made anew, with other times.
  const again =
    each.when === undefined ? -1 : known.findIndex(({ origin }) => hasDigest(each, origin));
  if (again >= 0) return again;
  throw mismatch(
    history,
    `${each.label} is applied and not among the migrations; restore its file under the name that it had`,
  );
}

function isSame({ name, version, when }: ForeignMigration, { name: own, origin }: Known): boolean {
  if (name !== undefined && (own === name || own === withoutEnding(name))) return true;
  if (when !== undefined) return origin.when === when;
  return version !== undefined && plain(version) === plain(origin.version ?? leading(own));
}

/** Line ends do not count: a checkout of another system may have changed them. */
function hasDigest(
  { digest }: Pick<ForeignMigration, 'digest'>,
  { fileDigest, lineEndDigests = [] }: StepOrigin,
): boolean {
  return digest !== undefined && (fileDigest === digest || lineEndDigests.includes(digest));
}

function isUpTo({ version = '' }: ForeignMigration, { name, origin }: Known): boolean {
  const own = origin.version ?? leading(name);
  if (own === '' || !/^\d+(?:[._]\d+)*$/.test(version)) return false;
  return compareNumbers(flywayVersion(own), flywayVersion(version)) <= 0;
}

function refuseEdited(
  history: ForeignHistory,
  { digest, crc32 }: ForeignMigration,
  { name, origin }: Known,
): void {
  const { fileDigest, flywayChecksum } = origin;
  const bySha = digest !== undefined && fileDigest !== undefined && !hasDigest({ digest }, origin);
  const byCrc = crc32 !== undefined && flywayChecksum !== undefined && crc32 !== flywayChecksum;
  if (!bySha && !byCrc) return;
  const [theirs, ours] = bySha ? [digest, fileDigest] : [crc32, flywayChecksum];
  throw mismatch(
    history,
    `the file of ${name} was edited after it was applied (checksum ${ours}, recorded ${theirs}); restore it, and make a new migration of the change`,
  );
}

function withoutEnding(name: string): string {
  return name.replace(/\.(?:[cm]?[jt]s|sql)$/, '');
}

function leading(name: string): string {
  return /^V?(\d+(?:[._]\d+)*)/.exec(name)?.[1] ?? '';
}

/** '001.2' and '1_2' are the same version. */
function plain(version: string): string {
  const parts = version.split(/[._]/).map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop();
  return parts.join('.');
}

function mismatch({ table }: ForeignHistory, what: string): QuorateError {
  return new QuorateError('HISTORY_MISMATCH', printable(`${table}: ${what}`));
}
