import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchCluster, type ClusterOptions, NODES } from './bench-cluster.ts';
import { Places } from './places.ts';
import { WorkerProcess } from './worker-process.ts';
import { FILL, TABLES, withClient } from './works.ts';

/** Three nodes of Quorate, each able to put a load on itself. */
export class QuorateCluster implements BenchCluster {
  readonly name = 'quorate';
  readonly directories: string[] = [];
  readonly #places: Places;
  readonly #options: string[] = [];
  readonly #nodes: (WorkerProcess | undefined)[] = [];

  private constructor(places: Places) {
    this.#places = places;
  }

  /** Forms the cluster and fills its tables; every member votes. `directory`: a prefix of the nodes' directories. */
  static async start(directory: string, options: ClusterOptions = {}): Promise<QuorateCluster> {
    const places = await Places.reserve(options.roundTripMs);
    const cluster = new QuorateCluster(places);
    for (const [i, { address, bind }] of places.nodes.entries()) {
      const dir = `${directory}-${i + 1}`;
      mkdirSync(dir, { recursive: true });
      cluster.directories.push(dir);
      const join = i === 0 ? {} : { join: [places.nodes[0]?.address] };
      const snapshot = options.snapshotEntries
        ? { snapshot: { threshold: options.snapshotEntries } }
        : {};
      const { dqliteReads } = options;
      cluster.#options.push(
        JSON.stringify({ dir, address, bind, ...join, ...snapshot, dqliteReads }),
      );
      await cluster.restart(i);
    }
    await cluster.settled();
    const leader = await cluster.leader();
    await leader.ask({ order: 'run', sql: [...TABLES, FILL] });
    return cluster;
  }

  get addresses(): readonly string[] {
    return this.#places.nodes.map(({ bind }) => bind);
  }

  async settled(): Promise<void> {
    await withClient(this.addresses, async (database) => {
      for (;;) {
        const members = await database.cluster.members().catch(() => []);
        const voters = members.filter(({ role }) => role === 'voter').length;
        const status = await database.cluster
          .status(await this.leaderAddress())
          .catch(() => undefined);
        const behind = status?.followers.filter(({ state }) => state !== 'pipeline').length;
        if (voters === NODES && behind === 0) return;
        await sleep(100);
      }
    });
  }

  async #leads(): Promise<number> {
    for (;;) {
      for (const [i, node] of this.#nodes.entries()) if (await node?.leads()) return i;
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
    const node = this.#nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  get pids(): number[] {
    return this.#nodes.flatMap((node) => (node === undefined ? [] : [node.pid]));
  }

  async kill(index: number): Promise<void> {
    const node = this.#at(index);
    this.#nodes[index] = undefined;
    await node.kill();
  }

  async restart(index: number): Promise<void> {
    const options = this.#options[index] ?? '{}';
    this.#nodes[index] = await WorkerProcess.start('./quorate-node.js', options);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node?.kill()));
    await this.#places.close();
  }
}
