import { printable } from '../base/index.ts';
import type { NamespaceStatus } from '../migrate/index.ts';
import type { Look } from './migrate-look.ts';
import { waitLines } from './migrate-wait-text.ts';
import type { Where } from './migrate-where.ts';

/** Where a database stands, and what it waits for. */
export interface Board {
  /** What changes rarely. */
  readonly lines: readonly string[];
  /** Rows that backfills have done: it changes all the time. */
  readonly progress: readonly string[];
}

/**
 * The state of things for somebody who waits. `refusals`: what the database has answered to attempts, by migration; shown where its tables do
 * not say as much.
 */
export function boardOf(
  { statuses, waits }: Look,
  where: Where,
  refusals: ReadonlyMap<string, string> = new Map(),
): Board {
  const explained = new Set(waits.map(({ migration }) => migration));
  return {
    lines: [
      ...statuses.map(headline),
      ...waits.flatMap((wait) => waitLines(wait, where)),
      ...[...refusals]
        .filter(([name]) => !explained.has(name))
        .map(([name, why]) => printable(`${name} waits: ${why}`)),
    ],
    progress: statuses.flatMap(({ pending }) =>
      pending
        .filter(({ done }) => done > 0)
        .map(({ name, done }) => printable(`${name}: ${done} rows done`)),
    ),
  };
}

function headline({ namespace, version, floor, participants, pending }: NamespaceStatus): string {
  const known = Math.max(version, ...participants.map(({ knows }) => knows));
  const next = pending.length === 0 ? 'nothing' : pending.map(({ name }) => name).join(', ');
  return printable(`${namespace}: version ${version} of ${known}, floor ${floor}, next: ${next}`);
}
