import { readFileSync } from 'node:fs';

/** What processes have used, counted by the operating system; Linux only. */
export interface SystemUse {
  readonly cpuSeconds: number;
  /** Sent to the storage layer. */
  readonly writtenBytes: number;
  readonly writeCalls: number;
  readonly residentBytes: number;
}

const TICKS = 100;
const PAGE = 4096;

/** Sum over processes; undefined where there is no /proc. */
export function systemUse(pids: readonly number[]): SystemUse | undefined {
  try {
    return pids.map(useOf).reduce((a, b) => ({
      cpuSeconds: a.cpuSeconds + b.cpuSeconds,
      writtenBytes: a.writtenBytes + b.writtenBytes,
      writeCalls: a.writeCalls + b.writeCalls,
      residentBytes: a.residentBytes + b.residentBytes,
    }));
  } catch {
    return undefined;
  }
}

function useOf(pid: number): SystemUse {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  const field = (name: string): number => Number(io.match(`\\n${name}: (\\d+)`)?.[1] ?? 0);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold blanks.
  const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    cpuSeconds: (Number(rest[11]) + Number(rest[12])) / TICKS,
    writtenBytes: field('write_bytes'),
    writeCalls: field('syscw'),
    residentBytes: Number(rest[21]) * PAGE,
  };
}
