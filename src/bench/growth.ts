import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster, ClusterOptions } from './bench-cluster.ts';
import type { Figures } from './figures.ts';
import type { Scale } from './probe.ts';
import { systemUse } from './process-io.ts';
import type { Stage } from './stage.ts';
import { ROWS, withClient } from './works.ts';

/** Bytes of one step of filling: fits into an entry of the log of either kind of server. */
const STEP_BYTES = 1 << 20;
const ROW_BYTES = 4_000;
const CONNECTIONS = 64;
/** All nodes together use less than so much of a core when they have nothing to do. */
const CALM_CORES = 0.15;
const CALM_SECONDS_MAX = 120;
const TABLE = 'create table if not exists ballast(id integer primary key, body blob not null)';
const STEP = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${Math.floor(STEP_BYTES / ROW_BYTES)})
  insert into ballast(body) select randomblob(${ROW_BYTES}) from n`;

/** What a cluster was like at one size. */
export interface Stop {
  readonly megabytes: number;
  readonly insert: Figures;
  /** Resident memory of the node that has most. */
  readonly residentBytes: number;
}

/** A cluster whose database grows step by step, measured at a hundredth, a tenth and the whole of the scale. */
export class Growth {
  readonly cluster: BenchCluster;
  readonly #stage: Stage;
  readonly #scale: Scale;
  readonly #stops: Stop[] = [];
  #megabytes = 0;

  constructor(cluster: BenchCluster, stage: Stage, scale: Scale) {
    this.cluster = cluster;
    this.#stage = stage;
    this.#scale = scale;
  }

  /** `purpose`: a name for the cluster, which is kept under it. */
  static async quorate(
    stage: Stage,
    scale: Scale,
    purpose = 'growth',
    options: ClusterOptions = {},
  ): Promise<Growth> {
    return await stage.once(`${purpose} of quorate`, async () => {
      return new Growth(await stage.quorateFor(purpose, options), stage, scale);
    });
  }

  static async c(
    stage: Stage,
    scale: Scale,
    purpose = 'growth',
    options: ClusterOptions = {},
  ): Promise<Growth | undefined> {
    return await stage.once(`${purpose} of C dqlite`, async () => {
      const cluster = await stage.cFor(purpose, options);
      return cluster === undefined ? undefined : new Growth(cluster, stage, scale);
    });
  }

  /** The figures at 1, 10 or 100 hundredths of the scale, with those of the sizes before it. */
  async at(hundredths: 1 | 10 | 100): Promise<Stop> {
    for (const part of [1, 10, 100] as const) {
      const megabytes = (this.#scale.megabytes * part) / 100;
      const known = this.#stops.find((stop) => stop.megabytes === megabytes);
      const stop = known ?? (await this.#grow(megabytes));
      if (part === hundredths) return stop;
    }
    throw new Error('no such size');
  }

  async #grow(megabytes: number): Promise<Stop> {
    await withClient(this.cluster.addresses, async (client) => {
      await client.execute(TABLE);
      for (; this.#megabytes < megabytes; this.#megabytes += STEP_BYTES / 1e6) {
        await client.execute(STEP, [], { timeoutMs: 120_000 });
      }
    });
    await this.#calm();
    // What is compiled late must not look like a cost of a small database.
    if (this.#stops.length === 0) await this.insert();
    const insert = await this.insert();
    const resident = this.cluster.pids.map((pid) => systemUse([pid])?.residentBytes ?? Number.NaN);
    const stop = { megabytes, insert, residentBytes: Math.max(...resident) };
    this.#stops.push(stop);
    return stop;
  }

  /** Waits for the snapshots of what was filled in: no database grows so fast by itself. */
  async #calm(): Promise<void> {
    const used = (): number => systemUse(this.cluster.pids)?.cpuSeconds ?? Number.NaN;
    for (let waited = 0; waited < CALM_SECONDS_MAX; waited++) {
      const before = used();
      await sleep(1_000);
      if (!(used() - before >= CALM_CORES)) return;
    }
  }

  /** Single rows from 64 connections with the light client, the same for either kind. */
  async insert(connections = CONNECTIONS): Promise<Figures> {
    const client = await this.#stage.lightClient();
    if (client === undefined) throw new Error(this.#stage.whyAbsent('the light client'));
    const { seconds } = this.#scale;
    const address = await this.cluster.leaderAddress();
    const timing = { seconds, warmUpSeconds: seconds / 2 };
    return await client.load({ address, work: 'insert', connections, ...timing }, ROWS);
  }
}
