import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, release } from 'node:os';
import process from 'node:process';
import { type LatencyLine, latencyChart } from './latency-chart.ts';
import type { BenchOptions } from './options.ts';
import { type Finding, findingsTable } from './probe.ts';
import { chartOf, type Outcome, tableOf } from './report.ts';
import { type Settings, settingsTable } from './settings.ts';

/** Everything that a run of the bench has shown so far. */
export interface Collected {
  readonly outcomes: Outcome[];
  readonly findings: Finding[];
  readonly settings: Settings[];
}

/** Writes the results, and returns them as Markdown. Called after every row: a long run that is ended keeps what it has. */
export function save(options: BenchOptions, { outcomes, findings, settings }: Collected): string {
  const { output, rounds, scale } = options;
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? ''}, ${process.platform} ${release()} ${arch()}, Node ${process.version}`;
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim();
  const tables = [
    `${machine}\n${command}\n${rounds} rounds of ${scale.seconds} s`,
    ...(outcomes.length > 0 ? [tableOf(outcomes)] : []),
    ...(findings.length > 0 ? [findingsTable(findings)] : []),
    ...(settings.length > 0 ? [settingsTable(settings)] : []),
  ];
  const rows = outcomes.map(({ row: { id, title, goals, rate }, results, absent }) => ({
    ...{ id, title, goals, rate },
    ...{ results, absent },
  }));
  const probes = findings.map(({ probe: { id, title, unit, goal }, results, absent }) => ({
    ...{ id, title, unit, goal },
    ...{ results, absent },
  }));
  const json = { machine, command, rounds, scale, settings, rows, probes };
  const text = `${tables.join('\n\n')}\n`;
  mkdirSync(output, { recursive: true });
  writeFileSync(`${output}/table.md`, text);
  writeFileSync(`${output}/table.json`, `${JSON.stringify(json, undefined, 2)}\n`);
  writeFileSync(`${output}/table.svg`, chartOf(outcomes));
  writeFileSync(`${output}/latencies.svg`, latencyChart(latencyPanels(outcomes)));
  return text;
}

/** The last run of everybody in every row: the distribution of one run is not that of several. */
function latencyPanels(
  outcomes: readonly Outcome[],
): (readonly [string, readonly LatencyLine[]])[] {
  return outcomes.map(({ row, results }) => {
    const lines = results.flatMap(({ name, runs }) => {
      const figures = runs.at(-1)?.figures;
      return figures?.distribution === undefined ? [] : [{ text: name, figures }];
    });
    return [row.title, lines] as const;
  });
}
