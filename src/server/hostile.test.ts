import { expect, test } from 'vitest';
import { SessionHarness } from '../../test/support/session-harness.ts';
import { LIMITS } from '../base/index.ts';
import { encodeMessageHeader } from '../wire/index.ts';

/* Requests that are well formed and mean nothing: a Failure, and the connection goes on. */

const FAILURE = { type: 'failure' };

function goesOn(at: SessionHarness): void {
  expect(at.ended).toBeUndefined();
  at.send({ type: 'leader' });
  expect(at.plain()).toMatchObject([{ type: 'server' }]);
}

test('TESTING 6: a parameter of type 77 cannot be bound', () => {
  const at = SessionHarness.open();
  const body = new Uint8Array([
    ...new Uint8Array(8),
    ...[65, 0, 0, 0, 0, 0, 0, 0],
    ...[1, 77, 0, 0, 0, 0, 0, 0],
    ...new Uint8Array(8),
  ]);
  at.session.receive(encodeMessageHeader(8, 0, body.length));
  at.session.receive(body);
  expect(at.plain()).toEqual([{ type: 'failure', code: 1, message: 'bind parameters' }]);
  goesOn(at);
});

test('TESTING 6: requests before Open', () => {
  const at = SessionHarness.open({}, '');
  const run = { db: 0n, sql: 'SELECT 1', schema: 0, parameters: [] } as const;
  at.send({ type: 'exec-sql', ...run });
  at.send({ type: 'query-sql', ...run });
  at.send({ type: 'prepare', ...run });
  at.send({ type: 'exec', schema: 0, db: 0, statement: 0, parameters: [] });
  at.send({ type: 'finalize', db: 0, statement: 0 });
  expect(at.plain()).toMatchObject([FAILURE, FAILURE, FAILURE, FAILURE, FAILURE]);
  expect(at.node.calls).toEqual([]);
  goesOn(at);
});

test('TESTING 6: a second Open is refused, the first database stays', () => {
  const at = SessionHarness.open();
  at.send({ type: 'open', name: 'other', flags: 0n, vfs: 'volatile' });
  expect(at.plain()).toMatchObject([FAILURE]);
  at.send({ type: 'exec-sql', schema: 0, db: 0n, sql: 'SELECT 1', parameters: [] });
  expect(at.node.last.request.database).toBe('test.db');
});

test('TESTING 6: ids of another connection and ids that nobody gave', () => {
  const mine = SessionHarness.open();
  const other = SessionHarness.open();
  other.node.answer = (call) => {
    call.end({
      kind: 'described',
      description: {
        ...{ parameters: [], columns: [], columnTypes: [], readonly: true },
        ...{ tail: 8, tailEmpty: true },
      },
    });
  };
  other.send({ type: 'prepare', schema: 0, db: 0n, sql: 'SELECT 1' });
  expect(other.plain()).toMatchObject([{ type: 'stmt', statement: 0 }]);
  for (const statement of [0, 1, 0xffff_ffff]) {
    mine.send({ type: 'exec', schema: 0, db: 0, statement, parameters: [] });
    mine.send({ type: 'query', schema: 0, db: 0, statement, parameters: [] });
  }
  mine.send({ type: 'query-sql', schema: 0, db: 7n, sql: 'SELECT 1', parameters: [] });
  expect(new Set(mine.plain().map(({ type }) => type))).toEqual(new Set(['failure']));
  expect(mine.node.calls).toEqual([]);
  goesOn(mine);
});

test('a stream cannot ask to hold the write slot for longer than the limit of a transaction', () => {
  const at = SessionHarness.extension();
  const open = { type: 'open-stream', readOnly: false, database: 'test' } as const;
  at.ask({ ...open, request: 1, stream: 1, idleMs: 0xffff_ffff, totalMs: 0xffff_ffff });
  at.ask({ ...open, request: 2, stream: 2, idleMs: 0, totalMs: 0 });
  at.ask({ ...open, request: 3, stream: 3, idleMs: 20_000, totalMs: 10_000 });
  const { transactionIdleMs, transactionTotalMs } = LIMITS;
  expect(
    at.node.sessions.map(({ options }) => [options.transactionIdleMs, options.transactionTotalMs]),
  ).toEqual([
    [transactionTotalMs, transactionTotalMs],
    [transactionIdleMs, transactionTotalMs],
    [10_000, 10_000],
  ]);
});
