import { printable } from '../base/index.ts';
import type { NamespaceStatus, Wait } from '../migrate/index.ts';
import { formatTable } from '../sql/index.ts';
import { timeText, waitLines } from './migrate-wait-text.ts';
import type { Where } from './migrate-where.ts';

/** The state of one namespace, for people: who takes part, what comes next, and for each wait who is waited for and what would end it. */
export function statusText(status: NamespaceStatus, waits: readonly Wait[], where: Where): string {
  const { namespace, version, floor, phase, participants, pending, applied, controls } = status;
  const table = (columns: string[], rows: string[][]): string =>
    formatTable(columns, rows, { mode: 'table' });
  const parts = [
    printable(`namespace ${namespace}: version ${version}, floor ${floor}, ${phase}`),
    ...Object.entries(controls).map(([key, value]) => printable(`  ${key} ${value}`)),
    '',
    table(
      ['participant', 'kind', 'release', 'knows', 'state', 'since'],
      participants.map(({ id, kind, release, knows, state, sinceMs }) => [
        ...[id, kind, release, String(knows), state, timeText(sinceMs)],
      ]),
    ),
  ];
  if (pending.length > 0) {
    const rows = pending.map(({ name, kind, blockedBy, attempts, error, done }) => [
      ...[name, kind, blockedBy.join(', '), String(attempts), done > 0 ? String(done) : '', error],
    ]);
    parts.push(
      '',
      table(['comes next', 'kind', 'waits for', 'attempts', 'rows', 'failed with'], rows),
    );
  }
  const own = waits.filter(({ namespace: of }) => of === namespace);
  if (own.length > 0) parts.push('', ...own.flatMap((wait) => waitLines(wait, where)));
  const rows = applied.map(({ name, kind, by, release, finishedMs, pages }) => [
    ...[name, kind, by, release, timeText(finishedMs), String(pages)],
  ]);
  if (rows.length > 0) {
    parts.push('', table(['applied', 'kind', 'by', 'release', 'at', 'pages'], rows));
  }
  return parts.join('\n');
}
