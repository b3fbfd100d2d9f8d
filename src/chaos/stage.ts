import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { buildCNode } from './c-node.ts';
import { Fleet } from './fleet.ts';
import { Machine, type MachineStyle } from './machine.ts';
import { canMount } from './small-disk.ts';

/** Below the range from which the system draws ports of callers. */
const PORT_FIRST = 20_000;
const PORTS = 10_000;

/** What a stage is made of. */
export interface StageOptions {
  readonly nodes: number;
  readonly cNodes: number;
  readonly threads: boolean;
  /** 'manual' also where all nodes are of one kind: each is a voter, and nobody but the harness changes roles. */
  readonly roles: 'auto' | 'manual';
  /** Size of small disks; undefined: the disk of this machine. */
  readonly diskMegabytes: number | undefined;
  readonly electionTimeoutMs?: number;
}

function buildCNodeOrLeave(root: string): string {
  try {
    return buildCNode(root);
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

/** A cluster in a folder of its own, with the findings of its processes. All of it goes at the end. */
export class Stage {
  static readonly #open = new Set<Stage>();
  readonly root: string;
  readonly fleet: Fleet;
  readonly findings: string[] = [];
  /** What C nodes did that ours must not. */
  readonly excused: string[] = [];

  private constructor(
    root: string,
    fleet: (tell: Pick<MachineStyle, 'report' | 'excuse'>) => Fleet,
  ) {
    this.root = root;
    this.fleet = fleet({
      report: (finding) => this.findings.push(finding),
      excuse: (finding) => this.excused.push(finding),
    });
    Stage.#open.add(this);
  }

  /** Machines, not started yet. Throws when a C node is wanted and cannot be built. */
  static make(options: StageOptions): Stage {
    const root = mkdtempSync(join(tmpdir(), 'quorate-chaos-'));
    const electionTimeoutMs = options.electionTimeoutMs ?? (options.cNodes > 0 ? 1_500 : 800);
    const cProgram = options.cNodes > 0 ? buildCNodeOrLeave(root) : undefined;
    const style: Omit<MachineStyle, 'report' | 'excuse'> = {
      root,
      port: PORT_FIRST + (process.pid % PORTS),
      threads: options.threads,
      roles: options.cNodes > 0 ? 'manual' : options.roles,
      cProgram,
      diskMegabytes: canMount() ? options.diskMegabytes : undefined,
      electionTimeoutMs,
      heartbeatMs: 100,
    };
    return new Stage(root, (tell) => {
      const whole = { ...style, ...tell };
      const machines = Array.from({ length: options.nodes }, (_, i) => {
        const kind = i >= options.nodes - options.cNodes ? 'c' : 'quorate';
        return new Machine(i + 1, kind, whole);
      });
      return new Fleet(machines, whole);
    });
  }

  /** Ends processes, mounts and proxies; `keep`: leaves data and logs. */
  async close(keep: boolean): Promise<void> {
    await this.fleet.admin.close();
    this.destroy(keep);
  }

  /** The same at once. */
  destroy(keep: boolean): void {
    Stage.#open.delete(this);
    this.fleet.destroy(keep);
    if (!keep) rmSync(this.root, { recursive: true, force: true, maxRetries: 3 });
  }

  /** When the program is interrupted. */
  static destroyAll(): void {
    for (const stage of Stage.#open) stage.destroy(false);
  }
}
