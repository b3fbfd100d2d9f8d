import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WorkerProcess } from './worker-process.ts';

const run = promisify(execFile);

/** Unreplicated engines from npm, in the versions that the figures in docs/performance.md were taken with. */
export const PACKAGES = { 'better-sqlite3': '12.11.1', libsql: '0.5.29' } as const;
export type PackageName = keyof typeof PACKAGES;
const INSTALL_MS = 600_000;

/** Starts one as a process. It is installed beside the project and kept for the next time. Throws when it cannot be had. */
export async function startPackage(name: PackageName, directory: string): Promise<WorkerProcess> {
  const installed = await install(name, PACKAGES[name]);
  const argument = JSON.stringify({ name, installed, file: join(directory, `${name}.db`) });
  return WorkerProcess.start('./native-node.js', argument);
}

async function install(name: string, version: string): Promise<string> {
  const directory = join(tmpdir(), `quorate-bench-${name}-${version}`);
  if (existsSync(join(directory, 'node_modules', name))) return directory;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  await run('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], {
    cwd: directory,
    timeout: INSTALL_MS,
  });
  return directory;
}
