import { describe, expect, test } from 'vitest';
import {
  type Claim,
  checkBank,
  checkClaims,
  checkListAppend,
  checkOutcomes,
  checkRegister,
  checkSessions,
  checkSet,
  checkStaleness,
  type Fate,
  type ListTransaction,
  type RegisterOperation,
  type SessionOperation,
  type SetAdd,
  type SetRead,
  type Step,
  type VersionOperation,
} from './index.ts';

// Each checker is shown every anomaly that it must not overlook, and names it.

/** Happened from one moment to another. */
const from = (invokedAt: number, completedAt: number, fate: Fate = 'ok') => ({
  client: 1,
  invokedAt,
  completedAt,
  fate,
});
const append = (key: number, value: number): Step => ({ kind: 'append', key, value });
const read = (key: number, ...values: number[]): Step => ({ kind: 'read', key, values });
const named = (name: string) => expect.objectContaining({ name });

function lists(...history: (readonly [number, number, Step[], Fate?])[]): ListTransaction[] {
  return history.map(([begin, end, steps, fate]) => ({ ...from(begin, end, fate), steps }));
}

describe('list-append', () => {
  test.each<[string, ListTransaction[]]>([
    ['lost write', lists([0, 1, [append(1, 1)]], [2, 3, [append(1, 2)]], [4, 5, [read(1, 1)]])],
    ['stale read', lists([0, 1, [append(1, 1)]], [2, 3, [read(1)]], [4, 5, [read(1, 1)]])],
    ['dirty read', lists([0, 1, [append(1, 1)], 'failed'], [2, 3, [read(1, 1)]])],
    ['dirty read', lists([0, 9, [append(1, 1)], 'failed'], [2, 3, [read(1, 1)], 'failed'])],
    ['intermediate read', lists([0, 9, [append(1, 1), append(1, 2)]], [1, 9, [read(1, 1)]])],
    ['phantom', lists([0, 1, [read(1, 7)]])],
    ['duplicated write', lists([0, 1, [append(1, 1)]], [2, 3, [read(1, 1, 1)]])],
    ['internal inconsistency', lists([0, 1, [append(1, 1), read(1)]])],
    [
      'incompatible order',
      lists(
        [0, 9, [append(1, 1)]],
        [0, 9, [append(1, 2)]],
        [0, 9, [read(1, 1, 2)]],
        [0, 9, [read(1, 2, 1)]],
      ),
    ],
    [
      'G0',
      lists(
        [0, 9, [append(1, 1), append(2, 1)]],
        [0, 9, [append(1, 2), append(2, 2)]],
        [0, 9, [read(1, 1, 2), read(2, 2, 1)]],
      ),
    ],
    ['G1c', lists([0, 9, [append(1, 1), read(2, 1)]], [0, 9, [append(2, 1), read(1, 1)]])],
    [
      // A lost update: both saw the same, and one overwrote the other.
      'G-single',
      lists(
        [0, 9, [read(1), append(1, 1)]],
        [0, 9, [read(1), append(1, 2)]],
        [10, 11, [read(1, 1, 2)]],
      ),
    ],
    [
      // A torn transaction: half of it is seen.
      'G-single',
      lists([0, 9, [append(1, 1), append(2, 1)]], [0, 9, [read(1, 1), read(2)]]),
    ],
    [
      // Write skew: each read what the other was about to change.
      'G2',
      lists([0, 9, [read(1), append(2, 1)]], [0, 9, [read(2), append(1, 1)]]),
    ],
    [
      // Seen, and then not any more.
      'cycle in real time',
      lists([0, 9, [append(1, 1)]], [1, 2, [read(1, 1)]], [3, 4, [read(1)]]),
    ],
    [
      'dirty read',
      lists(
        [0, 1, [append(1, 1)], 'failed'],
        [2, 3, [append(1, 2)], 'unknown'],
        [4, 5, [read(1, 1, 2)]],
      ),
    ],
  ])('%s', (name, history) => {
    expect(checkListAppend(history)).toEqual(named(name));
  });

  test('what is doubtful may have happened, late, or not at all', () => {
    const late = [5, 6, [append(1, 1)], 'unknown'] as const;
    const twice = (...steps: Step[]) =>
      lists([late[0], late[1], [append(1, 1)], 'unknown'], [7, 8, [read(1)]], [9, 10, steps]);
    expect(checkListAppend(twice(read(1)))).toBeUndefined();
    expect(checkListAppend(twice(read(1, 1)))).toBeUndefined();
  });
});

