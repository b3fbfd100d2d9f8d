import { describe, expect, test } from 'vitest';
import { packed } from '../../test/support/batches.ts';
import { HELLO_WORD, SessionHarness, settle } from '../../test/support/session-harness.ts';
import { logIndex, QuorateError } from '../base/index.ts';
import { sha256 } from '../net/index.ts';
import {
  type ExtensionRequest,
  ExtensionRowsWriter,
  type ExtensionRun,
  encodeClientRequest,
  encodeExtensionRequest,
} from '../wire/index.ts';

function run(request: number, part: Partial<ExtensionRun> = {}): ExtensionRequest {
  return {
    type: 'run',
    request,
    stream: 0,
    deadlineMs: 0,
    consistency: 'linearizable',
    kind: 'statement',
    mode: 'write',
    minimumIndex: logIndex(0),
    maxStalenessMs: undefined,
    maxStalenessEntries: undefined,
    declaration: '',
    database: 'db',
    statements: [{ sql: 'SELECT 1', parameters: { kind: 'positional', values: [] } }],
    ...part,
  };
}

const openStream = (request: number, stream: number): ExtensionRequest => ({
  type: 'open-stream',
  request,
  stream,
  readOnly: false,
  idleMs: 0,
  totalMs: 7_000,
  database: 'streamed',
});

function batch(more: boolean): Uint8Array {
  const writer = new ExtensionRowsWriter();
  writer.beginFirst(['x']);
  writer.beginRow();
  writer.integer(1n);
  return writer.end(more);
}

describe('Hello', () => {
  test('tells the node, its limits and the leader', () => {
    const at = SessionHarness.open({ requestsInFlightPerConnection: 9 }, '');
    at.ask({ type: 'hello', version: 1 });
    expect(at.answers()).toEqual([
      {
        type: 'hello',
        version: 1,
        nodeId: 1n,
        address: '127.0.0.1:9711',
        requestsInFlight: 9,
        batchesAhead: 2,
      },
      { type: 'leader', id: 1n, address: '127.0.0.1:9711' },
    ]);
  });

  test('nothing of the extension works before it', () => {
    const at = SessionHarness.open({}, '');
    at.ask(run(1));
    expect(at.plain()).toMatchObject([{ type: 'failure', code: 1005 }]);
    expect(at.ended).toBeDefined();
    expect(at.node.calls.length).toBe(0);
  });

  test('another version is refused', () => {
    const at = SessionHarness.open({}, '');
    at.ask({ type: 'hello', version: 2 });
    expect(at.plain()).toMatchObject([{ type: 'failure', code: 1005 }]);
    expect(at.ended).toBeDefined();
  });

  test('a change of leader is told once', () => {
    const at = SessionHarness.extension();
    const leader = { id: 2n, address: 'b:2' };
    at.node.leader = leader;
    at.node.emit({ kind: 'leader', leader });
    at.node.emit({ kind: 'leader', leader });
    at.node.leader = undefined;
    at.node.emit({ kind: 'leader', leader: undefined });
    expect(at.answers()).toEqual([
      { type: 'leader', id: 2n, address: 'b:2' },
      { type: 'leader', id: 0n, address: '' },
    ]);
    at.session.close();
    expect(at.node.listeners).toBe(0);
  });

  test('plain requests work beside it', () => {
    const at = SessionHarness.extension();
    at.send({ type: 'leader' });
    expect(at.plain()).toEqual([{ type: 'server', id: 1n, address: '127.0.0.1:9711' }]);
  });
});

