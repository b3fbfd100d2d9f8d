import type { Ledger } from './ledger.ts';
import type { RunReport } from './random-run.ts';

const MEBIBYTE = 1 << 20;
const ANOMALIES_SHOWN = 40;

/** The report of a run as lines of text. */
export function reportLines(report: RunReport, startedMs: number): string[] {
  const lines: string[] = [];
  for (const [name, ledger] of report.ledgers) lines.push(...ledgerLines(name, ledger));
  const { operations, acknowledged, undecided } = report.workloads;
  lines.push(
    `workloads of the simulator: ${operations} operations; writes acknowledged: ${counts(acknowledged)}; ` +
      `${undecided} histories undecided`,
  );
  const total = [...report.faults.values()].reduce((a, b) => a + b, 0);
  lines.push(`faults: ${total} (${counts(report.faults)})`);
  lines.push(`failover: ${failover(report.failoverMs)}`);
  const { ms, endedMs } = report.outage;
  lines.push(
    `longest time without an acknowledgement: ${seconds(ms)}, until ${seconds(endedMs - startedMs)}`,
  );
  for (const [name, { rssBytes, openFiles }] of report.uses.most) {
    lines.push(`${name}: at most ${(rssBytes / MEBIBYTE).toFixed(0)} MiB, ${openFiles} open files`);
  }
  lines.push(`anomalies: ${report.anomalies.length}`);
  lines.push(...report.anomalies.slice(0, ANOMALIES_SHOWN).map((text) => `  ${text}`));
  return lines;
}

function ledgerLines(name: string, ledger: Ledger): string[] {
  const { acknowledged, rolledBack, unknown, reads, errors } = ledger;
  return [
    `${name}: ${acknowledged.size} writes acknowledged, ${rolledBack.size} rolled back, ` +
      `${unknown.size} unknown; ${reads} reads; errors: ${counts(errors)}`,
  ];
}

function counts(map: ReadonlyMap<string, number>): string {
  const entries = [...map].sort(([, a], [, b]) => b - a);
  return entries.length === 0 ? 'none' : entries.map(([key, n]) => `${key} ${n}`).join(', ');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function failover(times: readonly number[]): string {
  if (times.length === 0) return 'no leader was harmed';
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): string => {
    const ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return seconds(ms);
  };
  return `${times.length} times, median ${at(0.5)}, 90 % ${at(0.9)}, longest ${at(1)}`;
}
