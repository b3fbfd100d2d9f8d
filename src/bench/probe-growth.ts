import { rateOf } from './figures.ts';
import { Growth } from './growth.ts';
import type { Probe, Sample, Scale, Subject } from './probe.ts';
import type { Stage } from './stage.ts';
import { BODY, INSERT, withClient } from './works.ts';

const WHO = ['quorate', 'C dqlite'];
const MB = 1e6;

async function subjects(
  stage: Stage,
  scale: Scale,
  measure: (growth: Growth, scale: Scale) => Promise<Sample>,
): Promise<Subject[]> {
  const all = [await Growth.quorate(stage, scale), await Growth.c(stage, scale)];
  return all.flatMap((growth) =>
    growth === undefined
      ? []
      : [{ name: growth.cluster.name, measure: async () => await measure(growth, scale) }],
  );
}

/** Servers alone differ in what an empty process takes: the note says it, the value is the whole. */
async function memory(growth: Growth, hundredths: 10 | 100): Promise<Sample> {
  const small = await growth.at(1);
  const { residentBytes, megabytes } = await growth.at(hundredths);
  const before = `${Math.round(small.residentBytes / MB)} MB with ${small.megabytes} MB`;
  return { value: residentBytes / MB, note: `with ${megabytes} MB of data; ${before}` };
}

async function costBySize(growth: Growth): Promise<Sample> {
  const stops = [await growth.at(1), await growth.at(10), await growth.at(100)];
  const costs = stops.map(({ insert }) => 1e6 / rateOf(insert));
  const text = stops.map(({ megabytes }, i) => `${costs[i]?.toFixed(0)} µs at ${megabytes} MB`);
  const value = (costs[2] ?? Number.NaN) / (costs[0] ?? Number.NaN);
  return { value, note: text.join(', ') };
}

/** All nodes are killed; until a write is acknowledged. */
async function restart(growth: Growth): Promise<Sample> {
  const { megabytes } = await growth.at(100);
  const { cluster } = growth;
  const indices = cluster.addresses.map((_, index) => index);
  await Promise.all(indices.map((index) => cluster.kill(index)));
  const from = performance.now();
  await Promise.all(indices.map((index) => cluster.restart(index)));
  const started = performance.now() - from;
  await withClient(cluster.addresses, async (client) => {
    for (;;) {
      const written = client.execute(INSERT, [0, BODY], { timeoutMs: 5_000 });
      if (await written.then(() => true).catch(() => false)) return;
      if (performance.now() - from > 300_000) throw new Error('no write within 300 s');
    }
  });
  const value = performance.now() - from;
  const ready = `ports open after ${Math.round(started)} ms`;
  return { value, note: `${megabytes} MB; ${ready}` };
}

export const GROWTH_PROBES: readonly Probe[] = [
  {
    ...{ id: 'memory', title: 'resident memory of a node with a tenth of the data' },
    ...{ unit: 'MB', goal: { atMost: 1, of: 'C dqlite' }, quick: false, once: true, who: WHO },
    subjects: async (stage, scale) => await subjects(stage, scale, (growth) => memory(growth, 10)),
  },
  {
    ...{ id: 'memory-all', title: 'resident memory of a node with all data' },
    ...{ unit: 'MB', goal: { atMost: 1, of: 'C dqlite' }, quick: false, once: true, who: WHO },
    subjects: async (stage, scale) => await subjects(stage, scale, (growth) => memory(growth, 100)),
  },
  {
    ...{ id: 'flat-size', title: 'cost of an insert with all data / with a hundredth of it' },
    ...{ unit: '×', goal: { atMost: 1.3 }, quick: false, once: true, who: WHO },
    subjects: async (stage, scale) => await subjects(stage, scale, costBySize),
  },
  {
    ...{ id: 'restart', title: 'all nodes killed and started to an acknowledged write' },
    ...{ unit: 'ms', goal: { atMost: 10_000 }, quick: false, who: WHO },
    subjects: async (stage, scale) => await subjects(stage, scale, restart),
  },
];
