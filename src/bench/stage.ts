import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CCluster } from './c-cluster.ts';
import { BetterSqlite3 } from './peer-packages.ts';
import { buildCNode, LightClient } from './programs.ts';
import { QuorateCluster } from './quorate-cluster.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Everything that a row may need, started when the first one asks for it. What cannot be had is told once. */
export class Stage {
  readonly directory: string;
  readonly #told: (text: string) => void;
  #quorate: Promise<QuorateCluster> | undefined;
  #c: Promise<CCluster | undefined> | undefined;
  #native: Promise<WorkerProcess | undefined> | undefined;
  #client: Promise<LightClient | undefined> | undefined;
  readonly #ends: (() => Promise<void>)[] = [];

  /** `parent`: a directory on a real disk. */
  constructor(parent: string, told: (text: string) => void) {
    mkdirSync(parent, { recursive: true });
    this.directory = mkdtempSync(join(parent, 'quorate-bench-'));
    this.#told = told;
  }

  quorate(): Promise<QuorateCluster> {
    this.#quorate ??= QuorateCluster.start(this.directory).then((cluster) => {
      this.#ends.push(() => cluster.stop());
      return cluster;
    });
    return this.#quorate;
  }

  c(): Promise<CCluster | undefined> {
    this.#c ??= this.#optional('C dqlite', async () => {
      const cluster = await CCluster.start(await buildCNode(this.directory), this.directory);
      this.#ends.push(() => cluster.stop());
      return cluster;
    });
    return this.#c;
  }

  betterSqlite3(): Promise<WorkerProcess | undefined> {
    this.#native ??= this.#optional('better-sqlite3', async () => {
      const process = await BetterSqlite3.start(this.directory);
      this.#ends.push(() => process.kill());
      return process;
    });
    return this.#native;
  }

  lightClient(): Promise<LightClient | undefined> {
    this.#client ??= this.#optional('the light client', () => LightClient.build(this.directory));
    return this.#client;
  }

  async #optional<T>(name: string, start: () => Promise<T>): Promise<T | undefined> {
    try {
      return await start();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#told(`without ${name}: ${text.split('\n')[0]}`);
      return undefined;
    }
  }

  async close(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
