import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchCluster, type ClusterOptions, NODES } from './bench-cluster.ts';
import { Places } from './places.ts';
import { FILL, TABLES, withClient } from './works.ts';

/** Entries that are kept before a snapshot, beside a threshold that is asked for. */
const TRAILING = 256;

/** Three nodes of C dqlite with the library's own defaults. */
export class CCluster implements BenchCluster {
  readonly name = 'C dqlite';
  readonly directories: string[] = [];
  readonly #program: string;
  readonly #places: Places;
  readonly #snapshotEntries: number | undefined;
  readonly #children: ChildProcess[] = [];

  private constructor(program: string, places: Places, options: ClusterOptions) {
    this.#program = program;
    this.#places = places;
    this.#snapshotEntries = options.snapshotEntries;
  }

  static async start(
    program: string,
    directory: string,
    options: ClusterOptions = {},
  ): Promise<CCluster> {
    const places = await Places.reserve(options.roundTripMs);
    const cluster = new CCluster(program, places, options);
    for (const i of places.nodes.keys()) {
      const dir = `${directory}-${i + 1}`;
      mkdirSync(dir, { recursive: true });
      cluster.directories.push(dir);
      // Node 1 makes a cluster of itself; the others are added to it.
      await cluster.restart(i);
    }
    await withClient(cluster.addresses.slice(0, 1), async (database) => {
      for (const [i, { address }] of places.nodes.entries()) {
        if (i === 0) continue;
        await retried(() => database.cluster.add(BigInt(i + 1), address));
        await retried(() => database.cluster.assign(BigInt(i + 1), 'voter'));
      }
      for (const sql of [...TABLES, FILL]) await retried(() => database.execute(sql));
    });
    return cluster;
  }

  get addresses(): readonly string[] {
    return this.#places.nodes.map(({ bind }) => bind);
  }

  async leaderAddress(): Promise<string> {
    const leader = await withClient(this.addresses, async (database) => {
      for (;;) {
        const member = await database.cluster.leader().catch(() => undefined);
        if (member !== undefined) return member.address;
        await sleep(50);
      }
    });
    return this.#places.nodes.find(({ address }) => address === leader)?.bind ?? leader;
  }

  /** A C node does not say how far its followers are: waits until it votes and a write is acknowledged. */
  async settled(): Promise<void> {
    await withClient(this.addresses, async (database) => {
      for (;;) {
        const members = await database.cluster.members().catch(() => []);
        if (members.filter(({ role }) => role === 'voter').length === NODES) break;
        await sleep(100);
      }
      await retried(() => database.execute(FILL));
    });
  }

  get pids(): number[] {
    return this.#children.filter(alive).map(({ pid }) => pid ?? 0);
  }

  async kill(index: number): Promise<void> {
    const child = this.#children[index];
    if (child === undefined || !alive(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async restart(index: number): Promise<void> {
    const { address, bind } = this.#places.nodes[index] ?? { address: '', bind: '' };
    const entries = this.#snapshotEntries;
    const snapshots = entries === undefined ? [] : [String(entries), String(TRAILING)];
    const directory = this.directories[index] ?? '';
    const child = spawn(this.#program, [`${index + 1}`, address, bind, directory, ...snapshots], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children[index] = child;
    const failed = once(child, 'exit').then(([code]) => {
      throw new Error(`a node of C dqlite ended: ${code}`);
    });
    failed.catch(() => undefined);
    await Promise.race([once(child.stdout, 'data'), failed]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((_, index) => this.kill(index)));
    await this.#places.close();
  }
}

function alive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function retried(run: () => Promise<unknown>): Promise<void> {
  for (let left = 50; ; left--) {
    try {
      await run();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await sleep(200);
    }
  }
}
