import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, release } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { contest, type Run } from './contest.ts';
import { rateOf } from './figures.ts';
import { type LatencyLine, latencyChart } from './latency-chart.ts';
import { PEERS, peersOf } from './peer-name.ts';
import { type Finding, findingsTable, probed, type Sample } from './probe.ts';
import { ALL_PROBES } from './probes.ts';
import { chartOf, type Outcome, short, tableOf } from './report.ts';
import { ALL_ROWS } from './rows.ts';
import { type Settings, settingsTable } from './settings.ts';
import { Stage } from './stage.ts';

const IDS = [...ALL_ROWS, ...ALL_PROBES].map(({ id }) => id);

const USAGE = `usage: npm run bench -- [options]

Measures a cluster of three nodes as processes on this machine beside its peers, in turn, and prints a table of medians.
  --rows ID,ID      only these rows (${IDS.join(', ')})
  --rounds N        runs of each in turn (default 5)
  --seconds S       length of a run, after a warm-up of half of it (default 3)
  --megabytes N     size of the largest database (default 1000)
  --query S         length of the long query (default 10)
  --quick           the short rows, 1 round of 1 s
  --compare P,P     peers that may take part (default ${PEERS.join(',')}); 'none' for none
  --dir DIRECTORY   where data is put; a real disk (default bench/data)
  --out DIRECTORY   where results are put (default bench/results)

Peers: C dqlite (needs gcc and Debian's libdqlite-dev), better-sqlite3 and libsql (from npm, unreplicated). What cannot be had is left
out, and every row that misses it says so. No result makes the command fail.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      megabytes: { type: 'string' },
      query: { type: 'string' },
      quick: { type: 'boolean', default: false },
      compare: { type: 'string', default: PEERS.join(',') },
      dir: { type: 'string', default: 'bench/data' },
      out: { type: 'string', default: 'bench/results' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const peers = peersOf(values.compare === 'none' ? '' : values.compare);
  const rounds = positive(values.rounds, values.quick ? 1 : 5, '--rounds');
  const seconds = positive(values.seconds, values.quick ? 1 : 3, '--seconds');
  const wanted = values.rows?.split(',');
  const unknown = wanted?.find((id) => !IDS.includes(id));
  if (unknown !== undefined) throw new Error(`no row is called ${unknown}; see --help`);
  const chosen = ({ id, quick }: { readonly id: string; readonly quick: boolean }): boolean =>
    wanted === undefined ? !values.quick || quick : wanted.includes(id);
  const rows = ALL_ROWS.filter(chosen);
  const probes = ALL_PROBES.filter(chosen);
  const scale = {
    seconds,
    megabytes: positive(values.megabytes, values.quick ? 20 : 1_000, '--megabytes'),
    querySeconds: positive(values.query, values.quick ? 1 : 10, '--query'),
  };
  const stage = new Stage(values.dir, peers, (text) => console.error(text));
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => reject(new Error(`ended by ${signal}`)));
    }
  });
  const outcomes: Outcome[] = [];
  const findings: Finding[] = [];
  const settings: Settings[] = [];
  try {
    for (const row of rows) {
      const measured = async (): Promise<void> => {
        const contestants = await row.contestants(stage, { seconds, warmUpSeconds: seconds / 2 });
        const told = (name: string, run: Run): void =>
          console.error(`  ${row.id} ${name}: ${Math.round(rateOf(run.figures))} each second`);
        const absent = row.who
          .filter((name) => !contestants.some((one) => one.name === name))
          .map((name) => `${name}: not run: ${stage.whyAbsent(name)}`);
        const results = await contest(contestants, rounds, stage.directory, told);
        outcomes.push({ row, results, absent });
        await row.after?.(stage);
      };
      await Promise.race([measured(), interrupted]);
    }
    for (const probe of probes) {
      const told = (name: string, { value }: Sample): void =>
        console.error(`  ${probe.id} ${name}: ${short(value)} ${probe.unit}`);
      const finding = probed(probe, stage, scale, rounds, told);
      findings.push(await Promise.race([finding, interrupted]));
    }
    settings.push(...(await stage.settings()));
  } finally {
    await stage.close();
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? ''}, ${process.platform} ${release()} ${arch()}, Node ${process.version}`;
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim();
  console.log(
    `${machine}\n${command}\n${rounds} rounds of ${seconds} s\n\n${tableOf(outcomes)}\n\n${findingsTable(findings)}\n\n${settingsTable(settings)}`,
  );
  mkdirSync(values.out, { recursive: true });
  const plain = outcomes.map(({ row: { id, title, goals }, results, absent }) => ({
    ...{ id, title, goals },
    ...{ results, absent },
  }));
  const found = findings.map(({ probe: { id, title, unit, goal }, results, absent }) => ({
    ...{ id, title, unit, goal },
    ...{ results, absent },
  }));
  const json = { machine, command, rounds, seconds, scale, settings, rows: plain, probes: found };
  writeFileSync(`${values.out}/table.json`, `${JSON.stringify(json, undefined, 2)}\n`);
  writeFileSync(`${values.out}/table.svg`, chartOf(outcomes));
  writeFileSync(`${values.out}/latencies.svg`, latencyChart(latencyPanels(outcomes)));
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

function positive(text: string | undefined, otherwise: number, name: string): number {
  const value = text === undefined ? otherwise : Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`${name} takes a number above 0`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
