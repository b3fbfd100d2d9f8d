import type { NamespaceReport } from '../client/index.ts';
import { inLine, type ManifestEntry } from '../schema/index.ts';
import type { Migrations } from './define.ts';

/** How far migrations are to be applied. */
export interface Goal {
  /** Up to this one. Default: all of them. */
  readonly to?: string | undefined;
  /** 'expand': only what older code survives, so that every release that runs now goes on. */
  readonly phase: 'expand' | 'all';
}

/** Names that may be applied on the way to a goal. */
export function allowedNames({ program }: Migrations, { to, phase }: Goal): ReadonlySet<string> {
  const { entries } = program.manifest;
  // An empty database begins with the snapshot, in which nothing is that older code could miss.
  const first = program.snapshot === undefined ? [] : [program.snapshot.name];
  const last = to === undefined ? entries.length : entries.findIndex(({ name }) => name === to) + 1;
  const wanted = entries
    .slice(0, last)
    .filter(({ kind }) => phase === 'all' || kind === 'expand' || kind === 'data');
  return new Set([...first, ...wanted.map(({ name }) => name)]);
}

/**
 * Whether a goal is reached; otherwise whether it ever can be: `barred` names what comes before it and is not in the phase. `report` must
 * be of the same migrations.
 */
export function goalState(
  migrations: Migrations,
  goal: Goal,
  report: NamespaceReport,
): { readonly reached: boolean; readonly barred?: string } {
  const allowed = allowedNames(migrations, goal);
  const missing = knownEntries(migrations).filter(
    ({ name }) => !hasApplied(migrations, report, name),
  );
  const barred = missing.find((entry) => inLine(entry) && !allowed.has(entry.name))?.name;
  if (goal.to !== undefined) {
    if (missing.every(({ name }) => name !== goal.to)) return { reached: true };
    const before = barred !== undefined && isBefore(migrations, barred, goal.to);
    return { reached: false, ...(before ? { barred } : {}) };
  }
  const left = missing.filter(
    ({ name }) =>
      allowed.has(name) && !(barred !== undefined && isBefore(migrations, barred, name)),
  );
  return { reached: left.length === 0 };
}

function isBefore({ program }: Migrations, first: string, second: string): boolean {
  const { entries } = program.manifest;
  const at = (wanted: string): number => entries.findIndex(({ name }) => name === wanted);
  return at(first) < at(second);
}

/** What a list can apply: a snapshot, if it begins with one, and its migrations. */
export function knownEntries({ program }: Migrations): readonly ManifestEntry[] {
  const { snapshot, manifest } = program;
  return snapshot === undefined ? manifest.entries : [snapshot, ...manifest.entries];
}

/** Whether a migration of the list is applied, as the database has reported it. */
export function hasApplied(migrations: Migrations, report: NamespaceReport, name: string): boolean {
  const { program } = migrations;
  const ordinal = program.ordinal(name);
  if (ordinal !== undefined) return ordinal <= report.version;
  const entry = program.entry(name);
  // A contract comes next as soon as all before it is applied: it is one of those that come next, or done.
  return (
    entry !== undefined &&
    // Before that, nothing of this list comes next.
    report.version >= program.base &&
    !report.pending.includes(name) &&
    program.needed(entry).every((needed) => hasApplied(migrations, report, needed))
  );
}