describe('register', () => {
  const access = (
    kind: RegisterOperation['kind'],
    value: number,
    [begin, end, fate]: readonly [number, number, Fate?],
    expected?: number,
  ): RegisterOperation => ({ ...from(begin, end, fate), key: 1, kind, value, expected });

  test.each<[string, RegisterOperation[]]>([
    [
      'stale read',
      [access('write', 1, [0, 1]), access('write', 2, [2, 3]), access('read', 1, [4, 5])],
    ],
    ['dirty read', [access('write', 1, [0, 1, 'failed']), access('read', 1, [2, 3])]],
    ['phantom', [access('read', 3, [0, 1])]],
    // The first value again, after something else was surely there.
    ['not linearizable', [access('write', 1, [0, 1]), access('read', 0, [2, 3])]],
    // Two swaps of one value: a lost update.
    [
      'not linearizable',
      [access('write', 1, [0, 1]), access('swap', 2, [2, 9], 1), access('swap', 3, [2, 9], 1)],
    ],
    // One reader saw the new value, and then another the old one, while it was being written.
    [
      'not linearizable',
      [
        access('write', 1, [0, 1]),
        access('write', 2, [2, 20]),
        access('read', 2, [3, 4]),
        access('read', 1, [5, 6]),
      ],
    ],
    // The value was there before and after: what the refusal rests on was taken back, or had been replaced.
    [
      'wrong refusal',
      [access('write', 1, [0, 1]), access('refusal', 1, [2, 3]), access('read', 1, [4, 5])],
    ],
    [
      'wrong refusal',
      [
        access('write', 1, [0, 1, 'unknown']),
        access('read', 1, [2, 3]),
        access('write', 2, [2, 9, 'failed']),
        access('refusal', 1, [4, 5]),
        access('swap', 3, [6, 7], 1),
      ],
    ],
    // A doubtful write that came and went.
    [
      'not linearizable',
      [
        access('write', 1, [0, 1]),
        access('write', 2, [2, 3, 'unknown']),
        access('read', 2, [4, 5]),
        access('read', 1, [6, 7]),
      ],
    ],
  ])('%s', (name, history) => {
    expect(checkRegister(history)).toEqual(named(name));
  });

  test('overlapping writes may come in either order', () => {
    const writes = [access('write', 1, [0, 9]), access('write', 2, [0, 9])];
    expect(checkRegister([...writes, access('read', 1, [10, 11])])).toBeUndefined();
    expect(checkRegister([...writes, access('read', 2, [10, 11])])).toBeUndefined();
  });

  test('a search that takes too long is given up', () => {
    const writes = Array.from({ length: 22 }, (_, i) => access('write', i + 1, [0, 100]));
    const reads = [0, 1, 2].map((i) => access('read', i + 1, [101 + 2 * i, 102 + 2 * i]));
    expect(checkRegister([...writes, ...reads])).toBe('undecided');
  });
});

describe('set', () => {
  const add = (value: number, begin: number, end: number, fate?: Fate): SetAdd => ({
    ...from(begin, end, fate),
    kind: 'add',
    value,
  });
  const see = (begin: number, ...values: number[]): SetRead => ({
    ...from(begin, begin + 1),
    kind: 'read',
    values,
  });

  test.each<[string, (SetAdd | SetRead)[]]>([
    ['lost write', [add(1, 0, 1), see(2), see(4)]],
    ['stale read', [add(1, 0, 1), see(2), see(4, 1)]],
    // Doubtful, seen, and gone.
    ['lost write', [add(1, 0, 1, 'unknown'), see(2, 1), see(4)]],
    ['dirty read', [add(1, 0, 1, 'failed'), see(2, 1)]],
    ['duplicated write', [add(1, 0, 1), see(2, 1, 1)]],
    ['phantom', [see(2, 1)]],
  ])('%s', (name, history) => {
    expect(checkSet(history)).toEqual(named(name));
  });
});

