import { describe, expect, test } from 'vitest';
import type { Role } from '../base/index.ts';
import { adjustRoles, handoverRole, type MemberState } from './roles.ts';

const TARGETS = { voters: 3, standBys: 3 };

/** 'v' voter, 's' stand-by, 'p' spare; upper case = online; ids from 1. Digits: failure domains. */
function members(text: string, domains = '', weights: readonly bigint[] = []): MemberState[] {
  return [...text].map((letter, i) => ({
    id: BigInt(i + 1),
    address: `n${i + 1}`,
    role: ({ v: 'voter', s: 'stand-by', p: 'spare' } as const)[letter.toLowerCase()] as Role,
    online: letter === letter.toUpperCase(),
    failureDomain: BigInt(domains[i] ?? 0),
    weight: weights[i] ?? 0n,
  }));
}

describe('adjustment (roles-and-app.md §3.2)', () => {
  test.each([
    ['1: alone', 'V', undefined, []],
    ['2: two members', 'VV', 'stand-by', [2n]],
    ['2: two members, the second has just been added', 'VP', 'stand-by', [2n]],
    ['4: all as wanted', 'VVVSSS', undefined, []],
    ['5: too few voters, stand-bys first', 'VVvPS', 'voter', [5n, 4n]],
    ['5: nobody to promote', 'VVvss', undefined, []],
    ['6: too many voters', 'VVVVS', 'spare', [2n, 3n, 4n]],
    ['7: an offline voter is demoted when enough are online', 'VVVvS', 'spare', [4n]],
    ['8: too few stand-bys', 'VVVPP', 'stand-by', [4n, 5n]],
    ['9: too many stand-bys', 'VVVSSSS', 'spare', [4n, 5n, 6n, 7n]],
    ['10: an offline stand-by', 'VVVSSSs', 'spare', [7n]],
  ])('rule %s', (_, text, role, candidates) => {
    const change = adjustRoles(members(text), 1n, TARGETS);
    expect(change?.role).toBe(role);
    expect(change?.candidates ?? []).toEqual(candidates);
  });

  test('rule 3: a failure domain without a voter gets one', () => {
    expect(adjustRoles(members('VVVS', '1122'), 1n, TARGETS)).toBe(undefined);
    const change = adjustRoles(members('VVVSP', '11122'), 1n, TARGETS);
    expect(change).toEqual({ role: 'voter', candidates: [4n, 5n] });
  });

  test('candidates: other failure domains first, then lower weight', () => {
    const all = members('VVSSS', '12123', [0n, 0n, 0n, 5n, 9n]);
    expect(adjustRoles(all, 1n, TARGETS)).toEqual({ role: 'voter', candidates: [5n, 3n, 4n] });
  });

  test('demotion: the most crowded domain first, in it the heaviest', () => {
    const all = members('VVVVV', '12223', [0n, 1n, 3n, 2n, 9n]);
    const change = adjustRoles(all, 1n, TARGETS);
    expect(change).toEqual({ role: 'spare', candidates: [3n, 4n, 2n, 5n] });
  });

  test('repeated adjustment ends, in every cluster of up to seven nodes', () => {
    const letters = 'VvSsPp';
    for (let code = 0; code < 6 ** 5; code++) {
      let rest = code;
      let text = 'V';
      while (rest > 0) {
        text += letters[rest % 6];
        rest = Math.floor(rest / 6);
      }
      let state = members(text, '0123012');
      for (let step = 0; ; step++) {
        if (step > 30) throw new Error(`${text} does not come to rest`);
        const change = adjustRoles(state, 1n, TARGETS);
        if (change === undefined) break;
        const [first] = change.candidates;
        const before = state.find((member) => member.id === first);
        if (before?.role === change.role)
          throw new Error(`${text}: ${first} has that role already`);
        state = state.map((m) => (m.id === first ? { ...m, role: change.role } : m));
      }
      if (state[0].role !== 'voter') throw new Error(`${text}: the leader lost its vote`);
    }
  });
});

describe('handover', () => {
  test('a voter gives its role to a stand-by, else to a spare; a spare has nothing to give', () => {
    expect(handoverRole(members('VVVPS'), 1n)).toEqual({ role: 'voter', candidates: [5n, 4n] });
    expect(handoverRole(members('VVVps'), 1n)).toBe(undefined);
    expect(handoverRole(members('VVVSP'), 4n)).toEqual({ role: 'stand-by', candidates: [5n] });
    expect(handoverRole(members('VVVSP'), 5n)).toBe(undefined);
  });
});
