import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import type { Figures } from './figures.ts';

/** How long and with how many at once. */
export interface LoadShape {
  readonly clients: number;
  readonly seconds: number;
  /** Before it nothing is counted. */
  readonly warmUpSeconds: number;
}

const US = 1_000;

/**
 * Each client begins its next operation when the last one has ended. The first error of a client ends the whole load, since a load that
 * fails measures something else.
 */
export async function closedLoop(
  { clients, seconds, warmUpSeconds }: LoadShape,
  operation: (client: number) => Promise<void>,
): Promise<Figures> {
  const histogram = createHistogram({ lowest: 1, highest: 600_000_000_000, figures: 3 });
  const begin = performance.now() + warmUpSeconds * 1_000;
  const end = begin + seconds * 1_000;
  let operations = 0;
  let last = begin;
  const client = async (index: number): Promise<void> => {
    for (;;) {
      const started = performance.now();
      if (started >= end) return;
      await operation(index);
      const now = performance.now();
      if (now < begin || now >= end) continue;
      histogram.record(Math.max(1, Math.round((now - started) * 1e6)));
      operations++;
      last = now;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return { operations, seconds: (last - begin) / 1_000, ...spread(histogram) };
}

/** Synchronous operations, one after another, without a promise between them. */
export function tightLoop(
  { seconds, warmUpSeconds }: Omit<LoadShape, 'clients'>,
  operation: () => void,
): Figures {
  const histogram = createHistogram({ lowest: 1, highest: 600_000_000_000, figures: 3 });
  const warm = performance.now() + warmUpSeconds * 1_000;
  while (performance.now() < warm) operation();
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  let operations = 0;
  let started = begin;
  while (started < end) {
    operation();
    const now = performance.now();
    histogram.record(Math.max(1, Math.round((now - started) * 1e6)));
    started = now;
    operations++;
  }
  return { operations, seconds: (started - begin) / 1_000, ...spread(histogram) };
}

/**
 * Operations begin at their times, whatever became of those before; a latency counts from the time at which its operation was due, so
 * that waiting behind a slow one is not left out.
 */
export async function openLoop(
  { seconds, warmUpSeconds }: Omit<LoadShape, 'clients'>,
  perSecond: number,
  operation: () => Promise<void>,
): Promise<Figures> {
  const histogram = createHistogram({ lowest: 1, highest: 600_000_000_000, figures: 3 });
  const begin = performance.now();
  const counted = begin + warmUpSeconds * 1_000;
  const end = counted + seconds * 1_000;
  const pending = new Set<Promise<void>>();
  let operations = 0;
  let next = 0;
  for (;;) {
    const due = begin + (next * 1_000) / perSecond;
    if (due >= end) break;
    if (performance.now() < due) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    next++;
    const one = operation().then(() => {
      pending.delete(one);
      if (due < counted) return;
      histogram.record(Math.max(1, Math.round((performance.now() - due) * 1e6)));
      operations++;
    });
    // Told at the end, not by ending the process in between.
    one.catch(() => undefined);
    pending.add(one);
  }
  await Promise.all(pending);
  return { operations, seconds, ...spread(histogram) };
}

function spread(histogram: RecordableHistogram): Omit<Figures, 'operations' | 'seconds'> {
  const at = (share: number): number => histogram.percentile(share) / US;
  const max = histogram.max / US;
  const distribution = [...histogram.percentiles].map(
    ([percent, ns]) => [ns / US, percent / 100] as const,
  );
  return {
    ...{ p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max, busy: 0, failures: 0 },
    distribution,
  };
}