describe('bank', () => {
  const book = [{ id: 1, source: 0, target: 1, amount: 5 }];
  const accounts = (...amounts: number[]) => new Map(amounts.map((amount, id) => [id, amount]));

  test('torn transaction, lost update', () => {
    expect(checkBank({ opening: 10, accounts: accounts(5, 15), book })).toBeUndefined();
    const torn = { opening: 10, accounts: accounts(5, 10), book };
    expect(checkBank(torn)).toEqual(named('torn transaction'));
    const lost = { opening: 10, accounts: accounts(10, 10), book };
    expect(checkBank(lost)).toEqual(named('lost update'));
    // Moved twice, written down once.
    const twice = { opening: 10, accounts: accounts(0, 20), book };
    expect(checkBank(twice)).toEqual(named('lost update'));
  });
});

describe('sessions', () => {
  const step = (
    kind: SessionOperation['kind'],
    version: number,
    begin: number,
    session = 1,
  ): SessionOperation => ({ ...from(begin, begin + 1), session, kind, version });

  test('own writes, monotonic reads', () => {
    expect(checkSessions([step('write', 3, 0), step('read', 3, 2)])).toBeUndefined();
    expect(checkSessions([step('read', 3, 0, 1), step('read', 2, 2, 2)])).toBeUndefined();
    const unseen = [step('write', 3, 0), step('read', 2, 2)];
    expect(checkSessions(unseen)).toEqual(named('own write unseen'));
    const back = [step('read', 3, 0), step('read', 2, 2)];
    expect(checkSessions(back)).toEqual(named('non-monotonic session'));
  });
});

describe('age', () => {
  const raise = (version: number, at: number): VersionOperation => ({
    ...from(at - 1, at),
    kind: 'raise',
    version,
  });
  const look = (version: number, at: number, maxAgeMs: number): VersionOperation => ({
    ...from(at, at + 1),
    kind: 'read',
    version,
    maxAgeMs,
  });

  test('staler than claimed', () => {
    const history = [raise(1, 100), raise(2, 200)];
    expect(checkStaleness([...history, look(1, 300, 150)], 0)).toBeUndefined();
    expect(checkStaleness([...history, look(1, 300, 90)], 0)).toEqual(named('staler than claimed'));
    expect(checkStaleness([...history, look(1, 300, 90)], 0.2)).toBeUndefined();
  });
});

describe('claims of unique keys', () => {
  const claim = (begin: number, fate: Fate, refused = false): Claim => ({
    ...from(begin, begin + 1, fate),
    key: 1,
    refused,
  });

  test('one wins, and only because of it others are refused', () => {
    expect(checkClaims([claim(0, 'ok'), claim(2, 'failed', true)])).toBeUndefined();
    expect(checkClaims([claim(0, 'unknown'), claim(2, 'failed', true)])).toBeUndefined();
    expect(checkClaims([claim(0, 'ok'), claim(2, 'ok')])).toEqual(named('duplicated write'));
    // An error that a row caused which was rolled back, or which came only later.
    expect(checkClaims([claim(0, 'failed'), claim(0, 'failed', true)])).toEqual(
      named('dirty error'),
    );
    expect(checkClaims([claim(0, 'failed', true), claim(2, 'ok')])).toEqual(named('dirty error'));
  });
});

test('outcomes', () => {
  const told = new Map<number, Fate>([
    [1, 'ok'],
    [2, 'failed'],
    [3, 'unknown'],
  ]);
  expect(checkOutcomes(told, [1])).toBeUndefined();
  expect(checkOutcomes(told, [1, 3])).toBeUndefined();
  expect(checkOutcomes(told, [3])).toEqual(named('lost write'));
  expect(checkOutcomes(told, [1, 2])).toEqual(named('wrong outcome'));
  expect(checkOutcomes(told, [1, 4])).toEqual(named('phantom'));
  expect(checkOutcomes(told, [1, 1])).toEqual(named('duplicated write'));
});
