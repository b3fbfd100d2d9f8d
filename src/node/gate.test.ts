import { beforeEach, describe, expect, test } from 'vitest';
import { type LogIndex, logIndex, term } from '../base/index.ts';
import type { Answer, Observed, RequestEnd } from '../machine/index.ts';
import { FateBook } from './fate.ts';
import { Gate, type GateOwner, Held, type Loss } from './gate.ts';
import { SealBook } from './seal-book.ts';

const DONE: RequestEnd = { kind: 'done', results: [] };
const FAILED: RequestEnd = {
  kind: 'failed',
  failure: { code: 'SQLITE_CONSTRAINT', message: '', rawCode: 2067, retryable: false },
  results: [],
};

class Owner implements GateOwner {
  readonly released: [string, number][] = [];
  readonly losses: Loss[] = [];
  asked = 0;
  release(answer: Answer, index: LogIndex): void {
    this.released.push([answer.end?.kind ?? 'rows', index]);
  }
  wantsConfirmation(): void {
    this.asked++;
  }
  lost(loss: Loss): void {
    this.losses.push(loss);
  }
}

function answer(observed: Observed, end: RequestEnd | undefined, bytes = 0): Answer {
  return {
    kind: 'answer',
    session: 0,
    request: 1,
    observed,
    rows: bytes === 0 ? [] : [new Uint8Array(bytes)],
    end,
    state: { transaction: 'none', aborted: false, home: false },
  };
}

const seen = (sequence: number, wrote: boolean, epoch = 1): Observed => ({
  kind: 'speculative',
  epoch,
  database: 'a',
  sequence,
  wrote,
});
const published = (index: number): Observed => ({ kind: 'published', index: logIndex(index) });

let fates = new FateBook();
let seals = new SealBook(fates);
let fullness: boolean[] = [];
let gate = new Gate(seals, 10_000, (full) => fullness.push(full));

beforeEach(() => {
  fates = new FateBook();
  seals = new SealBook(fates);
  fullness = [];
  gate = new Gate(seals, 10_000, (full) => fullness.push(full));
  seals.begin(1, logIndex(10));
});

function hold(arrivalIndex: number, confirmed = false): { held: Held; owner: Owner } {
  const owner = new Owner();
  return { held: new Held(owner, logIndex(arrivalIndex), confirmed), owner };
}

function accept(sequence: number, index: number): void {
  seals.accept({ epoch: 1, database: 'a', sequence, index: logIndex(index), term: term(3) });
}

function commit(index: number): void {
  const seal = seals.commit(logIndex(index), term(3));
  gate.committed(logIndex(index));
  if (seal !== undefined) gate.published(seal.database, seal.sequence);
}

function endEpoch(): void {
  seals.end();
  gate.endEpoch();
}

describe('opening', () => {
  test('a write leaves when its seal is committed, with its index', () => {
    const { held, owner } = hold(10);
    gate.add(held, answer(seen(1, true), DONE));
    accept(1, 11);
    expect(owner.released).toEqual([]);
    commit(11);
    expect(owner.released).toEqual([['done', 11]]);
    expect(owner.asked).toBe(0);
    expect(gate.bytes).toBe(0);
  });

  test('an answer that comes after its seal was committed leaves at once', () => {
    accept(1, 11);
    commit(11);
    const { held, owner } = hold(10);
    gate.add(held, answer(seen(1, true), DONE));
    expect(owner.released).toEqual([['done', 11]]);
  });

  test('errors and empty writes wait for the version that they have seen (M5a)', () => {
    accept(1, 11);
    const failed = hold(10);
    const empty = hold(10);
    gate.add(failed.held, answer(seen(1, false), FAILED));
    gate.add(empty.held, answer(seen(1, false), DONE));
    expect([...failed.owner.released, ...empty.owner.released]).toEqual([]);
    commit(11);
    expect(failed.owner.released).toEqual([['failed', 11]]);
    expect(empty.owner.released).toEqual([['done', 11]]);
  });

  test('what wrote nothing and found everything published needs a confirmation', () => {
    const { held, owner } = hold(10);
    gate.add(held, answer(published(10), DONE));
    expect(owner.released).toEqual([]);
    expect(owner.asked).toBe(1);
    gate.confirm(held);
    expect(owner.released).toEqual([['done', 10]]);
  });

  test('an entry appended after arrival and committed is confirmation enough; an older one is not', () => {
    const { held, owner } = hold(12);
    accept(1, 11);
    accept(2, 12);
    accept(3, 13);
    gate.add(held, answer(published(10), DONE));
    commit(11);
    commit(12);
    expect(owner.released).toEqual([]);
    commit(13);
    expect(owner.released).toEqual([['done', 10]]);
  });

  test('answers of a request leave in order; a later one does not overtake', () => {
    const { held, owner } = hold(10);
    accept(1, 11);
    gate.add(held, answer(seen(1, false), undefined));
    gate.add(held, answer(published(10), DONE));
    expect(owner.released).toEqual([]);
    commit(11);
    expect(owner.released).toEqual([
      ['rows', 11],
      ['done', 10],
    ]);
  });

  test('sequence 0 is what the epoch began with', () => {
    const { held, owner } = hold(10, true);
    gate.add(held, answer(seen(0, false), DONE));
    expect(owner.released).toEqual([['done', 10]]);
  });
});

