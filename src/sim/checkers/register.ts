import { type Anomaly, type Operation, precedes } from './history.ts';

/** One access to a register. Each value is written at most once. */
export interface RegisterOperation extends Operation {
  readonly key: number;
  /** `refusal`: a condition on the value did not hold, so nothing was changed. */
  readonly kind: 'read' | 'write' | 'swap' | 'refusal';
  /** What was read or written; of a refusal what was not found. */
  readonly value: number;
  /** Of a swap: what it found there. */
  readonly expected?: number | undefined;
}

/** Steps of a search; beyond that a history counts as undecided. */
const STEPS = 200_000;
const INITIAL = 0;

/** Linearizability of each register, by search for an order that explains it. 'undecided': the search was given up. */
export function checkRegister(
  history: readonly RegisterOperation[],
): Anomaly | 'undecided' | undefined {
  const keys = new Map<number, RegisterOperation[]>();
  for (const operation of history) {
    const operations = keys.get(operation.key);
    if (operations === undefined) keys.set(operation.key, [operation]);
    else operations.push(operation);
  }
  let undecided = false;
  for (const [key, operations] of keys) {
    const finding = checkKey(key, operations);
    if (finding === 'undecided') undecided = true;
    else if (finding !== undefined) return finding;
  }
  return undecided ? 'undecided' : undefined;
}

function checkKey(
  key: number,
  history: readonly RegisterOperation[],
): Anomaly | 'undecided' | undefined {
  const anomaly = valueProblem(key, history);
  if (anomaly !== undefined) return anomaly;
  const changes = history.filter(({ kind }) => kind !== 'refusal');
  const operations = settled(changes).sort((a, b) => a.invokedAt - b.invokedAt);
  const found = search(operations);
  if (found === 'undecided') return found;
  return found ? undefined : { name: 'not linearizable', detail: `key ${key}` };
}

/** What needs no search: a value that was never there, and one that had been replaced. */
function valueProblem(key: number, history: readonly RegisterOperation[]): Anomaly | undefined {
  const writes = new Map(history.filter(isWrite).map((write) => [write.value, write]));
  const successes = [...writes.values()].filter(({ fate }) => fate === 'ok');
  for (const operation of history) {
    if (operation.kind === 'refusal') {
      if (!isWrongRefusal(operation, writes.get(operation.value), history)) continue;
      const detail = `key ${key}: it was not ${operation.value} for client ${operation.client} at ${operation.invokedAt}`;
      return { name: 'wrong refusal', detail };
    }
    const saw = operation.kind === 'read' ? operation.value : operation.expected;
    if (operation.fate !== 'ok' || saw === undefined || saw === INITIAL) continue;
    const detail = `key ${key}: ${saw} seen by client ${operation.client} at ${operation.invokedAt}`;
    const write = writes.get(saw);
    if (write === undefined) return { name: 'phantom', detail };
    if (write.fate === 'failed') return { name: 'dirty read', detail };
    if (write.fate !== 'ok') continue;
    const newer = successes.find((next) => precedes(write, next) && precedes(next, operation));
    if (newer !== undefined) {
      return { name: 'stale read', detail: `${detail}, after ${newer.value} was written` };
    }
  }
  return undefined;
}

const isWrite = ({ kind }: RegisterOperation): boolean => kind === 'write' || kind === 'swap';

/** No value comes back: what was there before and is seen later was there all the time. */
function isWrongRefusal(
  refusal: RegisterOperation,
  write: RegisterOperation | undefined,
  history: readonly RegisterOperation[],
): boolean {
  const { value } = refusal;
  const sees = ({ fate, kind, ...seen }: RegisterOperation): boolean =>
    fate === 'ok' && value === (kind === 'read' ? seen.value : seen.expected);
  // Whoever sees a value also proves that it was written.
  const before = value === INITIAL || (write?.fate === 'ok' && precedes(write, refusal));
  if (!before && !history.some((other) => sees(other) && precedes(other, refusal))) return false;
  return history.some((other) => sees(other) && precedes(refusal, other));
}

