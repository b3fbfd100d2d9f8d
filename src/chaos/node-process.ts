import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createWriteStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  type WriteStream,
} from 'node:fs';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const KIBIBYTE = 1_024;

/** What a running process holds. */
export interface ProcessUse {
  readonly rssBytes: number;
  readonly openFiles: number;
}

/** How to run a node again and again on one directory. */
export interface NodeProgram {
  /** Also the name of the place on the network. */
  readonly name: string;
  readonly directory: string;
  readonly logFile: string;
  /** Judges a line on standard error: undefined if it may be there. */
  readonly complaint: (line: string) => string | undefined;
  /** Told of complaints and of ends that nobody asked for. */
  readonly report: (finding: string) => void;
}

/** A node as a process of the operating system. Nothing here knows what it runs. */
export class NodeProcess {
  readonly #program: NodeProgram;
  readonly #log: WriteStream;
  #wanted = false;
  #child: ChildProcess | undefined;
  #paused = false;
  #ending = false;
  #rest = '';

  constructor(program: NodeProgram) {
    this.#program = program;
    this.#log = createWriteStream(program.logFile, { flags: 'a' });
  }

  get name(): string {
    return this.#program.name;
  }

  get directory(): string {
    return this.#program.directory;
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** True from a start to the next stop: it ran, or still does. */
  get wanted(): boolean {
    return this.#wanted;
  }

  get paused(): boolean {
    return this.running && this.#paused;
  }

  /** Starts the process and waits for its word that it serves; false when it ended before that. */
  async start(command: readonly string[], limitMs = START_LIMIT_MS): Promise<boolean> {
    const [file = '', ...args] = command;
    this.#log.write(`--- ${command.join(' ')}\n`);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#wanted = true;
    this.#paused = false;
    this.#ending = false;
    this.#rest = '';
    child.stderr.on('data', (bytes) => this.#hear(String(bytes)));
    child.stdout.on('data', (bytes) => this.#log.write(bytes));
    let serves = false;
    child.once('exit', (code, signal) => {
      this.#log.write(`--- ended: ${code ?? signal}\n`);
      if (serves && !this.#ending)
        this.#program.report(`${this.name} ended by itself: ${code ?? signal}`);
    });
    const late = setTimeout(() => child.kill('SIGKILL'), limitMs);
    serves = await Promise.race([
      new Promise<boolean>((resolve) => {
        child.stdout.on('data', (bytes) => {
          if (String(bytes).includes('serves')) resolve(true);
        });
      }),
      once(child, 'exit').then(() => false),
    ]);
    clearTimeout(late);
    return serves;
  }

  /** Ends it with a signal and waits. Resolves to the exit code, null after SIGKILL. */
  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    this.#wanted = false;
    if (child === undefined || !this.running) return child?.exitCode ?? null;
    this.#ending = true;
    const gone = once(child, 'exit');
    child.kill(signal);
    if (this.#paused) child.kill('SIGCONT');
    const late = setTimeout(() => {
      this.#program.report(`${this.name} did not end within ${STOP_LIMIT_MS} ms of ${signal}`);
      child.kill('SIGKILL');
    }, STOP_LIMIT_MS);
    await gone;
    clearTimeout(late);
    return child.exitCode;
  }

  /** SIGSTOP. */
  pause(): void {
    if (!this.running) return;
    this.#paused = true;
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    if (!this.paused) return;
    this.#paused = false;
    this.#child?.kill('SIGCONT');
  }

  /** The machine gets an empty disk. */
  wipe(): void {
    rmSync(this.directory, { recursive: true, force: true });
    mkdirSync(this.directory);
  }

  use(): ProcessUse | undefined {
    const { pid } = this;
    if (pid === undefined) return undefined;
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      const rss = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * KIBIBYTE;
      return { rssBytes: rss, openFiles: readdirSync(`/proc/${pid}/fd`).length };
    } catch {
      return undefined;
    }
  }

  /** For the end of the harness, whatever state it is in. */
  destroy(): void {
    this.#ending = true;
    this.#wanted = false;
    if (this.running) this.#child?.kill('SIGKILL');
    this.#log.end();
  }

  #hear(text: string): void {
    this.#log.write(text);
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const complaint = this.#program.complaint(line);
      if (complaint !== undefined) this.#program.report(`${this.name}: ${complaint}`);
    }
  }
}
