import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../base/index.ts';
import {
  checkBank,
  checkListAppend,
  checkOutcomes,
  checkRegister,
  checkSet,
  checkStaleness,
  type Fate,
  type ListTransaction,
  type RegisterOperation,
  type SetAdd,
  type SetRead,
  type Step,
  type Transfer,
  type VersionOperation,
} from './index.ts';
import { serialMoments } from './serial-model.ts';

// Whatever one thread could have done alone is correct, however the answers overlap and whatever got lost.

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const runs = { numRuns: 150 };

function shuffled<T extends { readonly invokedAt: number }>(history: readonly T[]): T[] {
  return [...history].sort((a, b) => a.invokedAt - b.invokedAt);
}

test('list-append', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = new SeededRandom(seed);
      const lists = new Map<number, number[]>();
      let next = 0;
      const history = serialMoments(random, 60).map(({ effective, ...moment }): ListTransaction => {
        const mine = new Map([...lists].map(([key, values]) => [key, [...values]]));
        const steps = Array.from({ length: 1 + randomBelow(random, 4) }, (): Step => {
          const key = randomBelow(random, 4);
          const values = mine.get(key) ?? [];
          if (randomBelow(random, 2) === 0) return { kind: 'read', key, values: [...values] };
          mine.set(key, [...values, ++next]);
          return { kind: 'append', key, value: next };
        });
        if (effective) for (const [key, values] of mine) lists.set(key, values);
        return { ...moment, steps };
      });
      expect(checkListAppend(shuffled(history))).toBeUndefined();
    }),
    runs,
  );
});

test('registers', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = new SeededRandom(seed);
      const values = [0, 0];
      let next = 0;
      const history = serialMoments(random, 80).map(
        ({ effective, ...moment }): RegisterOperation => {
          const key = randomBelow(random, 2);
          const before = values[key];
          if (randomBelow(random, 2) === 0) return { ...moment, key, kind: 'read', value: before };
          const value = ++next;
          const other = randomBelow(random, next);
          if (other !== before && moment.fate === 'ok' && randomBelow(random, 3) === 0) {
            return { ...moment, key, kind: 'refusal', value: other };
          }
          if (effective) values[key] = value;
          const kind = randomBelow(random, 2) === 0 ? 'write' : 'swap';
          return { ...moment, key, kind, value, expected: kind === 'swap' ? before : undefined };
        },
      );
      expect(checkRegister(shuffled(history))).toBeUndefined();
    }),
    runs,
  );
});

test('set and outcomes', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = new SeededRandom(seed);
      const stored: number[] = [];
      const told = new Map<number, Fate>();
      const history = serialMoments(random, 80).map(
        ({ effective, ...moment }, value): SetAdd | SetRead => {
          if (randomBelow(random, 3) === 0) return { ...moment, kind: 'read', values: [...stored] };
          told.set(value, moment.fate);
          if (effective) stored.push(value);
          return { ...moment, kind: 'add', value };
        },
      );
      expect(checkSet(shuffled(history))).toBeUndefined();
      expect(checkOutcomes(told, stored)).toBeUndefined();
    }),
    runs,
  );
});

test('bank', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = new SeededRandom(seed);
      const accounts = new Map([0, 1, 2].map((id) => [id, 100]));
      const book: Transfer[] = [];
      for (const { effective } of serialMoments(random, 40)) {
        const [source, target, amount] = [0, 1, 2].map(() => randomBelow(random, 3));
        if (!effective) continue;
        accounts.set(source, (accounts.get(source) ?? 0) - amount);
        accounts.set(target, (accounts.get(target) ?? 0) + amount);
        book.push({ id: book.length, source, target, amount });
        expect(checkBank({ opening: 100, accounts, book })).toBeUndefined();
      }
    }),
    { numRuns: 20 },
  );
});

test('age: a replica that lags behind by less than it says', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = new SeededRandom(seed);
      const raised: { readonly at: number; readonly version: number }[] = [];
      const history = serialMoments(random, 80).map(
        ({ effective, ...moment }, i): VersionOperation => {
          if (randomBelow(random, 2) === 0) {
            if (effective) raised.push({ at: i * 10, version: i });
            return { ...moment, kind: 'raise', version: i };
          }
          const maxAgeMs = randomBelow(random, 200);
          const age = randomBelow(random, maxAgeMs + 1);
          const version = raised.findLast(({ at }) => at <= i * 10 - age)?.version ?? -1;
          return { ...moment, kind: 'read', version, maxAgeMs };
        },
      );
      expect(checkStaleness(shuffled(history), 0)).toBeUndefined();
    }),
    runs,
  );
});