describe('Run', () => {
  test('everything of the request reaches the node', () => {
    const at = SessionHarness.extension();
    const statements = [
      { sql: 'INSERT', parameters: { kind: 'named', values: [['a', 1n]] } },
      { sql: 'SELECT', parameters: { kind: 'positional', values: ['x', null] } },
    ] as const;
    at.ask(
      run(5, {
        kind: 'batch',
        mode: 'deferred',
        consistency: 'session',
        deadlineMs: 250,
        minimumIndex: logIndex(88),
        statements,
      }),
    );
    expect(at.node.last.session).toBeUndefined();
    expect(at.node.last.request).toEqual({
      database: 'db',
      work: { action: 'batch', statements: packed(statements), mode: 'deferred' },
      format: 'extension',
      consistency: 'session',
      minimumIndex: 88,
      maxStalenessMs: undefined,
      maxStalenessEntries: undefined,
      declaration: '',
      timeoutMs: 250,
    });
    at.ask(run(6, { consistency: 'local', maxStalenessMs: 40, maxStalenessEntries: 3 }));
    expect(at.node.last.request).toMatchObject({
      work: { action: 'statement', rows: 'send', tail: 'refuse', surplus: 'refuse' },
      consistency: 'local',
      maxStalenessMs: 40,
      maxStalenessEntries: 3,
    });
  });

  test('a script takes no named parameters', () => {
    const at = SessionHarness.extension();
    const sql = 'INSERT; INSERT';
    at.ask(
      run(1, {
        kind: 'script',
        statements: [{ sql, parameters: { kind: 'named', values: [['a', 1n]] } }],
      }),
    );
    at.ask(
      run(2, {
        kind: 'script',
        statements: [{ sql, parameters: { kind: 'positional', values: [1n] } }],
      }),
    );
    expect(at.answers()).toMatchObject([{ type: 'failure', request: 1, code: 'BAD_PARAMETERS' }]);
    expect(at.node.last.request.work).toEqual({
      action: 'script',
      sql,
      parameters: [1n],
      rows: 'drop',
    });
  });

  test('many run at once and are answered in any order', () => {
    const at = SessionHarness.extension();
    for (let i = 1; i <= 20; i++) at.ask(run(i));
    expect(at.node.calls.length).toBe(20);
    at.node.calls[19].done(
      [{ rowsAffected: 2, lastInsertRowid: -5n, columns: ['x'], columnTypes: [''] }],
      true,
    );
    at.node.calls[0].done();
    expect(at.answers()).toEqual([
      {
        type: 'end',
        request: 20,
        index: 7,
        nodeId: 1n,
        inTransaction: true,
        results: [{ rowsAffected: 2, lastInsertRowid: -5n, columns: ['x'], columnTypes: [''] }],
      },
      expect.objectContaining({ type: 'end', request: 1, inTransaction: false }),
    ]);
  });

  test('batches carry the number of their statement; Credit reaches the node', () => {
    const at = SessionHarness.extension();
    at.ask(run(3, { kind: 'batch' }));
    const call = at.node.last;
    for (const more of [true, false, false]) call.rows(batch(more));
    at.ask({ type: 'credit', request: 3, batches: 2 });
    at.ask({ type: 'credit', request: 99, batches: 2 });
    expect(call.credits).toBe(2);
    expect(
      at.answers().map((answer) => (answer.type === 'rows' ? answer.statementIndex : -1)),
    ).toEqual([0, 0, 1]);
  });

  test('a client that takes everything and reads nothing gets no more than the connection takes', () => {
    const at = SessionHarness.extension();
    at.ask(run(3));
    const call = at.node.last;
    at.ask({ type: 'credit', request: 3, batches: 1_000_000 });
    expect(call.credits).toBe(4);
    at.buffered = 10_000_000;
    for (let i = 0; i < 6; i++) call.rows(batch(true));
    expect(call.credits).toBe(4);
    at.buffered = 0;
    at.session.drained();
    expect(call.credits).toBe(8);
    call.rows(batch(true));
    expect(call.credits).toBe(9);
  });

  test('a failure is told whole', () => {
    const at = SessionHarness.extension();
    at.ask(run(3));
    at.node.last.fail(
      {
        code: 'SQLITE_CONSTRAINT',
        message: 'UNIQUE',
        rawCode: 2067,
        extendedCode: 'SQLITE_CONSTRAINT_UNIQUE',
        offset: 4,
        statementIndex: 1,
        retryable: true,
        outcome: 'rolled-back',
        leader: 'b:2',
      },
      [{ rowsAffected: 1 }],
    );
    expect(at.answers()).toEqual([
      {
        type: 'failure',
        request: 3,
        code: 'SQLITE_CONSTRAINT',
        message: 'UNIQUE',
        rawCode: 2067,
        extendedCode: 'SQLITE_CONSTRAINT_UNIQUE',
        offset: 4,
        statementIndex: 1,
        retryable: true,
        outcome: 'rolled-back',
        leader: 'b:2',
        inTransaction: false,
        results: [{ rowsAffected: 1, lastInsertRowid: 0n, columns: [], columnTypes: [] }],
      },
    ]);
  });

  test('above the limit a request is refused, and nothing of it was done', () => {
    const at = SessionHarness.extension({ requestsInFlightPerConnection: 2 });
    for (const id of [1, 2, 3]) at.ask(run(id));
    expect(at.node.calls.length).toBe(2);
    expect(at.answers()).toMatchObject([
      { request: 3, code: 'TOO_MANY_REQUESTS', retryable: true, outcome: 'rolled-back' },
    ]);
    at.node.calls[0].done();
    at.ask(run(3));
    expect(at.node.calls.length).toBe(3);
  });

  test('an id that is in use ends the connection', () => {
    const at = SessionHarness.extension();
    at.ask(run(1));
    at.ask(run(1));
    expect(at.plain()).toMatchObject([{ type: 'failure', code: 1005 }]);
    expect(at.ended).toBeDefined();
    expect(at.node.last.interrupts).toBe(1);
  });

  test('Cancel interrupts; the answer still comes', () => {
    const at = SessionHarness.extension();
    at.ask(run(1));
    at.ask({ type: 'cancel', request: 1 });
    at.ask({ type: 'cancel', request: 1 });
    at.ask({ type: 'cancel', request: 42 });
    expect(at.node.last.interrupts).toBe(1);
    expect(at.answers()).toEqual([]);
    at.node.last.fail({ code: 'SQLITE_INTERRUPT' });
    expect(at.answers()).toMatchObject([{ request: 1, code: 'SQLITE_INTERRUPT' }]);
  });
});

