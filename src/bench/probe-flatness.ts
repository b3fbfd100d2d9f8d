import { readdirSync } from 'node:fs';
import type { BenchCluster } from './bench-cluster.ts';
import { type Figures, rateOf } from './figures.ts';
import { Growth } from './growth.ts';
import { idleConnections } from './idle-connections.ts';
import type { Probe, Sample, Scale, Subject } from './probe.ts';
import type { LoadProgram } from './programs.ts';
import type { Stage } from './stage.ts';
import { ROWS, withClient } from './works.ts';

const WHO = ['quorate', 'C dqlite'];
const FEW = 10;
const MANY = 1_000;
const WRITERS = 8;
const QUERY = (steps: number): string =>
  `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${steps}) select sum(i % 7) as s from n`;
const CALIBRATION = 1_000_000;
/** Few, so that a slow server comes to a snapshot within a minute. */
const SNAPSHOT_ENTRIES = 200;
/** Loads one after another, until one has seen a snapshot. */
const RUNS_MAX = 40;

/** Inserts from a few connections, the same for either kind of server. */
async function inserts(stage: Stage, cluster: BenchCluster, scale: Scale): Promise<Figures> {
  const client: LoadProgram | undefined = await stage.lightClient();
  if (client === undefined) throw new Error(stage.whyAbsent('the light client'));
  const timing = { seconds: scale.seconds, warmUpSeconds: scale.seconds / 2 };
  const address = await cluster.leaderAddress();
  return await client.load({ address, work: 'insert', connections: WRITERS, ...timing }, ROWS);
}

function p99Of(figures: Figures): string {
  return `p99 ${(figures.p99 / 1_000).toFixed(1)} ms, max ${(figures.max / 1_000).toFixed(1)} ms`;
}

async function connections(stage: Stage, cluster: BenchCluster, scale: Scale): Promise<Sample> {
  const address = await cluster.leaderAddress();
  const costs: number[] = [];
  // What is compiled late must not look like a cost of few connections.
  await inserts(stage, cluster, scale);
  for (const count of [FEW, MANY]) {
    const close = await idleConnections(address, count);
    try {
      costs.push(1e6 / rateOf(await inserts(stage, cluster, scale)));
    } finally {
      close();
    }
  }
  const [few = Number.NaN, many = Number.NaN] = costs;
  return { value: many / few, note: `${few.toFixed(0)} µs, then ${many.toFixed(0)} µs` };
}

/** The second of two queries tells: the first one may still be compiled. */
async function secondsPerStep(
  client: Parameters<Parameters<typeof withClient>[1]>[0],
): Promise<number> {
  let took = 0;
  for (let i = 0; i < 2; i++) {
    const from = performance.now();
    await client.query(QUERY(CALIBRATION), [], { timeoutMs: 120_000 });
    took = (performance.now() - from) / 1_000;
  }
  return took / CALIBRATION;
}

/** A query of about so many seconds, begun before the inserts and not awaited by them. */
async function longQuery(stage: Stage, cluster: BenchCluster, scale: Scale): Promise<Sample> {
  return await withClient([await cluster.leaderAddress()], async (client) => {
    const perStep = await secondsPerStep(client);
    const before = await inserts(stage, cluster, scale);
    const leader = await cluster.leaderAddress();
    const started = performance.now();
    const seconds = Math.max(scale.querySeconds, scale.seconds * 2);
    const query = client.query(QUERY(Math.round(seconds / perStep)), [], { timeoutMs: 300_000 });
    let ran = 0;
    const ended = query.then(
      () => '',
      (error: unknown) => String(error),
    );
    const timed = ended.then((text) => {
      ran = (performance.now() - started) / 1_000;
      return text;
    });
    const during = await inserts(stage, cluster, scale);
    const failure = await timed;
    if (failure !== '') throw new Error(`the query: ${failure}`);
    const moved = (await cluster.leaderAddress()) === leader ? 'no election' : 'ANOTHER LEADER';
    const note = `query ${ran.toFixed(1)} s; before: ${p99Of(before)}; during: ${p99Of(during)}; ${moved}`;
    return { value: during.p99 / before.p99, note };
  });
}

