import process from 'node:process';
import { parseArgs } from 'node:util';
import { PEERS, type PeerName, peersOf } from './peer-name.ts';
import type { Probe, Scale } from './probe.ts';
import { ALL_PROBES } from './probes.ts';
import { ALL_ROWS, type Row } from './rows.ts';

const IDS = [...ALL_ROWS, ...ALL_PROBES].map(({ id }) => id);
const QUICK = [...ALL_ROWS, ...ALL_PROBES].filter(({ quick }) => quick).map(({ id }) => id);

const USAGE = `usage: npm run bench -- [options]

Measures a cluster of three nodes as processes on this machine beside its peers, in turn, and prints tables of medians: rates, then
what is no rate, then how each contestant was set up.
  --rows ID,ID      only these rows, of:
                    ${inLines(IDS)}
  --compare P,P     peers that may take part (default ${PEERS.join(',')}; none for none)
  --rounds N        runs of each in turn (default 5)
  --seconds S       length of a run, after a warm-up of half of it (default 3)
  --megabytes N     size of the largest database (default 1000)
  --query S         length of the long query (default 10)
  --limit S         ends the bench, with what it has, when a row takes longer (default 3600)
  --quick           1 round of 0.4 s of the rows
                    ${inLines(QUICK)}
  --dir DIRECTORY   where data is put; on a real disk (default bench/data)
  --out DIRECTORY   where table.md, table.json, table.svg and latencies.svg are put (default bench/results)

Peers: C dqlite (needs gcc, libdqlite-dev and libsqlite3-dev of Debian), better-sqlite3 and libsql (from npm, unreplicated). Rows that
end in -go need golang-go and golang-github-canonical-go-dqlite-dev. What cannot be had or fails is left out, and every row that misses
it says so and why. No result makes the command fail.
`;

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly probes: readonly Probe[];
  readonly peers: ReadonlySet<PeerName>;
  readonly rounds: number;
  readonly scale: Scale;
  readonly limitSeconds: number;
  readonly directory: string;
  readonly output: string;
}

/** From the command line; undefined when help was asked for and has been printed. Throws for what it does not understand. */
export function benchOptions(): BenchOptions | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      ...{ rows: text, rounds: text, seconds: text, megabytes: text, query: text, limit: text },
      quick: { type: 'boolean', default: false },
      compare: { type: 'string', default: PEERS.join(',') },
      dir: { type: 'string', default: 'bench/data' },
      out: { type: 'string', default: 'bench/results' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const quick = values.quick;
  const wanted = values.rows?.split(',');
  const unknown = wanted?.find((id) => !IDS.includes(id));
  if (unknown !== undefined) throw new Error(`no row is called ${unknown}; see --help`);
  const chosen = (row: { readonly id: string; readonly quick: boolean }): boolean =>
    wanted === undefined ? !quick || row.quick : wanted.includes(row.id);
  return {
    rows: ALL_ROWS.filter(chosen),
    probes: ALL_PROBES.filter(chosen),
    peers: peersOf(values.compare === 'none' ? '' : values.compare),
    rounds: positive(values.rounds, quick ? 1 : 5, '--rounds'),
    scale: {
      seconds: positive(values.seconds, quick ? 0.4 : 3, '--seconds'),
      megabytes: positive(values.megabytes, quick ? 20 : 1_000, '--megabytes'),
      querySeconds: positive(values.query, quick ? 1 : 10, '--query'),
    },
    limitSeconds: positive(values.limit, 3_600, '--limit'),
    directory: values.dir,
    output: values.out,
  };
}

function positive(text: string | undefined, otherwise: number, name: string): number {
  const value = text === undefined ? otherwise : Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`${name} takes a number above 0`);
}

function inLines(ids: readonly string[]): string {
  const lines: string[] = [];
  for (let i = 0; i < ids.length; i += 6) lines.push(ids.slice(i, i + 6).join(', '));
  return lines.join(',\n                    ');
}
