import { appendFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Curve, judgeFlatness } from './flatness.ts';
import type { ProcessSample } from './process-sample.ts';

const MIB = 1024 * 1024;

/** A sample of one process, with what can be seen of it from outside. */
export interface Measured extends ProcessSample {
  readonly name: string;
  readonly pid: number;
  readonly directory: string | undefined;
}

/**
 * What is judged, with the growth that still counts as flat: a share of the height, or an amount, whichever is more. Node's
 * heap and allocator settle slowly; a segment is 8 MiB; handles and sockets come and go with connections.
 */
const JUDGED = {
  rss: { share: 0.1, amount: 24 * MIB },
  heap: { share: 0.1, amount: 6 * MIB },
  external: { share: 0.1, amount: 8 * MIB },
  handles: { share: 0, amount: 4 },
  sockets: { share: 0, amount: 4 },
  directory: { share: 0.1, amount: 12 * MIB },
  files: { share: 0, amount: 4 },
} as const;
type Quantity = keyof typeof JUDGED;
const QUANTITIES: readonly Quantity[] = [
  'rss',
  'heap',
  'external',
  'handles',
  'sockets',
  'directory',
  'files',
];
const COLUMNS = [
  'seconds',
  'process',
  ...QUANTITIES,
  'role',
  'applied',
  'log',
  'snapshots',
  'steps',
];

/** Collects the curves of a soak, writes them to a file as they come, and judges them at the end. */
export class SoakSamples {
  readonly #csv: string;
  readonly #curves = new Map<string, { seconds: number; value: number }[]>();

  constructor(csv: string) {
    this.#csv = csv;
    writeFileSync(csv, `${COLUMNS.join()}\n`);
  }

  add(seconds: number, steps: number, rows: readonly Measured[]): void {
    for (const row of rows) {
      const { name, rssBytes: rss, heapBytes: heap, externalBytes: external } = row;
      const values = { rss, heap, external, ...openFiles(row.pid), ...onDisk(row.directory) };
      for (const quantity of QUANTITIES) {
        const key = `${name} ${quantity}`;
        const curve = this.#curves.get(key) ?? [];
        curve.push({ seconds, value: values[quantity] });
        this.#curves.set(key, curve);
      }
      const measured = QUANTITIES.map((quantity) => values[quantity]);
      const rest = [row.role, row.applied, row.logBytes, row.snapshots, steps];
      appendFileSync(this.#csv, `${[seconds.toFixed(1), name, ...measured, ...rest].join()}\n`);
    }
  }

  /** Prints a line for each curve; true = all are flat after warm-up. */
  summary(warmUpSeconds: number): boolean {
    let flat = true;
    const heads = ['first third', 'last third', 'maximum', 'growth', 'tolerance'];
    console.log(
      ['curve'.padEnd(18), ...heads.map((head) => head.padStart(12)), ' rising'].join(''),
    );
    for (const [name, points] of this.#curves) {
      const quantity = QUANTITIES.find((each) => name.endsWith(` ${each}`)) ?? 'rss';
      const curve: Curve = { name, points, ...JUDGED[quantity] };
      const verdict = judgeFlatness(curve, warmUpSeconds);
      if (verdict.maximum === 0) continue;
      flat &&= verdict.flat;
      const { first, last, maximum, growth, tolerance, rising } = verdict;
      const numbers = [first, last, maximum, growth, tolerance].map((value) =>
        (maximum > MIB ? `${(value / MIB).toFixed(1)} MiB` : value.toFixed(1)).padStart(12),
      );
      const mark = verdict.flat ? '' : '  NOT FLAT';
      console.log(`${name.padEnd(18)}${numbers.join('')} ${rising.toFixed(2).padStart(6)}${mark}`);
    }
    return flat;
  }
}

/** Open files of a process, and which of them are sockets; zero where there is no /proc. */
function openFiles(pid: number): { handles: number; sockets: number } {
  const directory = `/proc/${pid}/fd`;
  let handles = 0;
  let sockets = 0;
  for (const name of names(directory)) {
    handles++;
    try {
      if (readlinkSync(join(directory, name)).startsWith('socket:')) sockets++;
    } catch {
      // It was closed meanwhile.
    }
  }
  return { handles, sockets };
}

function onDisk(directory: string | undefined): { directory: number; files: number } {
  let bytes = 0;
  let files = 0;
  for (const name of directory === undefined ? [] : names(directory)) {
    try {
      bytes += statSync(join(directory ?? '', name)).size;
      files++;
    } catch {
      // It was removed meanwhile.
    }
  }
  return { directory: bytes, files };
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
