import { cpSync, mkdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { complaint } from './log-judge.ts';
import { NodeProcess } from './node-process.ts';
import { SmallDisk } from './small-disk.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url));
/** Small, so that snapshots are taken and sent all the time. */
const SNAPSHOT_ENTRIES = '200';
const SNAPSHOT_TRAILING = '50';

const RESTART_MS = 500;

/** How all nodes of a cluster are run. */
export interface MachineStyle {
  readonly root: string;
  readonly port: number;
  readonly threads: boolean;
  /** 'manual': the harness gives each member its id and its role. */
  readonly roles: 'auto' | 'manual';
  /** Program of a C node. */
  readonly cProgram: string | undefined;
  readonly diskMegabytes: number | undefined;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly report: (finding: string) => void;
  /** Told of what C nodes do that ours must not. */
  readonly excuse: (finding: string) => void;
}

/** One machine of the cluster: an address, a disk, and the process that runs on it. */
export class Machine {
  readonly name: string;
  readonly kind: 'quorate' | 'c';
  /** Where others find it: the proxy. */
  readonly address: string;
  /** Where it listens. */
  readonly bind: string;
  readonly process: NodeProcess;
  readonly disk: SmallDisk | undefined;
  /** Given by the harness where roles are manual. */
  id: bigint;
  /** True while it is no member because the harness took it out. */
  absent = false;
  readonly #style: MachineStyle;

  constructor(number: number, kind: 'quorate' | 'c', style: MachineStyle) {
    this.name = `n${number}`;
    this.kind = kind;
    this.id = BigInt(number);
    this.address = `127.0.1.${number}:${style.port}`;
    this.bind = `127.0.2.${number}:${style.port}`;
    this.#style = style;
    const home = `${style.root}/${this.name}`;
    mkdirSync(home);
    this.disk =
      style.diskMegabytes === undefined ? undefined : new SmallDisk(home, style.diskMegabytes);
    mkdirSync(`${home}/data`);
    this.process = new NodeProcess({
      name: this.name,
      directory: `${home}/data`,
      logFile: `${style.root}/${this.name}.log`,
      complaint: kind === 'c' ? () => undefined : complaint,
      report: kind === 'c' ? (finding) => this.#excuse(finding) : style.report,
    });
  }

  /** Starts the process; `join`: the addresses of others, none for the first of a cluster. False when it could not start. */
  start(join: readonly string[]): Promise<boolean> {
    return this.process.start(this.kind === 'c' ? this.#cCommand() : this.#command(join));
  }

  /** `keep`: what is on a small disk, which goes with it, is copied beside it. */
  destroy(keep: boolean): void {
    this.process.destroy();
    if (this.disk === undefined) return;
    if (keep)
      cpSync(this.process.directory, `${this.#style.root}/${this.name}-data`, { recursive: true });
    this.disk.unmount();
  }

  /** A C node that ended by itself is started again, as an operator would. */
  #excuse(finding: string): void {
    this.#style.excuse(finding);
    setTimeout(() => {
      if (this.process.wanted && !this.process.running) void this.start([]);
    }, RESTART_MS);
  }

  #cCommand(): string[] {
    const { cProgram, electionTimeoutMs } = this.#style;
    if (cProgram === undefined) throw new Error('there is no program of a C node');
    const { directory } = this.process;
    // Its election timeout is 15 times the latency that it is told.
    const latency = String(Math.round(electionTimeoutMs / 15));
    return [
      cProgram,
      String(this.id),
      this.address,
      directory,
      latency,
      SNAPSHOT_ENTRIES,
      // C wants no less than the other number.
      SNAPSHOT_ENTRIES,
      this.bind,
    ];
  }

  #command(join: readonly string[]): string[] {
    const style = this.#style;
    return [
      process.execPath,
      PROGRAM,
      'start',
      ...['--dir', this.process.directory],
      ...['--address', this.address],
      ...['--bind', this.bind],
      ...['--log-format', 'json'],
      ...['--log-level', 'debug'],
      ...['--threads', style.threads ? 'on' : 'off'],
      ...['--election-timeout', String(style.electionTimeoutMs)],
      ...['--heartbeat', String(style.heartbeatMs)],
      ...['--snapshot-threshold', SNAPSHOT_ENTRIES],
      ...['--snapshot-trailing', SNAPSHOT_TRAILING],
      ...(style.roles === 'manual' ? this.#manual(join) : this.#automatic(join)),
    ];
  }

  #manual(join: readonly string[]): string[] {
    const start = join.length === 0 ? 'bootstrap' : 'wait';
    return ['--roles', 'manual', '--id', String(this.id), '--start', start];
  }

  #automatic(join: readonly string[]): string[] {
    return join.length === 0 ? ['--start', 'bootstrap'] : ['--join', join.join()];
  }
}
