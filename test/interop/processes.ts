import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url));

/** A node under test: Quorate's command line or the C program. Ended by pid at the end of the test. */
export class NodeProcess {
  readonly id: number;
  readonly address: string;
  readonly directory: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;
  output = '';

  private constructor(id: number, address: string, directory: string, command: readonly string[]) {
    this.id = id;
    this.address = address;
    this.directory = directory;
    this.#command = command;
  }

  static quorate(
    id: number,
    port: number,
    directory: string,
    extra: readonly string[] = [],
  ): NodeProcess {
    const address = `127.0.0.1:${port}`;
    return new NodeProcess(id, address, directory, [
      process.execPath,
      PROGRAM,
      'start',
      '--dir',
      directory,
      '--address',
      address,
      '--id',
      String(id),
      ...extra,
    ]);
  }

  /** A C node; `latencyMs` 40 means an election timeout of 600 ms and a heartbeat of 60 ms. */
  static c(
    program: string,
    id: number,
    port: number,
    directory: string,
    latencyMs = 40,
  ): NodeProcess {
    const address = `127.0.0.1:${port}`;
    return new NodeProcess(id, address, directory, [
      program,
      String(id),
      address,
      directory,
      String(latencyMs),
    ]);
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.#command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr?.on('data', (chunk) => {
      this.output += chunk;
    });
    const started = new Promise<boolean>((resolve) => {
      child.stdout?.on('data', (chunk) => {
        this.output += chunk;
        if (this.output.includes('serves')) resolve(true);
      });
      child.once('exit', () => resolve(false));
      child.once('error', () => resolve(false));
    });
    if (!(await started)) throw new Error(`${this.address} did not start:\n${this.output}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const gone = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(late);
    return child.exitCode;
  }
}

export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program to its end, at most `limitMs`. `onOutput` sees what it prints as it comes. */
export async function runCommand(
  command: readonly string[],
  options: {
    env?: NodeJS.ProcessEnv;
    input?: string;
    limitMs?: number;
    onOutput?: (text: string) => void;
  } = {},
): Promise<CommandResult> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { ...process.env, ...options.env } });
  let output = '';
  const collect = (chunk: unknown): void => {
    output += String(chunk);
    options.onOutput?.(output);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.stdin.end(options.input ?? '');
  const late = setTimeout(() => child.kill('SIGKILL'), options.limitMs ?? 60_000);
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve);
    child.once('error', (error) => {
      output += String(error);
      resolve(null);
    });
  });
  clearTimeout(late);
  return { code, output };
}

/** Runs Quorate's command line to its end. */
export function quorate(args: readonly string[], input = ''): Promise<CommandResult> {
  return runCommand([process.execPath, PROGRAM, ...args], { input });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Tries until it holds; the last failure is thrown after `limitMs`. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined>,
  limitMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  let failure: unknown;
  for (;;) {
    try {
      const result = await attempt();
      if (result !== undefined) return result;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${limitMs} ms for ${what}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
