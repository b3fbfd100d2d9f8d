import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../app/index.ts';
import { freeAddresses } from './ports.ts';
import { FILL, TABLES } from './works.ts';

const NODES = 3;
/** What dqlite's own applications keep; the default of the library. */
const LATENCY_MS = 15;

/** Three nodes of C dqlite. */
export class CCluster {
  readonly name = 'C dqlite';
  readonly addresses: readonly string[];
  readonly directories: string[] = [];
  readonly #children: ChildProcess[] = [];

  private constructor(addresses: readonly string[]) {
    this.addresses = addresses;
  }

  static async start(program: string, directory: string): Promise<CCluster> {
    const cluster = new CCluster(await freeAddresses(NODES));
    for (const [i, address] of cluster.addresses.entries()) {
      const dir = `${directory}-${i + 1}`;
      cluster.directories.push(dir);
      mkdirSync(dir, { recursive: true });
      // Node 1 makes a cluster of itself; the others are added to it.
      const child = spawn(program, [String(i + 1), address, dir, String(LATENCY_MS)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      cluster.#children.push(child);
      await once(child.stdout, 'data');
    }
    const database = connect({ servers: [cluster.addresses[0] ?? ''], database: 'bench' });
    try {
      for (const [i, address] of cluster.addresses.entries()) {
        if (i === 0) continue;
        await retried(() => database.cluster.add(BigInt(i + 1), address));
        await retried(() => database.cluster.assign(BigInt(i + 1), 'voter'));
      }
      for (const sql of [...TABLES, FILL]) await retried(() => database.execute(sql));
    } finally {
      await database.close();
    }
    return cluster;
  }

  /** Node 1 leads from the start, and nothing here makes it stop. */
  leaderAddress(): Promise<string> {
    return Promise.resolve(this.addresses[0] ?? '');
  }

  get pids(): number[] {
    return this.#children.map(({ pid }) => pid ?? 0);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }
}

async function retried(run: () => Promise<unknown>): Promise<void> {
  for (let left = 20; ; left--) {
    try {
      await run();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await sleep(200);
    }
  }
}
