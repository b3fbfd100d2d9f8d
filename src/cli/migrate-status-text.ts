import { printable } from '../base/index.ts';
import type { NamespaceStatus } from '../migrate/index.ts';
import { formatTable } from '../sql/index.ts';

/** The state of one namespace, for people. */
export function statusText(status: NamespaceStatus): string {
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
        ...[id, kind, release, String(knows), state, time(sinceMs)],
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
  const rows = applied.map(({ name, kind, by, release, finishedMs, pages }) => [
    ...[name, kind, by, release, time(finishedMs), String(pages)],
  ]);
  if (rows.length > 0) {
    parts.push('', table(['applied', 'kind', 'by', 'release', 'at', 'pages'], rows));
  }
  return parts.join('\n');
}

function time(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString().replace('T', ' ').slice(0, 19) : '';
}