describe('streams', () => {
  test('requests run one after another in the session of the stream', () => {
    const at = SessionHarness.extension();
    at.ask(openStream(1, 8));
    at.ask(run(2, { stream: 8 }));
    at.ask(run(3, { stream: 8 }));
    at.ask(run(4));
    const [session] = at.node.sessions;
    expect(session.options).toMatchObject({ transactionIdleMs: 5_000, transactionTotalMs: 7_000 });
    expect(at.node.calls.map((call) => call.session === session)).toEqual([true, false]);
    expect(at.node.calls[0].request.database).toBe('streamed');
    at.node.calls[0].done();
    expect(at.node.calls.length).toBe(3);
    at.node.calls[2].done();
    expect(at.answers().map((answer) => ('request' in answer ? answer.request : 0))).toEqual([
      1, 2, 3,
    ]);
  });

  test('Close comes after what was sent before it and rolls back', () => {
    const at = SessionHarness.extension();
    at.ask(openStream(1, 8));
    at.ask(run(2, { stream: 8 }));
    at.ask({ type: 'close-stream', request: 3, stream: 8 });
    at.ask(run(4, { stream: 8 }));
    expect(at.node.sessions[0].closed).toBe(false);
    at.node.last.done();
    expect(at.node.sessions[0].closed).toBe(true);
    expect(at.answers()).toMatchObject([
      { type: 'end', request: 1 },
      { type: 'end', request: 2 },
      { type: 'end', request: 3 },
      { type: 'failure', request: 4, code: 'STREAM_NOT_FOUND', outcome: 'rolled-back' },
    ]);
    at.ask(run(5, { stream: 8 }));
    at.ask({ type: 'close-stream', request: 6, stream: 8 });
    expect(at.answers()).toMatchObject([
      { request: 5, code: 'STREAM_NOT_FOUND' },
      { type: 'end', request: 6 },
    ]);
  });

  test('Cancel of a request that waits takes it out', () => {
    const at = SessionHarness.extension();
    at.ask(openStream(1, 8));
    at.ask(run(2, { stream: 8 }));
    at.ask(run(3, { stream: 8 }));
    at.take();
    at.ask({ type: 'cancel', request: 3 });
    expect(at.answers()).toMatchObject([
      { request: 3, code: 'INTERRUPTED', outcome: 'rolled-back' },
    ]);
    at.node.last.done();
    expect(at.node.calls.length).toBe(1);
  });

  test('after the loss of leadership only Close works', () => {
    const at = SessionHarness.extension();
    at.ask(openStream(1, 8));
    at.ask(run(2, { stream: 8 }));
    at.ask(run(3, { stream: 8 }));
    at.node.sessions[0].options.lost();
    at.node.last.fail({ code: 'OUTCOME_UNKNOWN', outcome: 'unknown' });
    expect(at.answers()).toMatchObject([
      { request: 1 },
      { request: 2, code: 'OUTCOME_UNKNOWN' },
      { request: 3, code: 'TX_ABORTED', retryable: true, outcome: 'rolled-back' },
    ]);
    at.ask({ type: 'close-stream', request: 4, stream: 8 });
    expect(at.answers()).toMatchObject([{ type: 'end', request: 4 }]);
    expect(at.node.sessions[0].closed).toBe(true);
  });

  test('streams are limited', () => {
    const at = SessionHarness.extension({ streamsPerConnection: 1 });
    at.ask(openStream(1, 8));
    at.ask(openStream(2, 9));
    expect(at.answers()).toMatchObject([{ type: 'end' }, { code: 'TOO_MANY_STREAMS' }]);
  });

  test('the end of the connection closes streams and ends what runs', () => {
    const at = SessionHarness.extension();
    at.ask(openStream(1, 8));
    at.ask(run(2, { stream: 8 }));
    at.ask(run(3));
    at.take();
    at.session.close();
    expect(at.node.sessions[0].closed).toBe(true);
    expect(at.node.calls.map(({ interrupts }) => interrupts)).toEqual([0, 1]);
    at.node.calls[1].rows(batch(false));
    at.node.calls[1].done();
    expect(at.take()).toEqual([]);
  });
});

