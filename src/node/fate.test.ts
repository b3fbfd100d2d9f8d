import { describe, expect, test } from 'vitest';
import { logIndex, term } from '../base/index.ts';
import { type Fate, FateBook } from './fate.ts';

function outcomeOf(book: FateBook, index: number, entryTerm: number, then: () => void) {
  const watch = book.watch(logIndex(index), term(entryTerm));
  let fate: Fate | undefined;
  watch.ask((answer) => {
    fate = answer;
  });
  then();
  return fate?.outcome;
}

/** Terms of the entries 1, 2, 3 … */
type Log = readonly number[];

/** Every log of `length` entries with terms that do not fall, between 1 and `highest`. */
function* logs(length: number, highest: number, lowest = 1): Generator<Log> {
  if (length === 0) {
    yield [];
    return;
  }
  for (let first = lowest; first <= highest; first++) {
    for (const rest of logs(length - 1, highest, first)) yield [first, ...rest];
  }
}

describe('fate by commitment (M1)', () => {
  test('every short history: what is told is what was committed, and only with an entry of the current term above', () => {
    let decided = 0;
    for (const log of logs(4, 3)) {
      for (let index = 1; index <= 4; index++) {
        for (let entryTerm = 1; entryTerm <= 3; entryTerm++) {
          // The leader that commits has the term of the last entry, or a later one (then nothing is of its term).
          for (let current = log[3]; current <= 3; current++) {
            const book = new FateBook();
            const outcome = outcomeOf(book, index, entryTerm, () => {
              for (let i = 1; i <= 4; i++) {
                book.commit(logIndex(i), term(log[i - 1]), term(current));
              }
            });
            const trusted = log.some((t, i) => i + 1 >= index && t === current);
            const truth = log[index - 1] === entryTerm ? 'committed' : 'rolled-back';
            expect(outcome, `${log} (${index},${entryTerm}) in ${current}`).toBe(
              trusted ? truth : undefined,
            );
            if (trusted) decided++;
          }
        }
      }
    }
    expect(decided).toBeGreaterThan(100);
  });

  test('every snapshot: its last term decides what it can decide', () => {
    for (const log of logs(3, 3)) {
      for (let index = 1; index <= 3; index++) {
        for (let entryTerm = 1; entryTerm <= 3; entryTerm++) {
          const last = log[2];
          const book = new FateBook();
          const outcome = outcomeOf(book, index, entryTerm, () =>
            book.snapshot(logIndex(3), term(last)),
          );
          const truth = log[index - 1] === entryTerm ? 'committed' : 'rolled-back';
          if (outcome === 'unknown') expect(last).toBeGreaterThan(entryTerm);
          // Equal (index, term) means an equal prefix: only a possible entry can be asked about.
          else if (isPossible(log, index, entryTerm)) expect(outcome).toBe(truth);
        }
      }
    }
  });

  test('a snapshot below the entry decides nothing; what was seen before it holds', () => {
    const book = new FateBook();
    expect(outcomeOf(book, 5, 2, () => book.snapshot(logIndex(4), term(2)))).toBe(undefined);
    const seen = new FateBook();
    const outcome = outcomeOf(seen, 5, 2, () => {
      seen.commit(logIndex(5), term(2), term(3));
      seen.snapshot(logIndex(9), term(7));
    });
    expect(outcome).toBe('committed');
  });

  test('abandoned questions are unknown, withdrawn ones are not answered', () => {
    const book = new FateBook();
    expect(outcomeOf(book, 1, 1, () => book.abandon())).toBe('unknown');
    const watch = book.watch(logIndex(1), term(1));
    let asked = 0;
    watch.ask(() => asked++)();
    book.abandon();
    expect(asked).toBe(0);
    watch.ask(() => asked++);
    expect(asked).toBe(1);
  });
});

/** Whether an entry (index, t) can exist beside this log: leaders of one term append one log. */
function isPossible(log: Log, index: number, t: number): boolean {
  return log[2] !== t || log[index - 1] === t;
}
