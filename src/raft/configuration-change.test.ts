import { expect, test } from 'vitest';
import { type Configuration, LIMITS, logIndex, type Member } from '../base/index.ts';
import { decodeSnapshotMeta, encodeSnapshotMeta } from '../wire/snapshot-meta.ts';
import { changeConfiguration } from './configuration-change.ts';

const longest = (i: number): string => String(i).padStart(LIMITS.addressBytes, 'a');
const members = (count: number): readonly Member[] =>
  Array.from({ length: count }, (_, i) => ({
    id: BigInt(i + 1),
    address: longest(i),
    role: 'voter',
  }));
const add = (configuration: Configuration, address: string) =>
  changeConfiguration(configuration, { kind: 'add', id: 5000n, address });

test('the largest configuration fits where it has to be read again', () => {
  const configuration = add({ members: members(LIMITS.members - 1) }, longest(9999));
  if (typeof configuration === 'string') throw new Error(configuration);
  const meta = { configurationIndex: logIndex(1), configuration };
  expect(decodeSnapshotMeta(encodeSnapshotMeta(meta))).toEqual(meta);
});

test('TESTING 6: a member more, or a longer address, is refused: nodes could not start with it again', () => {
  expect(add({ members: members(LIMITS.members) }, 'a:1')).toBe('too-many-members');
  expect(add({ members: members(1) }, `${longest(1)}b`)).toBe('bad-address');
  expect(add({ members: members(1) }, 'é'.repeat(LIMITS.addressBytes / 2 + 1))).toBe('bad-address');
});
