import { describe, expect, test } from 'vitest';
import { packed } from '../../test/support/batches.ts';
import { logIndex, type Term } from '../base/index.ts';
import type { Answer, SessionMessage } from '../machine/index.ts';
import { ManualClock } from '../machine/testing/world.ts';
import type { NodeRequest, RequestResult, RunningRequest } from './contract.ts';
import { Desk, Target } from './desk.ts';
import { FateBook } from './fate.ts';
import { Gate } from './gate.ts';
import { IndexWaiters } from './index-waiters.ts';
import { SealBook } from './seal-book.ts';
import { request } from './testing/cluster.ts';

/** A desk whose threads are played by the test. */
class Hall {
  readonly clock = new ManualClock();
  readonly seals = new SealBook(new FateBook());
  readonly gate = new Gate(this.seals, 1 << 20, () => undefined);
  readonly posted: SessionMessage[] = [];
  readonly desk: Desk;

  readonly toBrief: SessionMessage[] = [];

  constructor(hasBrief = false) {
    const port = { post: (message: SessionMessage) => void this.posted.push(message) };
    this.desk = new Desk({
      clock: this.clock,
      machine: new Target(port, false),
      readers: [new Target(port, true)],
      brief: hasBrief
        ? new Target({ post: (message) => void this.toBrief.push(message) }, true)
        : undefined,
      seals: this.seals,
      gate: this.gate,
      applied: new IndexWaiters(logIndex(0)),
      fateMs: 100,
      services: {
        isLeader: () => true,
        isLed: () => true,
        leased: () => undefined,
        leaderAddress: () => undefined,
        lastIndex: () => logIndex(1),
        commit: () => logIndex(1),
        confirm: () => undefined,
        askLeader: () => undefined,
        staleness: () => ({ ageMs: 0, lag: 0 }),
        proven: () => undefined,
      },
    });
    this.seals.begin(1, logIndex(1));
  }

  run(work: Partial<NodeRequest>): {
    readonly running: RunningRequest;
    readonly result: RequestResult | undefined;
  } {
    let result: RequestResult | undefined;
    const running = this.desk.execute(request('', work), {
      rows: () => undefined,
      end: (end) => {
        result = end;
      },
    });
    return {
      running,
      get result() {
        return result;
      },
    };
  }

  answer(
    answer: Pick<Answer, 'observed' | 'end'>,
    state: Answer['state'] = { transaction: 'none', aborted: false, home: false },
  ): void {
    const submit = this.posted.findLast(({ kind }) => kind === 'submit');
    if (submit?.kind !== 'submit') throw new Error('nothing was submitted');
    const { request: number, session } = submit;
    this.desk.answer({ kind: 'answer', session, request: number, rows: [], state, ...answer });
  }

  publish(): void {
    const index = logIndex(2);
    this.seals.accept({ epoch: 1, database: 'main', sequence: 1, index, term: 1 as Term });
    this.seals.commit(index, 1 as Term);
    this.gate.committed(index);
    this.gate.published('main', 1);
  }
}

const ONE = { rowsAffected: 1, lastInsertRowid: 1n, columns: [], columnTypes: [] };
const WROTE = {
  kind: 'speculative',
  epoch: 1,
  database: 'main',
  sequence: 1,
  wrote: true,
} as const;
const NOT_LEADER = { code: 'NOT_LEADER', message: 'not leader', rawCode: 10250, retryable: true };

test('a script whose first statement is committed is not reported as rolled back when the second one meets the end of leadership', () => {
  const hall = new Hall();
  const sql = 'insert into t values(1); insert into t values(2)';
  const outcome = hall.run({ work: { action: 'script', sql, parameters: [], rows: 'drop' } });
  hall.answer({ observed: WROTE, end: { kind: 'failed', failure: NOT_LEADER, results: [ONE] } });
  expect(outcome.result).toBeUndefined();
  hall.publish();
  expect(outcome.result).toMatchObject({
    kind: 'failed',
    results: [ONE],
    failure: { code: 'OUTCOME_UNKNOWN', outcome: 'unknown', retryable: false, dqliteCode: 10 },
  });
});

