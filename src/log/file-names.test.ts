import { expect, test } from 'vitest';
import { sortListing } from './file-names.ts';

const named = (...names: string[]) => sortListing(names.map((name) => ({ name, sizeBytes: 8 })));

test.each([
  '0000000000000000-0000000000000001',
  '0000000000000002-0000000000000001',
  '0000000000000001-9007199254740993',
  '9999999999999998-9999999999999999',
])('TESTING 6: %s is the name of no segment', (name) => {
  const { impossible, closed } = named(name);
  expect([impossible, closed]).toEqual([[name], []]);
});

test.each(['9007199254740993-1', '1-9007199254740993'])(
  'TESTING 6: snapshot-%s is the name of no snapshot',
  (numbers) => {
    const name = `snapshot-${numbers}-5`;
    const { impossible, snapshots } = named(name, `${name}.meta`);
    expect([impossible, snapshots]).toEqual([[name], []]);
  },
);

test('names of other lengths are unknown, and those are left alone', () => {
  const listing = named('1-2', '00000000000000001-00000000000000002', `open-${'9'.repeat(16)}`);
  expect([listing.impossible, listing.closed, listing.open]).toEqual([[], [], []]);
});