/**
 * Without what had no effect. A doubtful write that nobody saw may be left out: nothing needs it. One that was seen took effect before
 * whoever saw it first was told.
 */
function settled(history: readonly RegisterOperation[]): RegisterOperation[] {
  const kept = history.filter(({ fate }) => fate === 'ok');
  let doubtful = history.filter((operation) => operation.fate === 'unknown' && isWrite(operation));
  // A doubtful swap that was seen has itself seen what it replaced.
  for (let i = 0; i < kept.length; i++) {
    const { kind, value, expected, completedAt } = kept[i];
    const saw = kind === 'read' ? value : expected;
    const writes = doubtful.filter((write) => write.value === saw);
    if (writes.length === 0) continue;
    doubtful = doubtful.filter((write) => write.value !== saw);
    const ends = kept.filter(
      (reader) => (reader.kind === 'read' ? reader.value : reader.expected) === saw,
    );
    const seenAt = Math.min(completedAt, ...ends.map((reader) => reader.completedAt));
    kept.push(...writes.map((write) => ({ ...write, completedAt: seenAt })));
  }
  return kept;
}

/** Wing and Gong's search with Lowe's cache: of the operations that may come first each is tried, no situation twice. */
function search(operations: readonly RegisterOperation[]): boolean | 'undecided' {
  const done = new Uint8Array(operations.length);
  const seen = new Set<string>();
  const path: { readonly place: number; readonly before: number }[] = [];
  let state = INITIAL;
  let first = 0;
  let place = 0;
  for (let steps = 0; steps < STEPS; steps++) {
    while (first < operations.length && done[first] === 1) first++;
    if (first === operations.length) return true;
    const next = candidate(operations, done, first, Math.max(place, first), state);
    if (next !== undefined) {
      const after = operations[next].kind === 'read' ? state : operations[next].value;
      done[next] = 1;
      const situation = describe(operations, done, first, after);
      if (!seen.has(situation)) {
        seen.add(situation);
        path.push({ place: next, before: state });
        state = after;
        place = 0;
      } else {
        done[next] = 0;
        place = next + 1;
      }
      continue;
    }
    const back = path.pop();
    if (back === undefined) return false;
    done[back.place] = 0;
    first = Math.min(first, back.place);
    state = back.before;
    place = back.place + 1;
  }
  return 'undecided';
}

/** The next operation from `place` on that nothing left precedes and that fits the state. */
function candidate(
  operations: readonly RegisterOperation[],
  done: Uint8Array,
  first: number,
  place: number,
  state: number,
): number | undefined {
  let earliestEnd = Number.POSITIVE_INFINITY;
  for (let i = first; i < operations.length; i++) {
    if (done[i] === 1) continue;
    const operation = operations[i];
    if (operation.invokedAt > earliestEnd) return undefined;
    earliestEnd = Math.min(earliestEnd, operation.completedAt);
    if (i >= place && fits(operation, state)) return i;
  }
  return undefined;
}

function fits({ kind, value, expected }: RegisterOperation, state: number): boolean {
  if (kind === 'write') return true;
  return state === (kind === 'read' ? value : expected);
}

/** What is done as a text; equal situations have equal texts. */
function describe(
  operations: readonly RegisterOperation[],
  done: Uint8Array,
  from: number,
  state: number,
): string {
  const places: number[] = [];
  let first = from;
  while (done[first] === 1) first++;
  let earliestEnd = Number.POSITIVE_INFINITY;
  for (let i = first; i < operations.length && operations[i].invokedAt <= earliestEnd; i++) {
    if (done[i] === 1) places.push(i);
    else earliestEnd = Math.min(earliestEnd, operations[i].completedAt);
  }
  return `${first} ${places.join()} ${state}`;
}
