import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WorkerProcess } from './worker-process.ts';

const run = promisify(execFile);

/** Versions that the figures in docs/performance.md were taken with. */
const VERSION = '12.11.1';
const INSTALL_MS = 600_000;

/** better-sqlite3, installed beside the project and kept for the next time. */
export const BetterSqlite3 = {
  async start(directory: string): Promise<WorkerProcess> {
    const installed = await install();
    const argument = JSON.stringify({ installed, file: join(directory, 'better-sqlite3.db') });
    return WorkerProcess.start('./better-sqlite3.js', argument);
  },
};

async function install(): Promise<string> {
  const directory = join(tmpdir(), `quorate-bench-better-sqlite3-${VERSION}`);
  if (existsSync(join(directory, 'node_modules', 'better-sqlite3'))) return directory;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  const wanted = `better-sqlite3@${VERSION}`;
  await run('npm', ['install', '--no-audit', '--no-fund', wanted], {
    cwd: directory,
    timeout: INSTALL_MS,
  });
  return directory;
}
