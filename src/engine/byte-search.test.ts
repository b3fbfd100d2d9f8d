import { expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../base/index.ts';
import { ByteSearch } from './byte-search.ts';

const random = new SeededRandom(1);

/** The first places, each sought behind the one before. */
function firstPlaces(find: (from: number) => number): number[] {
  const places: number[] = [];
  for (let at = find(0); at >= 0 && places.length < 50; at = find(at + 1)) places.push(at);
  return places;
}

// Of few different bytes, so that nearly everything nearly matches: near and far places of short needles, the plain search of the
// platform, and rolling sums.
test.each([
  [200, 1, 100],
  [200, 12, 100],
  [3_000, 20, 50],
  [300_000, 16, 1],
  [300_000, 17, 1],
  [300_000, 5_000, 1],
])('in %i bytes a needle of %i is found wherever it stands', (length, needleLength, runs) => {
  for (let run = 0; run < runs; run++) {
    const rare = 1 + randomBelow(random, 3 * needleLength);
    const haystack = Buffer.from(
      Array.from({ length }, () => (randomBelow(random, rare) === 0 ? 1 : 0)),
    );
    const from = randomBelow(random, length - needleLength);
    const needle = Buffer.from(haystack.subarray(from, from + needleLength));
    haystack.copy(haystack, randomBelow(random, length - needleLength), from, from + needleLength);
    const search = new ByteSearch(needle, random);
    expect(firstPlaces((at) => search.find(haystack, at))).toEqual(
      firstPlaces((at) => haystack.indexOf(needle, at)),
    );
  }
});
