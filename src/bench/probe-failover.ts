import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from './bench-cluster.ts';
import type { Probe, Sample, Subject } from './probe.ts';
import type { Stage } from './stage.ts';
import { BODY, INSERT, withClient } from './works.ts';

type Client = Parameters<Parameters<typeof withClient>[1]>[0];

const LIMIT_MS = 60_000;
/** Shorter than the time that a leader needs to come back: a call that waits for the dead one must not hide the new one. */
const ATTEMPT_MS = 2_000;
/** How long writes go on around a handover. */
const AROUND_MS = 2_000;

/** Clusters of their own: a killed leader must not disturb the other rows. Both kinds under the same client. */
async function subjects(
  stage: Stage,
  measure: (cluster: BenchCluster) => Promise<Sample>,
): Promise<Subject[]> {
  const clusters = [await stage.quorateFor('failover'), await stage.cFor('failover')];
  return clusters.flatMap((cluster) =>
    cluster === undefined
      ? []
      : [{ name: cluster.name, measure: async () => await measure(cluster) }],
  );
}

/** Writes one row after another until one is acknowledged; milliseconds. */
async function nextWrite(client: Client): Promise<number> {
  const from = performance.now();
  for (;;) {
    try {
      await client.execute(INSERT, [0, BODY], { timeoutMs: ATTEMPT_MS });
      return performance.now() - from;
    } catch (error) {
      if (performance.now() - from > LIMIT_MS) throw error;
      await sleep(2);
    }
  }
}

async function killed(cluster: BenchCluster): Promise<Sample> {
  await cluster.settled();
  return await withClient(cluster.addresses, async (client) => {
    for (let i = 0; i < 20; i++) await nextWrite(client);
    const address = await cluster.leaderAddress();
    const index = cluster.addresses.indexOf(address);
    if (index < 0) throw new Error(`the leader ${address} is none of the nodes`);
    const from = performance.now();
    await cluster.kill(index);
    await nextWrite(client);
    const value = performance.now() - from;
    await cluster.restart(index);
    return { value };
  });
}

/** The longest time without an acknowledgement while leadership moves. */
async function handedOver(cluster: BenchCluster): Promise<Sample> {
  await cluster.settled();
  return await withClient(cluster.addresses, async (client) => {
    for (let i = 0; i < 20; i++) await nextWrite(client);
    const before = await cluster.leaderAddress();
    let gap = 0;
    let usual = 0;
    const begun = performance.now();
    let transfer: Promise<unknown> | undefined;
    for (;;) {
      const took = await nextWrite(client);
      if (transfer === undefined) usual = Math.max(usual, took);
      else gap = Math.max(gap, took);
      const now = performance.now() - begun;
      if (now > AROUND_MS) break;
      if (now > AROUND_MS / 2 && transfer === undefined) {
        transfer = handOver(cluster, before);
        transfer.catch(() => undefined);
      }
    }
    await transfer;
    if ((await cluster.leaderAddress()) === before) throw new Error('leadership did not move');
    return { value: gap, note: `longest write before it: ${usual.toFixed(1)} ms` };
  });
}

/** To any other voter. Over a connection of its own, as an operator does it. */
async function handOver(cluster: BenchCluster, leader: string): Promise<void> {
  const next = cluster.addresses.findIndex((address) => address !== leader);
  await withClient(cluster.addresses, async (client) => {
    const members = await client.cluster.members();
    const target = members.find(({ address }) => address === cluster.addresses[next]);
    await client.cluster.transfer(target?.id);
  });
}

const WHO = ['quorate', 'C dqlite'];

export const FAILOVER_PROBES: readonly Probe[] = [
  {
    ...{ id: 'failover', title: 'kill -9 of the leader to the next acknowledged write' },
    ...{ unit: 'ms', goal: { atMost: 1_500 }, quick: true, who: WHO },
    subjects: async (stage) => await subjects(stage, killed),
  },
  {
    ...{ id: 'handover', title: 'planned handover: longest time without an acknowledged write' },
    ...{ unit: 'ms', goal: { atMost: 50 }, quick: true, who: WHO },
    subjects: async (stage) => await subjects(stage, handedOver),
  },
];
