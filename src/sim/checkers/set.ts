import { type Anomaly, type Operation, precedes } from './history.ts';

export interface SetAdd extends Operation {
  readonly kind: 'add';
  readonly value: number;
}

export interface SetRead extends Operation {
  readonly kind: 'read';
  readonly values: readonly number[];
}

/**
 * A set to which unique values are added and that is read as a whole. A value is known from the moment its add was acknowledged or
 * a read showed it; every read that begins later has it. One that all later reads lack is lost, otherwise it was missing for a while.
 */
export function checkSet(history: readonly (SetAdd | SetRead)[]): Anomaly | undefined {
  const adds = history.filter((operation) => operation.kind === 'add');
  const reads = history.filter((operation) => operation.kind === 'read' && operation.fate === 'ok');
  const known = new Map<number, Operation>();
  const byValue = new Map(adds.map((add) => [add.value, add]));
  for (const add of adds) if (add.fate === 'ok') known.set(add.value, add);
  const ends = (value: number): number => known.get(value)?.completedAt ?? Number.POSITIVE_INFINITY;
  const contents = new Map<SetRead, ReadonlySet<number>>();
  for (const read of reads) {
    if (read.kind !== 'read') continue;
    const anomaly = readProblem(read, byValue);
    if (anomaly !== undefined) return anomaly;
    contents.set(read, new Set(read.values));
    for (const value of read.values) if (read.completedAt < ends(value)) known.set(value, read);
  }
  for (const [value, witness] of known) {
    const later = [...contents].filter(([read]) => precedes(witness, read));
    const missing = later.find(([, values]) => !values.has(value));
    if (missing === undefined) continue;
    const name = later.some(([, values]) => values.has(value)) ? 'stale read' : 'lost write';
    return { name, detail: `${value} is not in the read at ${missing[0].invokedAt}` };
  }
  return undefined;
}

function readProblem(read: SetRead, adds: ReadonlyMap<number, SetAdd>): Anomaly | undefined {
  const seen = new Set<number>();
  for (const value of read.values) {
    const detail = `${value} in the read at ${read.invokedAt}`;
    const add = adds.get(value);
    if (seen.has(value)) return { name: 'duplicated write', detail };
    if (add === undefined || add.invokedAt > read.completedAt) return { name: 'phantom', detail };
    if (add.fate === 'failed') return { name: 'dirty read', detail };
    seen.add(value);
  }
  return undefined;
}