describe('the rest', () => {
  test('Read index', async () => {
    const at = SessionHarness.extension();
    at.ask({ type: 'read-index', request: 1, deadlineMs: 0 });
    await settle();
    at.node.refusal = new QuorateError('NOT_LEADER', 'not leader', {
      leader: 'b:2',
      retryable: true,
    });
    at.ask({ type: 'read-index', request: 2, deadlineMs: 30 });
    await settle();
    expect(at.node.changes).toEqual(['read-index 10000', 'read-index 30']);
    expect(at.answers()).toMatchObject([
      { type: 'read-index', request: 1, index: 41 },
      { type: 'failure', request: 2, code: 'NOT_LEADER', leader: 'b:2', retryable: true },
    ]);
  });

  test('Describe', () => {
    const at = SessionHarness.extension();
    at.ask({ type: 'describe', request: 1, database: 'db', sql: 'SELECT :a' });
    expect(at.node.last.request.work).toEqual({ action: 'describe', sql: 'SELECT :a' });
    const description = {
      parameters: [':a'],
      columns: [':a'],
      columnTypes: [''],
      readonly: true,
      tail: 9,
    };
    at.node.last.end({ kind: 'described', description: { ...description, tailEmpty: true } });
    expect(at.answers()).toEqual([{ type: 'description', request: 1, description }]);
  });

  test('Status is JSON, with large ids as texts', () => {
    const at = SessionHarness.extension();
    at.node.members = [{ id: 2n ** 63n, address: 'x:1', role: 'voter' }];
    at.ask({ type: 'status', request: 1 });
    const [status] = at.answers();
    if (status.type !== 'status') throw new Error(status.type);
    expect(JSON.parse(status.json)).toMatchObject({
      id: 1,
      role: 'leader',
      members: [{ id: '9223372036854775808', address: 'x:1', role: 'voter' }],
    });
  });

  test('Digest is that of all pages; an unknown database is a failure', async () => {
    const at = SessionHarness.extension();
    const image = new Uint8Array(5 * 4096).map((_, i) => i % 251);
    at.node.images.set('db', image);
    at.ask({ type: 'digest', request: 1, database: 'db' });
    at.ask({ type: 'digest', request: 2, database: 'other' });
    await settle();
    const hash = sha256();
    hash.update(image);
    const answers = at.answers();
    expect(answers).toHaveLength(2);
    expect(answers).toContainEqual({
      type: 'digest',
      request: 1,
      index: 9,
      pages: 5,
      sha256: hash.digest(),
    });
    expect(answers).toContainEqual(
      expect.objectContaining({ request: 2, code: 'DATABASE_NOT_FOUND' }),
    );
  });

  test('a malformed message is answered with a plain Failure and ends the connection', () => {
    const at = SessionHarness.extension();
    const message = encodeExtensionRequest(run(1)).slice();
    message[8 + 20] = 9;
    at.session.receive(message);
    expect(at.plain()).toMatchObject([{ type: 'failure', code: 1005 }]);
    expect(at.ended).toBeDefined();
    at.session.receive(encodeClientRequest({ type: 'leader' }));
    expect(at.take()).toEqual([]);
  });

  test('both protocols survive being fed byte by byte', () => {
    const at = SessionHarness.open({}, '');
    const bytes = [
      ...encodeExtensionRequest({ type: 'hello', version: 1 }),
      ...encodeExtensionRequest(run(1)),
      ...encodeClientRequest({ type: 'leader' }),
    ];
    for (const byte of bytes) at.session.receive(new Uint8Array([byte]));
    expect(at.node.calls.length).toBe(1);
    expect(at.take().map(({ type }) => type)).toEqual([32, 40, 1]);
    expect(HELLO_WORD.length).toBe(8);
  });

  test('before a planned end new requests are sent elsewhere, and what has begun is answered', () => {
    const at = SessionHarness.extension();
    at.ask(openStream(1, 7));
    at.ask(run(2));
    at.answers();
    expect(at.session.idle).toBe(false);
    at.session.refuse();
    at.ask(run(3));
    at.ask(run(4, { stream: 7 }));
    expect(at.answers()).toMatchObject([
      {
        type: 'failure',
        request: 3,
        code: 'NODE_STOPPED',
        retryable: true,
        outcome: 'rolled-back',
      },
    ]);
    for (const call of at.node.calls) call.done();
    expect(at.answers().map((answer) => ('request' in answer ? answer.request : 0))).toEqual([
      2, 4,
    ]);
    expect(at.session.idle).toBe(true);
  });
});
