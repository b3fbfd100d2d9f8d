import { describe, expect, it } from 'vitest';
import { parseStatusReport } from './status-report.ts';

const REPORT = {
  id: '18446744073709551615',
  address: '127.0.0.1:9001',
  role: 'leader',
  memberRole: 'voter',
  term: 3,
  leader: { id: 7, address: '127.0.0.1:9001' },
  members: [{ id: 7, address: '127.0.0.1:9001', role: 'voter' }],
  lastIndex: 12,
  stored: 12,
  commit: 11,
  applied: 10,
  snapshotIndex: 0,
  databases: ['app'],
  quarantined: false,
  counters: { syncs: 4, somethingNew: 5 },
  logBytes: 4096,
  followers: [{ id: 8, match: 9, state: 'probe', lag: 3 }],
};

describe('the status of a node', () => {
  it('is read from JSON, whatever the size of its ids; what is unknown is left out', () => {
    expect(parseStatusReport(JSON.stringify({ ...REPORT, later: true }))).toEqual({
      ...REPORT,
      id: 2n ** 64n - 1n,
      leader: { id: 7n, address: '127.0.0.1:9001' },
      members: [{ id: 7n, address: '127.0.0.1:9001', role: 'voter' }],
      followers: [{ id: 8n, match: 9, state: 'probe', lag: 3 }],
    });
    const { memberRole: _role, leader: _leader, ...alone } = REPORT;
    expect(parseStatusReport(JSON.stringify(alone))).toMatchObject({
      memberRole: undefined,
      leader: undefined,
    });
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '7'],
    ['an unknown role', JSON.stringify({ ...REPORT, role: 'king' })],
    ['a missing index', JSON.stringify({ ...REPORT, commit: undefined })],
    ['a negative term', JSON.stringify({ ...REPORT, term: -1 })],
    ['a large index', JSON.stringify({ ...REPORT, applied: 2 ** 60 })],
    ['members that are no list', JSON.stringify({ ...REPORT, members: {} })],
    ['a counter that is no number', JSON.stringify({ ...REPORT, counters: { syncs: 'many' } })],
    ['databases that are no names', JSON.stringify({ ...REPORT, databases: [1] })],
  ])('is refused with PROTOCOL: %s', (_name, json) => {
    expect(() => parseStatusReport(json)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});
