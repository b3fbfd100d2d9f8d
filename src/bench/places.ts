import { NODES } from './bench-cluster.ts';
import type { DelayedLink } from './delay-proxy.ts';
import { freeAddresses } from './ports.ts';
import { WorkerProcess } from './worker-process.ts';

/** Where a node listens, and the address that other nodes know it by. */
export interface Place {
  readonly bind: string;
  readonly address: string;
}

/** The addresses of a cluster on loopback, with delaying proxies before the nodes when they are to be far apart. */
export class Places {
  readonly nodes: readonly Place[];
  readonly #proxy: WorkerProcess | undefined;

  private constructor(nodes: readonly Place[], proxy: WorkerProcess | undefined) {
    this.nodes = nodes;
    this.#proxy = proxy;
  }

  static async reserve(roundTripMs?: number): Promise<Places> {
    const free = await freeAddresses(2 * NODES);
    const nodes = free.slice(0, NODES).map((bind, i) => ({
      bind,
      address: roundTripMs === undefined ? bind : (free[NODES + i] ?? ''),
    }));
    if (roundTripMs === undefined) return new Places(nodes, undefined);
    const links = nodes.map(
      ({ bind, address }): DelayedLink => ({
        ...{ listen: address, target: bind, delayMs: roundTripMs / 2 },
      }),
    );
    return new Places(nodes, await WorkerProcess.start('./delay-proxy.js', JSON.stringify(links)));
  }

  async close(): Promise<void> {
    await this.#proxy?.kill();
  }
}
