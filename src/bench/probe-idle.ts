import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from './bench-cluster.ts';
import type { Probe, Sample, Scale } from './probe.ts';
import { systemUse } from './process-io.ts';
import type { Stage } from './stage.ts';

const SETTLE_MS = 2_000;

interface Idle {
  readonly cores: number;
  readonly bytesPerSecond: number;
}

/** Of the node that uses most. Nobody asks for anything meanwhile. */
async function idle({ pids }: BenchCluster, seconds: number): Promise<Idle> {
  await sleep(SETTLE_MS);
  const before = pids.map((pid) => systemUse([pid]));
  const from = performance.now();
  await sleep(Math.max(2, seconds * 3) * 1_000);
  const elapsed = (performance.now() - from) / 1_000;
  const each = pids.map((pid, i) => {
    const now = systemUse([pid]);
    const then = before[i];
    if (now === undefined || then === undefined) throw new Error('there is no /proc here');
    return {
      cores: (now.cpuSeconds - then.cpuSeconds) / elapsed,
      bytesPerSecond: (now.writtenBytes - then.writtenBytes) / elapsed,
    };
  });
  return {
    cores: Math.max(...each.map(({ cores }) => cores)),
    bytesPerSecond: Math.max(...each.map(({ bytesPerSecond }) => bytesPerSecond)),
  };
}

function probe(
  id: string,
  title: string,
  unit: string,
  atMost: number,
  value: (use: Idle) => number,
): Probe {
  const measure = async (cluster: BenchCluster, scale: Scale): Promise<Sample> => ({
    value: value(await idle(cluster, scale.seconds)),
  });
  return {
    ...{ id, title, unit, goal: { atMost }, quick: false, who: ['quorate', 'C dqlite'] },
    subjects: async (stage: Stage, scale) => {
      const clusters = [await stage.quorate(), await stage.c()];
      return clusters.flatMap((cluster) =>
        cluster === undefined
          ? []
          : [{ name: cluster.name, measure: () => measure(cluster, scale) }],
      );
    },
  };
}

export const IDLE_PROBES: readonly Probe[] = [
  probe('idle-cpu', 'idle: processor of the busiest node', '% of a core', 1, (u) => u.cores * 100),
  probe('idle-writes', 'idle: written by the busiest node', 'bytes each s', 0, (use) => {
    return use.bytesPerSecond;
  }),
];
