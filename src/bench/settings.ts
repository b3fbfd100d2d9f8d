import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { markdown } from './report.ts';

const run = promisify(execFile);
const O_DSYNC = 0o10000;
const O_SYNC = 0o4010000;
const O_DIRECT = 0o40000;

/** How a contestant was set up, as far as it decides its figures. */
export interface Settings {
  readonly name: string;
  readonly version: string;
  readonly tcpNoDelay: string;
  /** What meets a writer while another one is at work. */
  readonly busy: string;
  /** How a commit reaches the disk. */
  readonly synchronous: string;
}

/** Asked from the operating system, not from the server: of the sockets between its nodes and of one client that is connected now. */
export async function noDelayOf(program: string, pids: readonly number[]): Promise<string> {
  try {
    const { stdout } = await run(program, pids.map(String));
    const [set, of] = stdout.trim().split(' ');
    return `on ${set} of ${of} server sockets`;
  } catch {
    return 'not known';
  }
}

/** Flags of the segments that processes hold open, from /proc. Quorate and C dqlite name them alike. */
export function segmentFlags(pids: readonly number[]): string {
  const seen = new Set<string>();
  for (const pid of pids) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) addFlags(seen, pid, fd);
    } catch {
      // No /proc here, or the process is gone.
    }
  }
  return seen.size === 0 ? 'not known' : [...seen].sort().join(', ');
}

function addFlags(seen: Set<string>, pid: number, fd: string): void {
  let target: string;
  let info: string;
  try {
    target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
  } catch {
    return;
  }
  if (!/\/open-\d+$/.test(target)) return;
  const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8);
  const names: string[] = [];
  if ((flags & O_SYNC) === O_SYNC) names.push('O_SYNC');
  else if ((flags & O_DSYNC) !== 0) names.push('O_DSYNC');
  if ((flags & O_DIRECT) !== 0) names.push('O_DIRECT');
  seen.add(names.length === 0 ? 'plain' : names.join('+'));
}

export function settingsTable(settings: readonly Settings[]): string {
  const head = ['who', 'version', 'TCP_NODELAY', 'busy', 'how a commit reaches the disk'];
  const lines = settings.map((s) => [s.name, s.version, s.tcpNoDelay, s.busy, s.synchronous]);
  return markdown(head, lines);
}