test('a script that wrote nothing before that may be repeated', () => {
  const hall = new Hall();
  const sql = 'select 1; insert into t values(2)';
  const outcome = hall.run({ work: { action: 'script', sql, parameters: [], rows: 'drop' } });
  const observed = { ...WROTE, sequence: 0, wrote: false };
  hall.answer({ observed, end: { kind: 'failed', failure: NOT_LEADER, results: [ONE] } });
  hall.gate.committed(logIndex(2));
  expect(outcome.result).toMatchObject({
    kind: 'failed',
    failure: { code: 'NOT_LEADER', outcome: 'rolled-back', retryable: true, dqliteCode: 10250 },
  });
});

test('a write whose epoch is remembered no more has an unknown outcome: it may have been committed (M1)', () => {
  const hall = new Hall();
  const outcome = hall.run({});
  hall.publish();
  for (let epoch = 2; epoch <= 7; epoch++) {
    hall.seals.end();
    hall.seals.begin(epoch, logIndex(2));
  }
  hall.answer({ observed: WROTE, end: { kind: 'done', results: [ONE] } });
  expect(outcome.result).toMatchObject({
    kind: 'failed',
    failure: { code: 'OUTCOME_UNKNOWN', outcome: 'unknown', retryable: false, dqliteCode: 10 },
  });
});

describe('a thread was told to interrupt', () => {
  const failure = { code: 'SQLITE_INTERRUPT', message: '', rawCode: 9, retryable: false };
  const observed = { ...WROTE, sequence: 0, wrote: false };

  test('for the deadline: TIMEOUT, whichever clock was first', () => {
    const hall = new Hall();
    const outcome = hall.run({ timeoutMs: 100 });
    hall.clock.advance(200);
    // Nothing is left to wait for when the answer comes.
    hall.gate.committed(logIndex(2));
    hall.answer({ observed, end: { kind: 'failed', failure, results: [] } });
    expect(outcome.result).toMatchObject({
      failure: { code: 'TIMEOUT', outcome: 'rolled-back', retryable: true },
    });
  });

  test('by the client: SQLITE_INTERRUPT', () => {
    const hall = new Hall();
    const outcome = hall.run({ timeoutMs: 100 });
    hall.answer({ observed, end: { kind: 'failed', failure, results: [] } });
    hall.gate.committed(logIndex(2));
    expect(outcome.result).toMatchObject({ failure: { code: 'SQLITE_INTERRUPT' } });
  });
});

