import { describe, expect, it } from 'vitest';
import { QuorateError } from '../base/index.ts';
import { Ledger } from './ledger.ts';
import { complaint } from './log-judge.ts';
import { parseOptions } from './options.ts';

describe('the ledger', () => {
  function written(): Ledger {
    const ledger = new Ledger();
    ledger.acknowledge(1, 0);
    ledger.fail(2, new QuorateError('LEADERSHIP_LOST', 'x', { outcome: 'rolled-back' }));
    ledger.fail(3, new QuorateError('OUTCOME_UNKNOWN', 'x', { outcome: 'unknown' }));
    return ledger;
  }

  it.each([
    { stored: [1], findings: [] },
    { stored: [1, 3], findings: [] },
    { stored: [3], findings: ['lost write: 1 was acknowledged and is gone'] },
    {
      stored: [1, 2],
      findings: expect.arrayContaining([expect.stringContaining('wrong outcome: 2')]),
    },
    { stored: [1, 4], findings: ['4 is stored and nobody was told so'] },
  ])('judges that $stored are stored', ({ stored, findings }) => {
    expect(written().check(new Set(stored))).toEqual(findings);
  });

  it('takes an error that faults do not explain for an anomaly', () => {
    const ledger = written();
    expect(ledger.anomalies).toEqual([]);
    ledger.count(new QuorateError('SQLITE_CORRUPT', 'the image is malformed'));
    ledger.count(new TypeError('undefined is no function'));
    expect(ledger.anomalies).toHaveLength(2);
  });

  it('excuses what only a leader of C dqlite that has not applied its log answers', () => {
    const early = new QuorateError('SQLITE_ERROR', 'no such table: pulse');
    const ours = new QuorateError('SQLITE_ERROR', 'no such table: pulse', {
      outcome: 'rolled-back',
    });
    const mixed = new Ledger({ withCNodes: true });
    mixed.count(early);
    expect(mixed.anomalies).toEqual([]);
    mixed.count(ours);
    const pure = new Ledger();
    pure.count(early);
    expect([mixed.anomalies.length, pure.anomalies.length]).toEqual([1, 1]);
  });

  it('knows when the first write that began after a moment was acknowledged', () => {
    const ledger = new Ledger();
    ledger.acknowledge(1, 10);
    ledger.acknowledge(2, 20);
    expect(ledger.firstAfter(15)).toBe(ledger.acknowledged.get(2)?.endedMs);
    expect(ledger.firstAfter(30)).toBeUndefined();
  });
});

it.each([
  ['{"level":"warn","message":"the leader is gone"}', undefined],
  ['{"level":"error","message":"cannot write: ENOSPC"}', undefined],
  ['{"level":"error","message":"an entry is damaged"}', 'an error in the log'],
  ['AssertionError: the commit index goes back', 'unexpected on standard error'],
  ['    at Raft.step (file:///x.js:1:1)', 'unexpected on standard error'],
  ['(node:1) Warning: an old thing is used', 'unexpected on standard error'],
  ['', undefined],
])('the log line %s', (line, expected) => {
  if (expected === undefined) expect(complaint(line)).toBeUndefined();
  else expect(complaint(line)).toContain(expected);
});

describe('options', () => {
  it('have defaults, and the seed that was drawn', () => {
    expect(parseOptions([], 7)).toMatchObject({ seed: 7, nodes: 3, cNodes: 0, threads: true });
    expect(parseOptions(['--seconds', '25'], 7).milliseconds).toBe(25_000);
    expect([...parseOptions(['--faults', 'kill, pause'], 7).faults]).toEqual(['kill', 'pause']);
    expect(parseOptions(['--directed', 'paused-leader'], 7).directed).toBe('paused-leader');
  });

  it.each([
    ['--nodes', '2'],
    ['--faults', 'earthquake'],
    ['--seed', '-1'],
    ['--threads', 'some'],
    ['--c-nodes', '3'],
    ['--lie', 'white'],
    ['--what'],
    ['paused-leader'],
  ])('refuse %s %s', (...args) => {
    expect(() => parseOptions(args, 7)).toThrow();
  });
});
