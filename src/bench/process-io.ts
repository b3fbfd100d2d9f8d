import { readFileSync, statSync } from 'node:fs';

/** What processes have used, counted by the operating system; Linux only. */
export interface SystemUse {
  readonly cpuSeconds: number;
  /**
   * Made dirty or written past the cache, as the kernel accounts it: with what is only allocated, and since large folios up to 2 MB for a
   * write of 4 KB.
   */
  readonly writtenBytes: number;
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
    residentBytes: Number(rest[21]) * PAGE,
  };
}

/** What the disk of a directory has completed, for whomever. */
export interface DeviceUse {
  /** With flushes. */
  readonly writes: number;
  readonly bytes: number;
}

const SECTOR = 512;

/**
 * Synced calls of different kinds (O_DSYNC, RWF_DSYNC, fdatasync) all end as writes of the disk, while only what is not synced is merged
 * or put off. Right only while nothing else writes. Undefined where there is no /proc/diskstats with this disk.
 */
export function deviceUse(directory: string): DeviceUse | undefined {
  try {
    const { dev } = statSync(directory);
    const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
    for (const line of readFileSync('/proc/diskstats', 'utf8').split('\n')) {
      const fields = line.trim().split(/\s+/);
      if (Number(fields[0]) !== major || Number(fields[1]) !== minor) continue;
      return {
        writes: Number(fields[7]) + Number(fields[18] ?? 0),
        bytes: Number(fields[9]) * SECTOR,
      };
    }
  } catch {
    // Not Linux.
  }
  return undefined;
}
