import { type Figures, median, rateOf } from './figures.ts';
import { type SystemUse, systemUse } from './process-io.ts';

/** One who takes part in a row of the table. */
export interface Contestant {
  readonly name: string;
  /** Processes whose use counts: the servers, not the client. */
  readonly pids: readonly number[];
  run(): Promise<Figures>;
}

/** A run with what it used. */
export interface Run {
  readonly figures: Figures;
  readonly use: SystemUse | undefined;
}

/** A contestant's runs of one row. */
export interface Result {
  readonly name: string;
  readonly runs: readonly Run[];
}

/** Lets all run in turn, `rounds` times, so that what the machine does besides meets all of them. */
export async function contest(
  contestants: readonly Contestant[],
  rounds: number,
  told: (name: string, run: Run) => void,
): Promise<Result[]> {
  const runs = new Map<string, Run[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, pids, run } of contestants) {
      const before = systemUse(pids);
      const figures = await run();
      const after = systemUse(pids);
      const use = before && after ? difference(after, before) : undefined;
      runs.get(name)?.push({ figures, use });
      told(name, { figures, use });
    }
  }
  return [...runs].map(([name, of]) => ({ name, runs: of }));
}

function difference(after: SystemUse, before: SystemUse): SystemUse {
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    writtenBytes: after.writtenBytes - before.writtenBytes,
    writeCalls: after.writeCalls - before.writeCalls,
    residentBytes: after.residentBytes,
  };
}

/** The median over the runs of one figure. */
export function medianOf({ runs }: Result, figure: (run: Run) => number): number {
  return median(runs.map(figure));
}

export function medianRate(result: Result): number {
  return medianOf(result, ({ figures }) => rateOf(figures));
}
