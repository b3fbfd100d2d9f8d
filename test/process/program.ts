import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { freePort } from '../interop/processes.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url));

/** What a finished program left. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program in the background whose two outputs are kept apart. Ended by `killAll` at the latest. */
export class Program {
  static readonly #running = new Set<Program>();
  readonly #child: ChildProcess;
  readonly #finished: Promise<Finished>;
  stdout = '';
  stderr = '';

  constructor(
    command: readonly string[],
    options: {
      readonly cwd?: string;
      readonly env?: NodeJS.ProcessEnv;
      readonly input?: string;
    } = {},
  ) {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
    });
    this.#child = child;
    child.stdout.on('data', (chunk) => {
      this.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      this.stderr += chunk;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    Program.#running.add(this);
    this.#finished = once(child, 'close').then(([code]) => {
      Program.#running.delete(this);
      return { code, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Quorate's command line. */
  static quorate(args: readonly string[], input = ''): Program {
    return new Program([process.execPath, PROGRAM, ...args], { input });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits for its end; kills it after `limitMs`. */
  async finish(limitMs = 30_000): Promise<Finished> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    const finished = await this.#finished;
    clearTimeout(late);
    return finished;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    this.signal(signal);
    return this.finish(15_000);
  }

  /** Waits until its output holds a text; throws with all output when it ends before that. */
  async says(text: string, limitMs = 30_000): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!this.stdout.includes(text) && !this.stderr.includes(text)) {
      if (this.#child.exitCode !== null || performance.now() > deadline) {
        const end = `ended with ${this.#child.exitCode}`;
        throw new Error(`waited for "${text}", ${end}:\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** For `afterAll`: nothing that a test started outlives it. */
  static async killAll(): Promise<void> {
    await Promise.all([...Program.#running].map((program) => program.stop('SIGKILL')));
  }
}

/** Runs Quorate's command line to its end. */
export function quorate(args: readonly string[], input = ''): Promise<Finished> {
  return Program.quorate(args, input).finish();
}

/** Starts a node on a directory and a free port (or a given address) and waits until it serves. */
export async function startProgram(
  directory: string,
  extra: readonly string[] = [],
  given?: string,
): Promise<{ readonly program: Program; readonly address: string }> {
  const address = given ?? `127.0.0.1:${await freePort()}`;
  const program = Program.quorate(['start', '--dir', directory, '--address', address, ...extra]);
  await program.says('serves');
  return { program, address };
}
