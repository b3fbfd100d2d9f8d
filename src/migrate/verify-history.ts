import { chainOf, EMPTY_CHAIN } from '../schema/index.ts';
import type { Migrations } from './define.ts';

/** A row of the history. */
export interface HistoryRow {
  /** 0 for a contract. */
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  readonly chain: string;
}

/**
 * What is wrong with a history in itself: each link follows from the one before it, and the state is its end. Rows in the order in which they
 * were applied. Empty = nothing.
 */
export function brokenHistory(
  rows: readonly HistoryRow[],
  state: { readonly version: number; readonly chain: string },
): readonly string[] {
  const line = rows.filter(({ version }) => version > 0);
  const problems: string[] = [];
  let before: HistoryRow | undefined;
  for (const row of line) {
    // A history that was taken over in one piece begins with a link that cannot be recomputed.
    const known = before?.chain ?? (row.version === 1 ? EMPTY_CHAIN : undefined);
    if (before !== undefined && row.version !== before.version + 1) {
      problems.push(`${row.name} has number ${row.version} after ${before.version}`);
    }
    if (known !== undefined && chainOf(known, row) !== row.chain) {
      problems.push(`the link of ${row.name} does not follow from what is before it`);
    }
    before = row;
  }
  const end = before ?? { version: 0, chain: state.chain };
  if (end.version !== state.version || end.chain !== state.chain) {
    problems.push(`the history ends at ${end.version}, and the database says ${state.version}`);
  }
  return problems;
}

/** Where a declared migration differs from what was applied. */
export interface Difference {
  readonly text: string;
  /** Of one that was edited: arguments of `quorate migrate` that take the edited one over. */
  readonly command?: readonly string[];
}

/** Where declared migrations differ from those that were applied. Empty = nowhere. */
export function differences(
  { program }: Migrations,
  rows: readonly HistoryRow[],
): readonly Difference[] {
  return rows.flatMap(({ version, name, checksum }) => {
    const own = version > 0 ? program.at(version) : program.entry(name);
    if (own === undefined) {
      const place = program.ordinal(name);
      if (version > 0 && place === version)
        return edited(name, program.snapshot?.checksum, checksum);
      return version > 0 && place !== undefined
        ? [{ text: `${name} was applied as number ${version} and has moved since` }]
        : [];
    }
    if (own.name !== name) {
      return [{ text: `number ${version} was applied as ${name} and is declared as ${own.name}` }];
    }
    return edited(name, own.checksum, checksum);
  });
}

function edited(
  name: string,
  declared: string | undefined,
  applied: string,
): readonly Difference[] {
  if (declared === undefined || declared === applied) return [];
  const [now, then] = [declared, applied].map((digits) => digits.slice(0, 12));
  const text = `${name} was edited after it was applied: checksum ${now}…, applied ${then}…`;
  return [{ text, command: ['rerecord', `${name}=${declared}`] }];
}
