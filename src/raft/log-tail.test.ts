import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry, LogIndex, Term } from '../base/index.ts';
import { LogTail } from './log-tail.ts';

const index = (value: number): LogIndex => value as LogIndex;
const entry = (term: number, bytes = 8): Entry => ({
  term: term as Term,
  type: 'command',
  data: new Uint8Array(bytes),
});

type Step =
  | { readonly kind: 'append'; readonly raise: boolean; readonly words: number }
  | { readonly kind: 'truncate' | 'snapshot' | 'cool' | 'reset'; readonly at: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        raise: fc.boolean(),
        words: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'truncate' as const,
          'snapshot' as const,
          'cool' as const,
          'reset' as const,
        ),
        at: fc.nat(100),
      }),
    },
  ),
  { maxLength: 600 },
);

test('a tail behaves as an array with a lost beginning', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const tail = new LogTail(index(1), [], index(0), 0 as Term);
      // Model: the whole history; `first` is the oldest entry that is known, `hot` the oldest one that can be read.
      const model: Entry[] = [];
      let snapshot = 0;
      let first = 1;
      let hot = 1;
      const bytesFrom = (from: number): number =>
        model.slice(from - 1).reduce((sum, { data }) => sum + data.length, 0);
      for (const step of list) {
        if (step.kind === 'append') {
          const last = model.at(-1)?.term ?? 1;
          model.push(entry(last + (step.raise ? 1 : 0), step.words * 8));
          tail.append(model[model.length - 1]);
        } else if (step.kind === 'truncate') {
          // What left memory is committed.
          const base = Math.max(snapshot, hot - 1);
          const from = base + 1 + (step.at % (model.length - base + 1));
          model.length = from - 1;
          tail.truncate(index(from));
        } else if (step.kind === 'snapshot' && model.length > snapshot) {
          snapshot += 1 + (step.at % (model.length - snapshot));
          tail.snapshotTaken(index(snapshot), model[snapshot - 1].term);
          tail.dropTo(snapshot - (step.at % 5));
          first = Math.max(first, snapshot - (step.at % 5) + 1);
          hot = Math.max(hot, first);
        } else if (step.kind === 'cool') {
          const committed = Math.max(snapshot, model.length - 2);
          while (bytesFrom(hot) > step.at && hot <= committed) hot++;
          tail.cool(step.at, committed);
        } else if (step.kind === 'reset') {
          const term = ((model.at(-1)?.term ?? 1) + 1) as Term;
          for (let i = 0; i < 3; i++) model.push(entry(term));
          snapshot = model.length;
          first = snapshot + 1;
          hot = first;
          tail.reset(index(snapshot), term);
        }
        expect(tail.lastIndex).toBe(model.length);
        expect([tail.firstIndex, tail.hotIndex]).toEqual([first, hot]);
      }
      for (let i = first; i <= model.length; i++) {
        expect(tail.termOf(index(i))).toBe(model[i - 1].term);
      }
      expect(tail.lastTerm).toBe(model.at(-1)?.term ?? 0);
      expect(tail.slice(tail.hotIndex, tail.lastIndex)).toEqual(model.slice(hot - 1));
      expect(tail.bytes).toBe(bytesFrom(hot));
      expect(tail.termOf(index(snapshot))).toBe(snapshot === 0 ? 0 : model[snapshot - 1].term);
      expect(tail.termOf(index(model.length + 1))).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('a batch keeps to both limits but always has one entry', () => {
  const tail = new LogTail(
    index(1),
    [8, 8, 800, 8].map((n) => entry(1, n)),
    index(0),
    0 as Term,
  );
  expect(tail.batchEnd(index(1), 16, 10)).toBe(2);
  expect(tail.batchEnd(index(1), 1000, 1)).toBe(1);
  expect(tail.batchEnd(index(1), 1000, 10)).toBe(4);
  expect(tail.batchEnd(index(3), 10, 10)).toBe(3);
});

test('what contradicts itself is refused', () => {
  expect(() => new LogTail(index(3), [], index(1), 1 as Term)).toThrow('gap');
  expect(() => new LogTail(index(1), [entry(2), entry(1)], index(0), 0 as Term)).toThrow('fall');
  expect(() => new LogTail(index(1), [entry(2)], index(1), 1 as Term)).toThrow('differ');
  const tail = new LogTail(index(1), [entry(2)], index(0), 0 as Term);
  expect(() => tail.append(entry(1))).toThrow('fall');
  expect(() => tail.dropTo(1)).toThrow('without a snapshot');
});

test('a log that ends before the snapshot is forgotten', () => {
  const tail = new LogTail(index(1), [entry(1)], index(5), 3 as Term);
  expect([tail.firstIndex, tail.lastIndex, tail.lastTerm]).toEqual([6, 5, 3]);
});

test('the hint after a mismatch skips higher terms only', () => {
  const tail = new LogTail(
    index(1),
    [1, 1, 3, 3, 5].map((t) => entry(t)),
    index(0),
    0 as Term,
  );
  expect(tail.lastIndexWithTerm(index(5), 4 as Term)).toBe(4);
  expect(tail.lastIndexWithTerm(index(4), 2 as Term)).toBe(2);
  expect(tail.lastIndexWithTerm(index(4), 9 as Term)).toBe(4);
});
