import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Figures, parseFigures } from './figures.ts';

const run = promisify(execFile);
const GO_LIBRARIES = '/usr/share/gocode';
const GO_BUILD_MS = 300_000;

/** Sources stay where they are: the build copies only TypeScript. */
function source(path: string): string {
  return fileURLToPath(new URL(`../../src/bench/peers/${path}`, import.meta.url));
}

/** What the light client does. */
export interface ClientLoad {
  readonly address: string;
  readonly work: 'insert' | 'random' | 'select' | 'rows' | 'begin';
  readonly connections: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Operations each second, begun at their times; absent: each connection begins the next when the last one ended. */
  readonly perSecond?: number;
}

/** A program that puts a load on a server of the dqlite protocol, the same for every server. */
export class LoadProgram {
  readonly #program: string;
  readonly #opens: boolean;

  /** `opens`: it can run an open loop. */
  private constructor(program: string, opens: boolean) {
    this.#program = program;
    this.#opens = opens;
  }

  /** The light client in C. Throws when there is no compiler. */
  static async light(directory: string): Promise<LoadProgram> {
    const program = `${directory}/load`;
    await run('gcc', ['-O2', '-o', program, source('load.c')]);
    return new LoadProgram(program, true);
  }

  /** The go-dqlite driver under database/sql, from Debian's packages. Throws when they are missing. */
  static async go(directory: string): Promise<LoadProgram> {
    const go = ['/usr/lib/go/bin/go', '/usr/local/go/bin/go'].find((path) => existsSync(path));
    if (go === undefined || !existsSync(GO_LIBRARIES)) {
      throw new Error('no golang-go or no golang-github-canonical-go-dqlite-dev');
    }
    const program = resolve(directory, 'go-load');
    const cache = join(tmpdir(), 'quorate-bench-go-cache');
    const environment = { GO111MODULE: 'off', GOPATH: GO_LIBRARIES, GOFLAGS: '', GOCACHE: cache };
    await run(go, ['build', '-o', program, source('go-load.go')], {
      env: { ...process.env, ...environment },
      timeout: GO_BUILD_MS,
    });
    return new LoadProgram(program, false);
  }

  async load(load: ClientLoad, rows: number): Promise<Figures> {
    const { address, work, connections, seconds, warmUpSeconds, perSecond } = load;
    const rate = perSecond === undefined ? [] : [perSecond];
    const numbers = [connections, seconds, warmUpSeconds, rows, ...rate].map(String);
    if (perSecond !== undefined && !this.#opens) throw new Error('this client has no open loop');
    const { stdout } = await run(this.#program, [address, 'bench', work, ...numbers], {
      timeout: (seconds + warmUpSeconds + 90) * 1_000,
    });
    return parseFigures(stdout);
  }
}

/** Compiles a node of C dqlite. Throws when there is no compiler or no libdqlite-dev. */
export async function buildCNode(directory: string): Promise<string> {
  const program = `${directory}/c-node`;
  await run('gcc', ['-O2', '-o', program, source('c-node.c'), '-ldqlite']);
  return program;
}

/** The program that asks the kernel for the options of sockets. Throws when there is no compiler. */
export async function buildSockets(directory: string): Promise<string> {
  const program = `${directory}/sockets`;
  await run('gcc', ['-O2', '-o', program, source('sockets.c')]);
  return program;
}

/** What the linked library says of itself (Debian's 1.11.1 says 1.10.0), and what Debian calls it unless another one is linked. */
export async function cVersion(directory: string): Promise<string> {
  const program = `${directory}/version`;
  await run('gcc', ['-O2', '-o', program, source('version.c'), '-ldqlite', '-lsqlite3']);
  const said = await run(program);
  const [version, sqlite] = said.stdout.trim().split(' ');
  const debian = await run('dpkg-query', ['-W', '-f', `\${Version}`, 'libdqlite0'])
    .then(({ stdout }) => `, package ${stdout}`)
    .catch(() => '');
  const other = process.env.LD_LIBRARY_PATH;
  const origin = other === undefined ? debian : `, from ${other}`;
  return `library ${version}${origin}, SQLite ${sqlite}`;
}
