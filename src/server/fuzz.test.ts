import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HELLO_WORD, SessionHarness, settle } from '../../test/support/session-harness.ts';
import { logIndex } from '../base/index.ts';
import {
  encodeClientRequest,
  encodeExtensionRequest,
  encodeMessageHeader,
  RowSetWriter,
} from '../wire/index.ts';

/** Requests of every type, to be damaged. */
const GOOD: readonly Uint8Array[] = [
  encodeClientRequest({ type: 'leader' }),
  encodeClientRequest({ type: 'open', name: 'a', flags: 0n, vfs: 'volatile' }),
  encodeClientRequest({ type: 'prepare', schema: 1, db: 0n, sql: 'SELECT ?' }),
  encodeClientRequest({
    type: 'exec',
    schema: 0,
    db: 0,
    statement: 0,
    parameters: [1n, 'x', new Uint8Array(9), null, 1.5],
  }),
  encodeClientRequest({ type: 'query', schema: 1, db: 0, statement: 0, parameters: [2n ** 62n] }),
  encodeClientRequest({
    type: 'query-sql',
    schema: 0,
    db: 0n,
    sql: 'SELECT 1',
    parameters: ['long text of a parameter'],
  }),
  encodeClientRequest({ type: 'interrupt', db: 0n }),
  encodeClientRequest({ type: 'add', id: 3n, address: 'c:3' }),
  encodeClientRequest({ type: 'assign', id: 3n, role: 'voter' }),
  encodeClientRequest({ type: 'dump', name: 'a' }),
  encodeClientRequest({ type: 'cluster', format: 1n }),
  encodeClientRequest({ type: 'describe', format: 0n }),
  encodeExtensionRequest({ type: 'hello', version: 1 }),
  encodeExtensionRequest({
    type: 'run',
    request: 1,
    stream: 0,
    deadlineMs: 5,
    consistency: 'local',
    kind: 'batch',
    mode: 'read',
    minimumIndex: logIndex(4),
    maxStalenessMs: 1,
    maxStalenessEntries: undefined,
    declaration: '',
    database: 'a',
    statements: [
      { sql: 'SELECT 1', parameters: { kind: 'named', values: [['a', new Uint8Array(5)]] } },
      { sql: 'SELECT 2', parameters: { kind: 'positional', values: [1, 2.5, 'x', null] } },
    ],
  }),
  encodeExtensionRequest({
    type: 'open-stream',
    request: 2,
    stream: 1,
    readOnly: true,
    idleMs: 1,
    totalMs: 1,
    database: 'a',
  }),
  encodeExtensionRequest({ type: 'cancel', request: 1 }),
  encodeExtensionRequest({ type: 'credit', request: 1, batches: 1 }),
  encodeExtensionRequest({ type: 'digest', request: 3, database: 'a' }),
];

/** A node that answers everything at once. */
function answering(): SessionHarness {
  const harness = new SessionHarness();
  harness.node.answer = (call) => {
    if (call.request.work.action === 'describe') {
      call.end({
        kind: 'described',
        description: {
          parameters: [],
          columns: [],
          columnTypes: [],
          readonly: true,
          tail: 0,
          tailEmpty: true,
        },
      });
      return;
    }
    if (call.request.format === 'dqlite') {
      const writer = new RowSetWriter();
      writer.beginFirst([], []);
      call.rows(writer.end(false));
    }
    call.done();
  };
  return harness;
}

describe('whatever comes, the session neither throws nor hangs', () => {
  test('random bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const at = answering();
        at.session.receive(HELLO_WORD);
        for (const chunk of chunks) at.session.receive(chunk);
        at.session.close();
      }),
      { numRuns: 500 },
    );
  });

  test('random bodies under every header', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 3 }),
        fc.uint8Array({ minLength: 8, maxLength: 256 }),
        (type, schema, bytes) => {
          const body = bytes.subarray(0, bytes.length - (bytes.length % 8));
          const at = answering();
          at.session.receive(HELLO_WORD);
          at.session.receive(encodeExtensionRequest({ type: 'hello', version: 1 }));
          at.session.receive(encodeMessageHeader(type, schema, body.length));
          at.session.receive(body);
          at.session.close();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('damaged requests; an undamaged one after them is answered while the connection lives', async () => {
    const damage = fc.tuple(fc.nat(GOOD.length - 1), fc.nat(400), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 12 }), async (damages) => {
        const at = answering();
        at.session.receive(HELLO_WORD);
        for (const [index, position, value] of damages) {
          const bytes = GOOD[index].slice();
          // The length stays: what it can do wrong is in "framing".
          const offset = 4 + (position % (bytes.length - 4));
          bytes[offset] = value;
          at.session.receive(bytes);
        }
        await settle();
        at.take();
        at.session.receive(encodeClientRequest({ type: 'leader' }));
        await settle();
        const alive = at.ended === undefined && at.takenOver === undefined;
        expect(at.take().map(({ type }) => type)).toEqual(alive ? [1] : []);
        at.session.close();
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('framing', () => {
  test.each([
    ['no words', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['2^32 − 1 words', [255, 255, 255, 255, 0, 0, 0, 0]],
    ['4 GiB − 8', [255, 255, 255, 31, 0, 0, 0, 0]],
    ['one word above the limit', [0, 0, 128, 0, 0, 0, 0, 0]],
  ])('%s: the connection ends before anything is allocated', (_name, header) => {
    const at = SessionHarness.open();
    at.session.receive(new Uint8Array(header));
    expect(at.ended).toBeDefined();
    expect(at.node.sessions[0].closed).toBe(true);
  });

  test.each([
    ['unterminated text', 15, new Uint8Array(8).fill(65)],
    ['open without its fields', 3, new Uint8Array([97, 0, 0, 0, 0, 0, 0, 0])],
    [
      '255 parameters without types',
      9,
      new Uint8Array([...new Uint8Array(8), 65, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0]),
    ],
    [
      'a tuple cut short',
      9,
      new Uint8Array([...new Uint8Array(8), 65, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]),
    ],
  ])('%s: closed without an answer', (_name, type, body) => {
    const at = SessionHarness.open();
    at.session.receive(encodeMessageHeader(type, 0, body.length));
    at.session.receive(body);
    expect(at.ended).toBeDefined();
    expect(at.take()).toEqual([]);
  });

  test('a blob of 2^62 bytes is a parameter that cannot be bound', () => {
    const at = SessionHarness.open();
    const body = new Uint8Array([
      ...new Uint8Array(8),
      ...[65, 0, 0, 0, 0, 0, 0, 0],
      ...[1, 4, 0, 0, 0, 0, 0, 0],
      ...[0, 0, 0, 0, 0, 0, 0, 64],
    ]);
    at.session.receive(encodeMessageHeader(8, 0, body.length));
    at.session.receive(body);
    expect(at.plain()).toEqual([{ type: 'failure', code: 1, message: 'bind parameters' }]);
  });

  test.each([[[2, 0, 0, 0, 0, 0, 0, 0]], [[0, 0, 0, 0, 0, 0, 0, 0]], [[1, 0, 0, 0, 0, 0, 0, 1]]])(
    'protocol version %j ends the connection',
    (word) => {
      const at = new SessionHarness();
      at.session.receive(new Uint8Array(word));
      expect(at.ended).toBeDefined();
    },
  );
});