/**
 * The same load on a cluster that takes snapshots often, against one that takes none meanwhile. The one without has ended before the
 * other one starts: two of the largest size would not fit into memory.
 */
async function underSnapshots(quiet: Growth, start: () => Promise<Growth>): Promise<Sample> {
  const { insert: before } = await quiet.at(100);
  await quiet.cluster.stop();
  if (before.operations === 0) throw new Error('no insert was acknowledged within the run');
  const busy = await start();
  await busy.at(100);
  const from = newestSnapshot(busy.cluster);
  let worst: Figures | undefined;
  let to = from;
  let runs = 0;
  for (; runs < RUNS_MAX && to === from; runs++) {
    const during = await busy.insert();
    to = newestSnapshot(busy.cluster);
    if (worst === undefined || during.p99 > worst.p99) worst = during;
  }
  await busy.cluster.stop();
  if (to === from || worst === undefined) throw new Error(`no snapshot within ${runs} runs`);
  const note = `without: ${p99Of(before)}; with, the worst of ${runs} runs: ${p99Of(worst)}; newest snapshot: entry ${from}, then ${to}`;
  return { value: worst.p99 / before.p99, note };
}

/** The last entry that a snapshot on any disk covers. */
function newestSnapshot({ directories }: BenchCluster): number {
  const names = directories.flatMap((directory) => readdirSync(directory));
  const indices = names.map((name) => Number(/^snapshot-\d+-(\d+)-\d+$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...indices);
}

async function onBoth(
  stage: Stage,
  scale: Scale,
  measure: (stage: Stage, cluster: BenchCluster, scale: Scale) => Promise<Sample>,
): Promise<Subject[]> {
  const clusters = [await stage.quorate(), await stage.c()];
  return clusters.flatMap((cluster) =>
    cluster === undefined
      ? []
      : [{ name: cluster.name, measure: () => measure(stage, cluster, scale) }],
  );
}

async function snapshotSubjects(stage: Stage, scale: Scale): Promise<Subject[]> {
  const options = { snapshotEntries: SNAPSHOT_ENTRIES };
  const c = await Growth.c(stage, scale);
  const quorate: Subject = {
    name: 'quorate',
    measure: async () =>
      await underSnapshots(await Growth.quorate(stage, scale), () =>
        Growth.quorate(stage, scale, 'snapshots', options),
      ),
  };
  if (c === undefined) return [quorate];
  const other = async (): Promise<Growth> => {
    const growth = await Growth.c(stage, scale, 'snapshots', options);
    if (growth === undefined) throw new Error('C dqlite is gone');
    return growth;
  };
  return [quorate, { name: 'C dqlite', measure: () => underSnapshots(c, other) }];
}

export const FLAT_PROBES: readonly Probe[] = [
  {
    id: 'flat-connections',
    title: `cost of an insert with ${MANY} idle connections / with ${FEW}, ${WRITERS} writers`,
    ...{ unit: '×', goal: { atMost: 1.2 }, quick: true, who: WHO },
    subjects: async (stage, scale) => await onBoth(stage, scale, connections),
  },
  {
    id: 'long-query',
    title: `p99 of inserts during a long query / before it, ${WRITERS} writers`,
    ...{ unit: '×', goal: { atMost: 3 }, quick: false, who: WHO },
    subjects: async (stage, scale) => await onBoth(stage, scale, longQuery),
  },
];

/** Ends the clusters of the other probes of growth, so it is the last. */
export const SNAPSHOT_PROBE: Probe = {
  ...{ id: 'snapshot', title: 'p99 of inserts while snapshots are taken / without, all data' },
  ...{ unit: '×', goal: { atMost: 2 }, quick: false, once: true, who: WHO },
  subjects: snapshotSubjects,
};
