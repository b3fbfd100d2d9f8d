import { DependencyGraph, type EdgeKind } from './graph.ts';
import { type Anomaly, type Operation, precedes } from './history.ts';
import { type Observed, observe } from './list-versions.ts';

/** Values are appended once ever for each key, so that a list that was read tells its own history. */
export type Step =
  | { readonly kind: 'append'; readonly key: number; readonly value: number }
  | { readonly kind: 'read'; readonly key: number; readonly values: readonly number[] };

/** One transaction: the steps that were answered, and with it those that were sent last. */
export interface ListTransaction extends Operation {
  readonly steps: readonly Step[];
}

/**
 * Strict serialisability of transactions that append to lists and read them (in the manner of Elle): the order of versions follows
 * from the lists, dependencies between transactions from that order, and an anomaly is a cycle of dependencies.
 */
export function checkListAppend(history: readonly ListTransaction[]): Anomaly | undefined {
  const observed = observe(history);
  if ('name' in observed) return observed;
  const graph = dependencies(observed);
  return dependencyCycle(graph) ?? realTimeCycle(graph, observed);
}

const WW: ReadonlySet<EdgeKind> = new Set(['ww']);
const WR: ReadonlySet<EdgeKind> = new Set(['ww', 'wr']);
const RW: ReadonlySet<EdgeKind> = new Set(['ww', 'wr', 'rw']);
const REAL_TIME: ReadonlySet<EdgeKind> = new Set(['realtime']);
const ALL: ReadonlySet<EdgeKind> = new Set(['ww', 'wr', 'rw', 'realtime']);

function dependencyCycle(graph: DependencyGraph): Anomaly | undefined {
  const writes = graph.cycle(WW);
  if (writes !== undefined) return { name: 'G0', detail: writes };
  const information = graph.cycle(WR);
  if (information !== undefined) return { name: 'G1c', detail: information };
  if (graph.cycle(RW) === undefined) return undefined;
  for (const [from, to] of graph.of('rw')) {
    const back = graph.path(to, from, WR);
    if (back !== undefined) return { name: 'G-single', detail: `T${from} -rw-> ${back}` };
  }
  return { name: 'G2', detail: graph.cycle(RW) ?? '' };
}

function realTimeCycle(graph: DependencyGraph, observed: Observed): Anomaly | undefined {
  const cycle = graph.cycle(ALL);
  if (cycle === undefined) return undefined;
  for (const [reader, writer] of graph.of('rw')) {
    const back = graph.path(writer, reader, REAL_TIME);
    if (back === undefined) continue;
    const detail = `T${reader} -rw-> ${back}`;
    return { name: observed.unseen.has(writer) ? 'lost write' : 'stale read', detail };
  }
  return { name: 'cycle in real time', detail: cycle };
}

function dependencies(observed: Observed): DependencyGraph {
  const { transactions, versions } = observed;
  const graph = new DependencyGraph(transactions.length);
  for (const { order, rest } of versions.values()) {
    for (let i = 1; i < order.length; i++) graph.add(order[i - 1], order[i], 'ww');
    const last = order.at(-1);
    if (last !== undefined) for (const writer of rest) graph.add(last, writer, 'ww');
  }
  for (const { reader, key, length } of observed.reads) {
    const { order, rest } = versions.get(key) ?? { order: [], rest: [] };
    if (length > 0) graph.add(order[length - 1], reader, 'wr');
    const next = order[length];
    if (next !== undefined) graph.add(reader, next, 'rw');
    else for (const writer of rest) graph.add(reader, writer, 'rw');
  }
  addRealTime(graph, transactions);
  return graph;
}

/** An edge between what follows one another with nothing wholly in between; the others follow from these. */
function addRealTime(graph: DependencyGraph, transactions: readonly ListTransaction[]): void {
  for (const [to, later] of transactions.entries()) {
    let newest = Number.NEGATIVE_INFINITY;
    for (const earlier of transactions) {
      if (ended(earlier) && precedes(earlier, later)) newest = Math.max(newest, earlier.invokedAt);
    }
    for (const [from, earlier] of transactions.entries()) {
      if (!ended(earlier) || !precedes(earlier, later)) continue;
      if (earlier.completedAt >= newest) graph.add(from, to, 'realtime');
    }
  }
}

/** What a client does not know the fate of may take effect after it gave up. */
function ended({ fate }: Operation): boolean {
  return fate === 'ok';
}
