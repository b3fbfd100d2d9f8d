import { parseArgs } from 'node:util';
import { LIES, type Lie } from '../sim/index.ts';
import { chooseFaults, FAULT_GROUPS, FAULT_NAMES } from './faults.ts';

export const HELP = `usage: npm run chaos -- [options]

Real node processes, each link through a proxy, faults of all kinds under load, and proof that clients were told the truth.
  --minutes M       length of the run under faults (default 5); or --seconds S
  --seed N          of the schedule of faults (default: drawn, and printed)
  --nodes N         3 to 7 (default 3)
  --faults LIST     of ${FAULT_NAMES.join(', ')} (default: all; with C nodes all but disk)
  --threads MODE    threads (default) or inline: everything of a node on one thread
  --c-nodes K       so many of the nodes are of C dqlite; needs Debian's libdqlite-dev and gcc
  --disk-megabytes  size of the small disk of each node (default 96, with C nodes 512); needs root, else no disk is filled
  --directed [CASE] the directed cases instead, or one of them
  --lie LIE         clients of the workloads are lied to, and the run must fail: of
                    ${LIES.join(', ')}
  --keep            keep data and logs also after success`;

/** Options of a run, checked. */
export interface ChaosOptions {
  readonly help: boolean;
  readonly milliseconds: number;
  readonly seed: number;
  readonly nodes: number;
  readonly cNodes: number;
  readonly faults: ReadonlySet<string>;
  readonly threads: boolean;
  readonly diskMegabytes: number;
  /** Undefined: a random run. '' or a name: directed cases. */
  readonly directed: string | undefined;
  /** What clients are told instead of the truth, to show that somebody notices. */
  readonly lie: Lie | undefined;
  readonly keep: boolean;
}

/** Throws Error for wrong use. `drawnSeed`: when none is given. */
export function parseOptions(args: readonly string[], drawnSeed: number): ChaosOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      nodes: { type: 'string' },
      faults: { type: 'string' },
      threads: { type: 'string' },
      'c-nodes': { type: 'string' },
      'disk-megabytes': { type: 'string' },
      directed: { type: 'boolean' },
      lie: { type: 'string' },
      keep: { type: 'boolean' },
    },
  });
  const [directedCase, ...rest] = positionals;
  if (rest.length > 0 || (directedCase !== undefined && values.directed !== true)) {
    throw new Error(`unexpected "${rest[0] ?? directedCase}"`);
  }
  const seconds = count('--seconds', values.seconds, 1, 86_400);
  const minutes = count('--minutes', values.minutes, 1, 1_440);
  const nodes = count('--nodes', values.nodes, 3, 7) ?? 3;
  const threads = values.threads ?? 'threads';
  if (threads !== 'threads' && threads !== 'inline')
    throw new Error('--threads is threads or inline');
  const cNodes = count('--c-nodes', values['c-nodes'], 0, nodes - 1) ?? 0;
  // A node of C dqlite that once had no space answers SQLITE_NOMEM until it is started again.
  const all = Object.values(FAULT_GROUPS)
    .flatMap((group) => Object.keys(group))
    .filter((fault) => cNodes === 0 || fault !== 'disk');
  return {
    help: values.help === true,
    milliseconds: seconds === undefined ? (minutes ?? 5) * 60_000 : seconds * 1_000,
    seed: count('--seed', values.seed, 0, 2 ** 32 - 1) ?? drawnSeed,
    nodes,
    cNodes,
    faults: values.faults === undefined ? new Set(all) : chooseFaults(values.faults),
    threads: threads === 'threads',
    diskMegabytes:
      count('--disk-megabytes', values['disk-megabytes'], 48, 4_096) ??
      (cNodes === 0 ? SMALL_DISK_MEGABYTES : C_DISK_MEGABYTES),
    directed: values.directed === true ? (directedCase ?? '') : undefined,
    lie: chooseLie(values.lie),
    keep: values.keep === true,
  };
}

/** Full every now and then, and full for C nodes only when something is wrong. */
const SMALL_DISK_MEGABYTES = 96;
const C_DISK_MEGABYTES = 512;

function chooseLie(text: string | undefined): Lie | undefined {
  const lie = LIES.find((candidate) => candidate === text);
  if (text !== undefined && lie === undefined) {
    throw new Error(`there is no lie "${text}"; there are ${LIES.join(', ')}`);
  }
  return lie;
}

function count(name: string, text: string | undefined, from: number, to: number) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < from || value > to) {
    throw new Error(`${name} must be a whole number from ${from} to ${to}`);
  }
  return value;
}