describe('a failed write tells its outcome', () => {
  const BUSY = { code: 'WRITE_QUEUE_TIMEOUT', message: 'locked', rawCode: 5, retryable: true };
  const observed = { ...WROTE, sequence: 0, wrote: false };

  test.each([
    BUSY,
    { ...BUSY, code: 'WRITE_QUEUE_FULL' },
    { code: 'LEADERSHIP_TRANSFER', message: 'handed over', rawCode: 10506, retryable: true },
    { code: 'SQLITE_CONSTRAINT', message: 'not null', rawCode: 1299, retryable: false },
  ])('$code: rolled back', (failure) => {
    const hall = new Hall();
    const outcome = hall.run({});
    hall.answer({ observed, end: { kind: 'failed', failure, results: [] } });
    hall.gate.committed(logIndex(2));
    expect(outcome.result).toMatchObject({
      failure: { code: failure.code, outcome: 'rolled-back' },
    });
  });

  test('a script that fails in the middle: that of the statement that failed, and how many stay in effect', () => {
    const hall = new Hall();
    const sql = 'insert into t values(1); insert into u values(2)';
    const outcome = hall.run({ work: { action: 'script', sql, parameters: [], rows: 'drop' } });
    const failure = {
      code: 'SQLITE_ERROR',
      message: 'no such table: u',
      rawCode: 1,
      statementIndex: 1,
      retryable: false,
    };
    hall.answer({ observed: WROTE, end: { kind: 'failed', failure, results: [ONE] } });
    hall.publish();
    expect(outcome.result).toMatchObject({
      results: [ONE],
      failure: {
        code: 'SQLITE_ERROR',
        outcome: 'rolled-back',
        statementIndex: 1,
        retryable: false,
      },
    });
  });

  test('nothing is said of a statement whose transaction goes on, nor of one in a transaction that had ended before', () => {
    const hall = new Hall();
    const session = hall.desk.openSession({
      readOnly: false,
      transactionIdleMs: 0,
      transactionTotalMs: 0,
      lost: () => undefined,
    });
    const results: RequestResult[] = [];
    const sink = {
      rows: () => undefined,
      end: (result: RequestResult) => void results.push(result),
    };
    const failing = (code: string, state: Answer['state']): void => {
      session.submit(request('insert into t values(1)', {}), sink);
      const failure = { ...BUSY, code };
      hall.answer({ observed, end: { kind: 'failed', failure, results: [] } }, state);
    };
    hall.gate.committed(logIndex(2));
    failing('SQLITE_CONSTRAINT', { transaction: 'write', aborted: false, home: true });
    failing('TX_ABORTED', { transaction: 'none', aborted: true, home: true });
    expect(results.map((result) => result.kind === 'failed' && result.failure.outcome)).toEqual([
      undefined,
      undefined,
    ]);
  });

  test('a request that no thread had when its time was over or it was interrupted has done nothing', () => {
    const hall = new Hall();
    const outcome = hall.run({});
    hall.desk.stop();
    expect(outcome.result).toMatchObject({ failure: { outcome: 'unknown' } });
    const after = hall.run({});
    expect(after.result).toMatchObject({
      failure: { code: 'NODE_STOPPED', outcome: 'rolled-back' },
    });
  });
});

describe('a reader on the own thread', () => {
  const done = { kind: 'done', results: [] } as const;
  const seen = { kind: 'published', index: logIndex(1) } as const;
  const read = request('select 1', { consistency: 'local' });

  function decline(hall: Hall): void {
    const [submit] = hall.toBrief;
    if (submit.kind !== 'submit') throw new Error('nothing was submitted');
    const state = { transaction: 'none', aborted: false, home: false } as const;
    const { request: number } = submit;
    const end = { kind: 'redirect' } as const;
    const answer = { kind: 'answer', session: 0, request: number, rows: [], state } as const;
    hall.desk.answer({ ...answer, observed: seen, end });
  }

  test('has each query first; what it declines goes to another reader and ends there', () => {
    const hall = new Hall(true);
    const outcome = hall.run(read);
    expect(hall.posted).toEqual([]);
    decline(hall);
    expect(hall.posted.map(({ kind }) => kind)).toEqual(['submit']);
    hall.answer({ observed: seen, end: done });
    expect(outcome.result?.kind).toBe('done');
    expect(hall.toBrief).toHaveLength(1);
    // The same text again goes there at once, another one does not.
    hall.run(read);
    expect([hall.toBrief.length, hall.posted.length]).toEqual([1, 2]);
    hall.run(request('select 2', { consistency: 'local' }));
    expect(hall.toBrief).toHaveLength(2);
    // What was too long at that moment may not be for ever.
    for (let i = 0; i < 64; i++) hall.run(read);
    expect(hall.toBrief).toHaveLength(3);
  });

  test('what was interrupted meanwhile goes nowhere else', () => {
    const hall = new Hall(true);
    const outcome = hall.run(read);
    outcome.running.interrupt();
    decline(hall);
    expect(hall.posted).toEqual([]);
    expect(outcome.result).toMatchObject({ failure: { code: 'SQLITE_INTERRUPT' } });
  });

  test('has neither batches nor scripts', () => {
    const hall = new Hall(true);
    hall.run({ ...read, work: { action: 'batch', mode: 'read', statements: packed([]) } });
    expect(hall.toBrief).toEqual([]);
    expect(hall.posted).toHaveLength(1);
  });
});
