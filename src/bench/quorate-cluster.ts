import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../app/index.ts';
import { freeAddresses } from './ports.ts';
import { WorkerProcess } from './worker-process.ts';
import { FILL, TABLES } from './works.ts';

const NODES = 3;

/** Three nodes as processes, each able to put a load on itself. */
export class QuorateCluster {
  readonly name = 'quorate';
  readonly addresses: readonly string[];
  readonly directories: string[] = [];
  readonly nodes: WorkerProcess[] = [];

  private constructor(addresses: readonly string[]) {
    this.addresses = addresses;
  }

  /** Forms the cluster and fills its tables; every member votes. */
  static async start(directory: string): Promise<QuorateCluster> {
    const cluster = new QuorateCluster(await freeAddresses(NODES));
    const [first] = cluster.addresses;
    for (const [i, address] of cluster.addresses.entries()) {
      const dir = `${directory}-${i + 1}`;
      cluster.directories.push(dir);
      mkdirSync(dir, { recursive: true });
      const options = { dir, address, ...(i === 0 ? {} : { join: [first] }) };
      cluster.nodes.push(await WorkerProcess.start('./quorate-node.js', JSON.stringify(options)));
    }
    await cluster.#voters();
    const leader = await cluster.leader();
    await leader.ask({ order: 'run', sql: [...TABLES, FILL] });
    return cluster;
  }

  async #voters(): Promise<void> {
    const database = connect({ servers: this.addresses, database: 'bench' });
    try {
      for (;;) {
        const members = await database.cluster.members().catch(() => []);
        if (members.filter(({ role }) => role === 'voter').length === NODES) return;
        await sleep(100);
      }
    } finally {
      await database.close();
    }
  }

  async #leads(): Promise<number> {
    for (;;) {
      for (const [i, node] of this.nodes.entries()) if (await node.leads()) return i;
      await sleep(20);
    }
  }

  async leader(): Promise<WorkerProcess> {
    return this.#at(await this.#leads());
  }

  async follower(): Promise<WorkerProcess> {
    return this.#at(((await this.#leads()) + 1) % NODES);
  }

  async leaderAddress(): Promise<string> {
    return this.addresses[await this.#leads()] ?? '';
  }

  #at(index: number): WorkerProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  get pids(): number[] {
    return this.nodes.map(({ pid }) => pid);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }
}
