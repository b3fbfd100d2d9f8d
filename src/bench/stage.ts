import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterOptions } from './bench-cluster.ts';
import { CCluster } from './c-cluster.ts';
import type { PeerName } from './peer-name.ts';
import { type PackageName, startPackage } from './peer-packages.ts';
import { buildCNode, buildSockets, cVersion, LoadProgram } from './programs.ts';
import { QuorateCluster } from './quorate-cluster.ts';
import { noDelayOf, type Settings, segmentFlags } from './settings.ts';
import type { WorkerProcess } from './worker-process.ts';
import { withClient } from './works.ts';

/** What Quorate does before its first row. */
const WARM_UP = { seconds: 6, warmUpSeconds: 0 };

/** Everything that a row may need, started when the first one asks for it. What cannot be had is told once, and every row that misses it says so. */
export class Stage {
  readonly directory: string;
  readonly #peers: ReadonlySet<PeerName>;
  readonly #told: (text: string) => void;
  readonly #started = new Map<string, Promise<unknown>>();
  readonly #absent = new Map<string, string>();
  readonly #settings = new Map<string, () => Promise<Settings>>();
  readonly #ends: (() => Promise<void>)[] = [];

  /** `parent`: a directory on a real disk. `peers`: who may take part beside Quorate. */
  constructor(parent: string, peers: ReadonlySet<PeerName>, told: (text: string) => void) {
    mkdirSync(parent, { recursive: true });
    this.directory = mkdtempSync(join(parent, 'quorate-bench-'));
    this.#peers = peers;
    this.#told = told;
  }

  /** Why something is missing that was asked for. */
  whyAbsent(name: string): string {
    const clients = ['the light client', 'the Go client'].map((client) => this.#absent.get(client));
    return this.#absent.get(name) ?? clients.find((reason) => reason !== undefined) ?? 'no reason';
  }

  /** Keeps a thing for all rows, by its name. */
  once<T>(name: string, start: () => Promise<T>): Promise<T> {
    const known = this.#started.get(name) as Promise<T> | undefined;
    const promise = known ?? start();
    this.#started.set(name, promise);
    return promise;
  }

  /** To be done at the end. */
  atEnd(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  quorate(): Promise<QuorateCluster> {
    return this.once('quorate', async () => {
      const cluster = await QuorateCluster.start(`${this.directory}/quorate`);
      this.atEnd(() => cluster.stop());
      // Its code is compiled while it runs; without this the first row measured that for three rounds.
      const leader = await cluster.leader();
      await leader.load({ work: 'insert', clients: 64, ...WARM_UP });
      this.#settings.set('quorate', () =>
        this.#clusterSettings(cluster, {
          version: 'this tree',
          busy: 'writers wait in line, up to their timeout',
        }),
      );
      return cluster;
    });
  }

  c(): Promise<CCluster | undefined> {
    return this.once('the C cluster', async () => {
      const program = await this.optional('C dqlite', () => this.#wantedCNode());
      if (program === undefined) return undefined;
      const cluster = await CCluster.start(program, `${this.directory}/c`);
      this.atEnd(() => cluster.stop());
      const version = await cVersion(this.directory);
      this.#settings.set('C dqlite', () =>
        this.#clusterSettings(cluster, {
          version,
          busy: 'since 1.18 writers wait in line for 5 s; before, SQLITE_BUSY, which the client sends again at once and counts',
        }),
      );
      return cluster;
    });
  }

  /** A cluster of its own for rows that kill nodes or fill disks; kept under a name until the end. */
  quorateFor(purpose: string, options: ClusterOptions = {}): Promise<QuorateCluster> {
    return this.once(`quorate for ${purpose}`, async () => {
      const cluster = await QuorateCluster.start(`${this.directory}/${purpose}-q`, options);
      this.atEnd(() => cluster.stop());
      return cluster;
    });
  }

  cFor(purpose: string, options: ClusterOptions = {}): Promise<CCluster | undefined> {
    return this.once(`C dqlite for ${purpose}`, async () => {
      const program = await this.optional('C dqlite', () => this.#wantedCNode());
      if (program === undefined) return undefined;
      const cluster = await CCluster.start(program, `${this.directory}/${purpose}-c`, options);
      this.atEnd(() => cluster.stop());
      return cluster;
    });
  }

  /** The program of a node of C dqlite. Throws when it cannot be built or was not asked for. */
  async #wantedCNode(): Promise<string> {
    this.demand('c-dqlite');
    return await buildCNode(this.directory);
  }

  /** better-sqlite3 or libsql. */
  native(name: PackageName): Promise<WorkerProcess | undefined> {
    return this.optional(name, async () => {
      this.demand(name);
      const process = await startPackage(name, this.directory);
      this.atEnd(() => process.kill());
      const version = await process.version();
      this.#settings.set(name, () =>
        Promise.resolve({
          ...{
            name,
            version,
            tcpNoDelay: 'no network',
            busy: 'one connection, nobody to wait for',
          },
          synchronous: 'journal_mode = WAL, synchronous = FULL: fdatasync',
        }),
      );
      return process;
    });
  }

  lightClient(): Promise<LoadProgram | undefined> {
    return this.optional('the light client', () => LoadProgram.light(this.directory));
  }

  goClient(): Promise<LoadProgram | undefined> {
    return this.optional('the Go client', () => LoadProgram.go(this.directory));
  }

  client(kind: 'light' | 'go'): Promise<LoadProgram | undefined> {
    return kind === 'light' ? this.lightClient() : this.goClient();
  }

  /** Throws when the peer was not asked for. */
  demand(peer: PeerName): void {
    if (!this.#peers.has(peer)) throw new Error('left out by --compare');
  }

  /** Something that may be missing; why is kept. */
  optional<T>(name: string, start: () => Promise<T>): Promise<T | undefined> {
    return this.once(name, async () => {
      try {
        return await start();
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        const [reason = ''] = text.split('\n');
        this.#absent.set(name, reason);
        this.#told(`without ${name}: ${reason}`);
        return undefined;
      }
    });
  }

  async #clusterSettings(
    cluster: QuorateCluster | CCluster,
    known: Pick<Settings, 'version' | 'busy'>,
  ): Promise<Settings> {
    const { name, addresses, pids } = cluster;
    const sockets = await this.optional('sockets', () => buildSockets(this.directory));
    return await withClient(addresses, async (database) => {
      await database.query('select 1');
      const tcpNoDelay = sockets === undefined ? 'not known' : await noDelayOf(sockets, pids);
      return { name, ...known, tcpNoDelay, synchronous: `segments: ${segmentFlags(pids)}` };
    });
  }

  /** Of all that are running. */
  async settings(): Promise<Settings[]> {
    return await Promise.all([...this.#settings.values()].map((ask) => ask()));
  }

  async close(): Promise<void> {
    // One that fails must not keep the others from their end.
    await Promise.allSettled(this.#ends.reverse().map((end) => end()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
