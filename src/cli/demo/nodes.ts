import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { QuorateError } from '../../base/index.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/quorate.js', import.meta.url));
const START_LIMIT_MS = 30_000;
/** Small, so that the rejoining machine gets a snapshot and not the whole log. */
const SNAPSHOT_OPTIONS = ['--snapshot-threshold', '256', '--snapshot-trailing', '64'];

/** One node of the demo: a process and its directory. */
export class DemoNode {
  readonly name: string;
  readonly directory: string;
  readonly address: string;
  #process: ChildProcess | undefined;

  constructor(root: string, name: string, port: number) {
    this.name = name;
    this.directory = join(root, name);
    this.address = `127.0.0.1:${port}`;
  }

  get running(): boolean {
    return (
      this.#process !== undefined &&
      this.#process.exitCode === null &&
      this.#process.signalCode === null
    );
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the process and waits for its line "serves". */
  async start(join_: readonly string[]): Promise<void> {
    const args = [
      PROGRAM,
      'start',
      '--dir',
      this.directory,
      '--address',
      this.address,
      ...SNAPSHOT_OPTIONS,
    ];
    if (join_.length > 0) args.push('--join', join_.join(','));
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    const log = createWriteStream(`${this.directory}.log`, { flags: 'a' });
    child.stderr?.pipe(log);
    const line = await Promise.race([
      once(child.stdout ?? child, 'data').then(([chunk]) => String(chunk)),
      once(child, 'exit').then(([code]) => `exit ${code}`),
      delay(START_LIMIT_MS).then(() => 'no answer'),
    ]);
    if (!line.includes('serves')) {
      throw new QuorateError(
        'DEMO_NODE',
        `${this.name} did not start (${line.trim()}); see ${this.directory}.log`,
      );
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.running) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGTERM, SIGKILL after ten seconds. Resolves to the exit code. */
  async stop(): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || !this.running) return child?.exitCode ?? null;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(late);
    return child.exitCode;
  }

  wipe(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      server.close();
      await once(server, 'close');
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