describe('loss of leadership', () => {
  test('a write that was never appended is dropped', () => {
    const { held, owner } = hold(10);
    gate.add(held, answer(seen(1, true), DONE));
    endEpoch();
    expect(owner.losses).toMatchObject([{ kind: 'dropped' }]);
    expect(gate.bytes).toBe(0);
  });

  test('a write that was appended is undecided until its index is committed', () => {
    const { held, owner } = hold(10);
    gate.add(held, answer(seen(1, true), DONE));
    accept(1, 11);
    endEpoch();
    expect(owner.losses).toMatchObject([{ kind: 'undecided' }]);
    const [loss] = owner.losses;
    const outcomes: string[] = [];
    if (loss.kind === 'undecided') loss.watch.ask((fate) => outcomes.push(fate.outcome));
    fates.commit(logIndex(11), term(3), term(4));
    expect(outcomes).toEqual([]);
    fates.commit(logIndex(12), term(4), term(4));
    expect(outcomes).toEqual(['committed']);
  });

  test('an answer that arrives after the end is judged by what was appended', () => {
    accept(1, 11);
    endEpoch();
    const appended = hold(10);
    const dropped = hold(10);
    gate.add(appended.held, answer(seen(1, true), DONE));
    gate.add(dropped.held, answer(seen(2, true), DONE));
    expect(appended.owner.losses).toMatchObject([{ kind: 'undecided' }]);
    expect(dropped.owner.losses).toMatchObject([{ kind: 'dropped' }]);
    fates.commit(logIndex(11), term(3), term(3));
    const late = hold(10);
    gate.add(late.held, answer(seen(1, true), DONE));
    expect(late.owner.released).toEqual([['done', 11]]);
  });

  test('what wrote nothing may be repeated, whatever it saw', () => {
    accept(1, 11);
    const speculative = hold(10);
    const unconfirmed = hold(10);
    gate.add(speculative.held, answer(seen(1, false), FAILED));
    gate.add(unconfirmed.held, answer(published(10), DONE));
    endEpoch();
    expect(speculative.owner.losses).toEqual([{ kind: 'nothing-written' }]);
    expect(unconfirmed.owner.losses).toEqual([{ kind: 'nothing-written' }]);
  });

  test('the last answer is awaited before a loss is told', () => {
    accept(1, 11);
    const { held, owner } = hold(10);
    gate.add(held, answer(seen(1, false), undefined, 100));
    endEpoch();
    expect(owner.losses).toEqual([]);
    gate.add(held, answer(seen(2, true), DONE));
    expect(owner.losses).toMatchObject([{ kind: 'dropped' }]);
    expect(gate.bytes).toBe(0);
  });

  test('a write published before the end leaves as usual after it', () => {
    accept(1, 11);
    commit(11);
    endEpoch();
    const { held, owner } = hold(10);
    gate.add(held, answer(seen(1, true), DONE));
    expect(owner.released).toEqual([['done', 11]]);
  });

  test('a refused confirmation ends a read; a write is not touched by it', () => {
    const { held, owner } = hold(10);
    gate.add(held, answer(published(10), DONE));
    gate.refuse(held);
    expect(owner.losses).toEqual([{ kind: 'nothing-written' }]);
  });
});

describe('bounds', () => {
  test('tells when it is full and when half of it is free again', () => {
    accept(1, 11);
    const one = hold(10);
    const two = hold(10);
    gate.add(one.held, answer(seen(1, false), undefined, 6_000));
    expect(fullness).toEqual([]);
    gate.add(two.held, answer(seen(2, false), undefined, 6_000));
    expect(fullness).toEqual([true]);
    gate.forget(two.held);
    expect(fullness).toEqual([true]);
    commit(11);
    expect(fullness).toEqual([true, false]);
    expect(gate.bytes).toBe(0);
  });
});

describe('seals (M2)', () => {
  test('only the successor in the current epoch may be proposed', () => {
    expect(seals.isNext(1, 'a', 1)).toBe(true);
    expect(seals.isNext(1, 'a', 2)).toBe(false);
    expect(seals.isNext(0, 'a', 1)).toBe(false);
    accept(1, 11);
    expect(seals.isNext(1, 'a', 2)).toBe(true);
    expect(seals.isNext(1, 'b', 1)).toBe(true);
    seals.end();
    expect(seals.isNext(1, 'a', 2)).toBe(false);
  });

  test('another entry in place of a live seal is a broken invariant', () => {
    accept(1, 11);
    expect(() => seals.commit(logIndex(11), term(4))).toThrow(/in place of the live seal/);
  });

  test('tens of thousands of seals: old indexes are forgotten, never told too low', () => {
    for (let sequence = 1; sequence <= 30_000; sequence++) {
      accept(sequence, 10 + sequence);
      seals.commit(logIndex(10 + sequence), term(3));
    }
    const old = seals.look(1, 'a', 1);
    expect(old.state === 'published' && old.index >= 11).toBe(true);
    expect(seals.look(1, 'a', 29_999)).toEqual({ state: 'published', index: 30_009 });
  });
});
