import { type Figures, median, rateOf } from './figures.ts';
import { appendedBytes, logExtent } from './log-bytes.ts';
import { deviceUse, type SystemUse, systemUse } from './process-io.ts';

/** One who takes part in a row of the table. */
export interface Contestant {
  readonly name: string;
  /** Processes whose use counts: the servers, not the client. */
  readonly pids: readonly number[];
  /** Data directories with a replicated log; its growth is counted. */
  readonly directories: readonly string[];
  run(): Promise<Figures>;
}

/** What a run used, its servers together. NaN where it cannot be counted. */
export interface Use {
  readonly cpuSeconds: number;
  /** As the kernel accounts it to the processes; see SystemUse. */
  readonly writtenBytes: number;
  /** Appended to logs, without what was only allocated. */
  readonly logBytes: number;
  /** Writes and flushes that the disk completed meanwhile. */
  readonly deviceWrites: number;
  readonly deviceBytes: number;
}

/** A run with what it used. */
export interface Run {
  readonly figures: Figures;
  readonly use: Use;
}

/** A contestant's runs of one row. */
export interface Result {
  readonly name: string;
  readonly runs: readonly Run[];
}

/**
 * Lets all run in turn, `rounds` times, so that what the machine does besides meets all of them. Who fails once is out, without a result.
 * `disk`: a directory on the disk.
 */
export async function contest(
  contestants: readonly Contestant[],
  rounds: number,
  disk: string,
  told: (name: string, run: Run) => void,
  failed: (name: string, reason: string) => void,
): Promise<Result[]> {
  const runs = new Map<string, Run[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) {
      const { name } = contestant;
      const own = runs.get(name);
      if (own === undefined) continue;
      try {
        const used = meter(contestant, disk);
        const figures = await contestant.run();
        const run = { figures, use: used() };
        own.push(run);
        told(name, run);
      } catch (error) {
        runs.delete(name);
        failed(name, error instanceof Error ? error.message : String(error));
      }
    }
  }
  return [...runs].map(([name, of]) => ({ name, runs: of }));
}

/** Begins to count; the answer says what was used since. */
function meter({ pids, directories }: Contestant, disk: string): () => Use {
  const logs = directories.map((directory) => ({ directory, extent: logExtent(directory) }));
  const device = deviceUse(disk);
  const before = systemUse(pids);
  return () => {
    const after = systemUse(pids);
    const deviceNow = deviceUse(disk);
    const logBytes = logs
      .map(({ directory, extent }) => appendedBytes(extent, logExtent(directory)))
      .reduce<number>((sum, bytes) => sum + (bytes ?? Number.NaN), 0);
    const difference = (field: keyof SystemUse): number =>
      before && after ? after[field] - before[field] : Number.NaN;
    return {
      ...{ cpuSeconds: difference('cpuSeconds'), writtenBytes: difference('writtenBytes') },
      logBytes: directories.length === 0 ? Number.NaN : logBytes,
      deviceWrites: (deviceNow?.writes ?? Number.NaN) - (device?.writes ?? Number.NaN),
      deviceBytes: (deviceNow?.bytes ?? Number.NaN) - (device?.bytes ?? Number.NaN),
    };
  };
}

/** The median over the runs of one figure. */
export function medianOf({ runs }: Result, figure: (run: Run) => number): number {
  return median(runs.map(figure));
}

export function medianRate(result: Result): number {
  return medianOf(result, ({ figures }) => rateOf(figures));
}
