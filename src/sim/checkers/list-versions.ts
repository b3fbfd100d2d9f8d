import type { Anomaly } from './history.ts';
import type { ListTransaction, Step } from './list-append.ts';

/** The versions of one list: who appended each value that was seen, in order, and whose values nobody has seen. */
interface Versions {
  readonly order: readonly number[];
  readonly rest: readonly number[];
}

/** What a history tells, once nothing in it contradicts itself. Transactions are named by their place in `transactions`. */
export interface Observed {
  /** Those that took place: all that were acknowledged, and of the doubtful ones those whose writes somebody saw. */
  readonly transactions: readonly ListTransaction[];
  readonly versions: ReadonlyMap<number, Versions>;
  /** What was read of others' writes: so many values of a list. */
  readonly reads: readonly {
    readonly reader: number;
    readonly key: number;
    readonly length: number;
  }[];
  /** Writers of which some value was seen by nobody. */
  readonly unseen: ReadonlySet<number>;
}

type Append = Extract<Step, { kind: 'append' }>;

/** Who appended each value. */
type Writers = ReadonlyMap<string, ListTransaction>;

const name = (key: number, value: number): string => `${key}:${value}`;

const appendsOf = ({ steps }: ListTransaction): Append[] =>
  steps.filter((step) => step.kind === 'append');

/** Finds the order of versions, or what no order can explain. */
export function observe(history: readonly ListTransaction[]): Observed | Anomaly {
  const writers = new Map<string, ListTransaction>();
  for (const transaction of history) {
    for (const { key, value } of appendsOf(transaction)) writers.set(name(key, value), transaction);
  }
  const longest = new Map<number, readonly number[]>();
  const reads: { reader: ListTransaction; key: number; length: number }[] = [];
  for (const transaction of history) {
    const own = new Map<number, number[]>();
    for (const step of transaction.steps) {
      const mine = own.get(step.key) ?? [];
      own.set(step.key, mine);
      if (step.kind === 'append') {
        mine.push(step.value);
        continue;
      }
      const { key, values } = step;
      const before = values.slice(0, values.length - mine.length);
      const anomaly =
        ownWritesProblem(values, mine) ?? valuesProblem(key, before, transaction, writers);
      if (anomaly !== undefined) return anomaly;
      if (transaction.fate === 'failed') continue;
      reads.push({ reader: transaction, key, length: before.length });
      // What a doubtful transaction saw of itself may never come to be.
      const seen = transaction.fate === 'ok' ? values : before;
      const known = longest.get(key) ?? [];
      const [short, long] = seen.length < known.length ? [seen, known] : [known, seen];
      if (!short.every((value, i) => value === long[i])) {
        return { name: 'incompatible order', detail: `key ${key}: ${short} and ${long}` };
      }
      longest.set(key, long);
    }
  }
  return settle(history, writers, longest, reads);
}

function ownWritesProblem(values: readonly number[], mine: readonly number[]): Anomaly | undefined {
  const end = values.slice(Math.max(0, values.length - mine.length));
  if (mine.length <= values.length && mine.every((value, i) => value === end[i])) return undefined;
  return { name: 'internal inconsistency', detail: `appended ${mine}, read ${values}` };
}

/** `values`: what a transaction saw of others. */
function valuesProblem(
  key: number,
  values: readonly number[],
  reader: ListTransaction,
  writers: Writers,
): Anomaly | undefined {
  const detail = `key ${key}: ${values} read by client ${reader.client} at ${reader.invokedAt}`;
  if (new Set(values).size < values.length) return { name: 'duplicated write', detail };
  for (const value of values) {
    const writer = writers.get(name(key, value));
    if (writer === undefined) return { name: 'phantom', detail: `${value} in ${detail}` };
    if (writer.fate === 'failed') return { name: 'dirty read', detail: `${value} in ${detail}` };
  }
  const last = values.at(-1);
  const writer = last === undefined ? undefined : writers.get(name(key, last));
  if (writer === undefined) return undefined;
  const final = appendsOf(writer).findLast((append) => append.key === key);
  return final?.value === last ? undefined : { name: 'intermediate read', detail };
}

function settle(
  history: readonly ListTransaction[],
  writers: Writers,
  longest: ReadonlyMap<number, readonly number[]>,
  reads: readonly { reader: ListTransaction; key: number; length: number }[],
): Observed {
  const seen = new Set<string>();
  const witnessed = new Set<ListTransaction>();
  for (const [key, values] of longest) {
    for (const value of values) {
      seen.add(name(key, value));
      const writer = writers.get(name(key, value));
      if (writer !== undefined) witnessed.add(writer);
    }
  }
  const transactions = history.filter(({ fate }, i) => fate === 'ok' || witnessed.has(history[i]));
  const placeOf = new Map(transactions.map((transaction, i) => [transaction, i]));
  const versions = new Map<number, { order: number[]; rest: number[] }>();
  const unseen = new Set<number>();
  for (const [key, values] of longest) {
    const order = values.flatMap((value) => {
      const writer = writers.get(name(key, value));
      const place = writer === undefined ? undefined : placeOf.get(writer);
      return place === undefined ? [] : [place];
    });
    versions.set(key, { order, rest: [] });
  }
  for (const [place, transaction] of transactions.entries()) {
    for (const { key, value } of appendsOf(transaction)) {
      if (seen.has(name(key, value))) continue;
      unseen.add(place);
      const list = versions.get(key) ?? { order: [], rest: [] };
      list.rest.push(place);
      versions.set(key, list);
    }
  }
  const known = reads.flatMap(({ reader, ...read }) => {
    const place = placeOf.get(reader);
    return place === undefined ? [] : [{ ...read, reader: place }];
  });
  return { transactions, versions, reads: known, unseen };
}
