import { describe, expect, test } from 'vitest';
import { HELLO_WORD, SessionHarness, settle } from '../../test/support/session-harness.ts';
import { QuorateError } from '../base/index.ts';
import { encodeClientRequest, RowSetWriter } from '../wire/index.ts';

const query = (sql: string) =>
  ({ type: 'query-sql', schema: 0, db: 0n, sql, parameters: [] }) as const;
const exec = (sql: string) =>
  ({ type: 'exec-sql', schema: 0, db: 0n, sql, parameters: [] }) as const;
const interrupt = { type: 'interrupt', db: 0n } as const;
const leader = { type: 'leader' } as const;

function batch(more: boolean): Uint8Array {
  const writer = new RowSetWriter();
  writer.beginFirst(['x'], ['']);
  writer.beginRow();
  writer.integer(1n);
  return writer.end(more);
}

const failed = (code: number, message: string) => [{ type: 'failure', code, message }];

describe('what a plain request asks of the node', () => {
  test('reads and writes are linearizable and without deadline', () => {
    const at = SessionHarness.open();
    at.send(query('SELECT 1'));
    expect(at.node.last.request).toEqual({
      database: 'test.db',
      work: {
        action: 'statement',
        statement: { sql: 'SELECT 1', parameters: { kind: 'positional', values: [] } },
        rows: 'send',
        tail: 'refuse',
        surplus: 'refuse',
      },
      format: 'dqlite',
      consistency: 'linearizable',
      minimumIndex: 0,
      maxStalenessMs: undefined,
      maxStalenessEntries: undefined,
      declaration: '',
      timeoutMs: 0,
    });
    expect(at.node.sessions.length).toBe(1);
    expect(at.node.last.session).toBe(at.node.sessions[0]);
  });

  test('where the node promises a lease, that; the extension says itself what it wants', () => {
    const at = SessionHarness.open({}, 'test.db', 'lease');
    at.send(query('SELECT 1'));
    expect(at.node.last.request.consistency).toBe('lease');
    const own = new SessionHarness(undefined, {}, 'lease');
    own.session.receive(HELLO_WORD);
    own.ask({ type: 'hello', version: 1 });
    own.take();
    own.ask({ type: 'describe', request: 1, database: 'test.db', sql: 'SELECT 1' });
    expect(own.node.last.request.consistency).toBe('linearizable');
  });

  test('a prepared statement is its own text without what follows it', () => {
    const at = SessionHarness.open();
    at.send({ type: 'prepare', schema: 1, db: 0n, sql: "SELECT 'é€' ; SELECT 2" });
    at.node.last.end({
      kind: 'described',
      description: {
        parameters: ['', ''],
        columns: [],
        columnTypes: [],
        readonly: true,
        tail: 16,
        tailEmpty: false,
      },
    });
    expect(at.plain()).toEqual([{ type: 'stmt', db: 0, statement: 0, parameters: 2, tail: 16 }]);
    at.send({ type: 'exec', schema: 0, db: 0, statement: 0, parameters: [5n] });
    expect(at.node.last.request.work).toEqual({
      action: 'statement',
      statement: { sql: "SELECT 'é€' ;", parameters: { kind: 'positional', values: [5n] } },
      rows: 'refuse',
      tail: 'ignore',
      surplus: 'ignore',
    });
    at.node.last.done();
    at.send({ type: 'query', schema: 1, db: 0, statement: 0, parameters: [] });
    expect(at.node.last.request.work).toMatchObject({ rows: 'send', surplus: 'refuse' });
  });

  test('parameters that cannot be decoded are refused as C does', () => {
    const at = SessionHarness.open();
    for (const [type, expected] of [
      [8, failed(1, 'bind parameters')],
      [9, failed(10, 'leader exec failed')],
    ] as const) {
      const good = encodeClientRequest({ ...query('SELECT ?'), parameters: [1n] });
      good[4] = type;
      good[good.length - 15] = 77;
      at.session.receive(good);
      expect(at.plain()).toEqual(expected);
    }
    expect(at.node.calls.length).toBe(0);
  });
});

describe('order', () => {
  test('requests of one connection run one after another; answers keep the order', () => {
    const at = SessionHarness.open();
    at.send(exec('a'));
    at.send(exec('b'));
    at.send(leader);
    expect(at.node.calls.length).toBe(1);
    expect(at.plain()).toEqual([]);
    at.node.calls[0].done([{ rowsAffected: 3, lastInsertRowid: 9n }]);
    expect(at.node.calls.length).toBe(2);
    expect(at.plain()).toEqual([{ type: 'result', lastInsertRowid: 9n, rowsAffected: 3n }]);
    at.node.calls[1].done([]);
    expect(at.plain()).toEqual([
      { type: 'result', lastInsertRowid: 9n, rowsAffected: 3n },
      { type: 'server', id: 1n, address: '127.0.0.1:9711' },
    ]);
  });

  test('membership changes hold what follows until they are done', async () => {
    const at = SessionHarness.open();
    at.send({ type: 'add', id: 2n, address: 'b:1' });
    at.send(leader);
    expect(at.plain()).toEqual([]);
    await settle();
    expect(at.plain().map(({ type }) => type)).toEqual(['empty', 'server']);
    expect(at.node.changes).toEqual(['add 2 b:1']);
  });

  test('a full queue stops reading, an empty one goes on', () => {
    const at = SessionHarness.open();
    expect(at.session.reading).toBe(true);
    for (let i = 0; i < 65; i++) at.send(exec(`${i}`));
    expect(at.session.reading).toBe(false);
    for (let i = 0; i < 65; i++) at.node.calls[i].done();
    expect(at.session.reading).toBe(true);
    expect(at.plain().length).toBe(65);
  });

  test('nothing starts while the client does not take its answers', () => {
    const at = SessionHarness.open();
    at.buffered = 10 * 1024 * 1024;
    at.send(exec('a'));
    expect(at.node.calls.length).toBe(0);
    expect(at.session.reading).toBe(false);
    at.buffered = 0;
    at.session.drained();
    expect(at.node.calls.length).toBe(1);
  });
});

describe('rows', () => {
  test('batches leave as they come; credit follows while the client takes them', () => {
    const at = SessionHarness.open();
    at.send(query('SELECT x'));
    at.node.last.rows(batch(true));
    expect(at.node.last.credits).toBe(1);
    at.buffered = 10 * 1024 * 1024;
    at.node.last.rows(batch(true));
    expect(at.node.last.credits).toBe(1);
    at.buffered = 0;
    at.session.drained();
    expect(at.node.last.credits).toBe(2);
    at.node.last.rows(batch(false));
    at.node.last.done();
    expect(at.plain().map(({ type }) => type)).toEqual(['rows', 'rows', 'rows']);
  });

  test('a statement without columns gets an empty row set', () => {
    const at = SessionHarness.open();
    at.send(query('DELETE FROM t'));
    at.node.last.done();
    const [rows] = at.plain();
    expect(rows).toEqual({
      type: 'rows',
      body: new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
    });
  });

  test('a failure after some rows is a clean Failure', () => {
    const at = SessionHarness.open();
    at.send(query('SELECT x'));
    at.node.last.rows(batch(true));
    at.node.last.fail({ dqliteCode: 4, message: 'snapshot too old' });
    const [rows, end] = at.plain();
    expect(rows.type).toBe('rows');
    expect(end).toEqual({ type: 'failure', code: 4, message: 'snapshot too old' });
  });
});

describe('Interrupt', () => {
  test('an idle connection answers Empty', () => {
    const at = SessionHarness.open();
    at.send(interrupt);
    expect(at.plain()).toEqual([{ type: 'empty' }]);
  });

  test('a running query ends, and gives exactly one Empty', () => {
    const at = SessionHarness.open();
    at.send(query('SELECT x'));
    at.node.last.rows(batch(true));
    expect(at.plain().length).toBe(1);
    at.send(interrupt);
    expect(at.node.last.interrupts).toBe(1);
    at.node.last.rows(batch(true));
    expect(at.plain()).toEqual([]);
    at.node.last.fail({ dqliteCode: 9, message: 'interrupted' });
    expect(at.plain()).toEqual([{ type: 'empty' }]);
    at.send(query('SELECT 1'));
    expect(at.node.calls.length).toBe(2);
  });

  test('a running Exec is answered, then the Interrupt', () => {
    const at = SessionHarness.open();
    at.send(exec('UPDATE t SET x = 1'));
    at.send(interrupt);
    expect(at.node.last.interrupts).toBe(1);
    at.node.last.done([{ rowsAffected: 2 }]);
    expect(at.plain().map(({ type }) => type)).toEqual(['result', 'empty']);
  });

  test('it does not reach over requests that wait before it', () => {
    const at = SessionHarness.open();
    at.send(exec('a'));
    at.send(exec('b'));
    at.send(interrupt);
    expect(at.node.calls[0].interrupts).toBe(0);
  });
});

describe('what a plain client says of its code', () => {
  test('stands in the vfs text of its Open; nothing stands for nothing', () => {
    const digits = '0123456789abcdef'.repeat(2);
    for (const [vfs, declaration] of [
      ['volatile', ''],
      ['', ''],
      [`volatile;q=${digits}`, digits],
      [`q=${digits};other=1`, digits],
    ]) {
      const at = SessionHarness.open({}, '');
      at.send({ type: 'open', name: 'a', flags: 0n, vfs });
      expect(at.plain()).toEqual([{ type: 'db', db: 0 }]);
      for (const request of [
        query('SELECT 1'),
        exec('SELECT 1'),
        { type: 'prepare', schema: 1, db: 0n, sql: 'SELECT 1' } as const,
      ]) {
        at.send(request);
        expect(at.node.last.request.declaration).toBe(declaration);
        at.node.last.fail({});
      }
    }
  });

  test('a mistake in it opens nothing', () => {
    const at = SessionHarness.open({}, '');
    at.send({ type: 'open', name: 'a', flags: 0n, vfs: 'volatile;q=7' });
    expect(at.plain()).toMatchObject([{ type: 'failure', code: 1 }]);
    at.send(exec('x'));
    expect(at.plain()).toEqual(failed(12, 'no database opened'));
  });
});

describe('checks and failures', () => {
  test('the leader check comes first, then database, then statement', () => {
    const at = SessionHarness.open({}, '');
    at.node.leading = false;
    at.send({ type: 'open', name: 'a', flags: 0n, vfs: '' });
    at.send(exec('x'));
    at.send({ type: 'finalize', db: 0, statement: 0 });
    expect(at.plain()).toEqual([
      ...failed(10250, 'not leader'),
      ...failed(10250, 'not leader'),
      ...failed(12, 'no database opened'),
    ]);
    at.node.leading = true;
    at.send(exec('x'));
    at.send({ type: 'open', name: 'a', flags: 0n, vfs: '' });
    at.send({ ...exec('x'), db: 1n });
    at.send({ type: 'exec', schema: 0, db: 0, statement: 3, parameters: [] });
    expect(at.plain()).toEqual([
      ...failed(12, 'no database opened'),
      { type: 'db', db: 0 },
      ...failed(12, 'no database opened'),
      ...failed(12, 'no statement with the given id'),
    ]);
  });

  test('schemas that do not exist', () => {
    const at = SessionHarness.open();
    for (const [type, expected] of [
      [4, failed(1, 'unrecognized schema version')],
      [5, failed(1005, 'unrecognized schema version')],
      [9, failed(1005, 'unrecognized schema version')],
      [0, failed(1005, 'unrecognized schema version')],
      [200, failed(1005, 'unrecognized request type')],
    ] as const) {
      const message = encodeClientRequest(query('SELECT 1'));
      message[4] = type;
      message[5] = 2;
      at.session.receive(message);
      expect(at.plain()).toEqual(expected);
    }
  });

  test.each(['', '.hidden', ':memory:', 'file:x?mode=memory', 'a/b', 'x\ny', 'é', 'n'.repeat(256)])(
    'a new database may not be called %j',
    (name) => {
      const at = SessionHarness.open({}, '');
      at.send({ type: 'open', name, flags: 0n, vfs: '' });
      const [answer] = at.plain();
      expect(answer).toMatchObject({ type: 'failure', code: 14 });
      if (name !== '' && name.length < 256) {
        at.node.databases = [name];
        at.send({ type: 'open', name, flags: 0n, vfs: '' });
        expect(at.plain()).toEqual([{ type: 'db', db: 0 }]);
      }
    },
  );

  test('the fate of a write reaches plain clients as S3 wants it', () => {
    const at = SessionHarness.open();
    for (const [failure, expected] of [
      [
        { dqliteCode: 10250, message: 'leadership lost, the transaction was rolled back' },
        failed(10250, 'not leader'),
      ],
      [{ dqliteCode: 10506, message: 'lost' }, failed(10506, 'leadership lost')],
      [{ dqliteCode: 10, message: 'outcome unknown' }, failed(10, 'outcome unknown')],
    ] as const) {
      at.send(exec('INSERT'));
      at.node.last.fail(failure);
      expect(at.plain()).toEqual(expected);
    }
  });

  test('counters of statements that stay in effect are remembered', () => {
    const at = SessionHarness.open();
    at.send(exec('INSERT; nonsense'));
    at.node.last.fail({}, [{ rowsAffected: 4, lastInsertRowid: -2n }]);
    at.send(exec(''));
    at.node.last.done([]);
    expect(at.plain()[1]).toEqual({ type: 'result', lastInsertRowid: -2n, rowsAffected: 4n });
  });

  test('prepared statements are limited', () => {
    const at = SessionHarness.open({ statementsPerConnection: 2 });
    const description = {
      parameters: [],
      columns: [],
      columnTypes: [],
      readonly: true,
      tail: 1,
      tailEmpty: true,
    };
    at.node.answer = (call) => call.end({ kind: 'described', description });
    for (let i = 0; i < 3; i++) at.send({ type: 'prepare', schema: 0, db: 0n, sql: 'x' });
    at.send({ type: 'finalize', db: 0, statement: 0 });
    at.send({ type: 'prepare', schema: 0, db: 0n, sql: 'x' });
    expect(
      at.plain().map((answer) => (answer.type === 'stmt' ? answer.statement : answer.type)),
    ).toEqual([0, 1, 'failure', 'empty', 0]);
  });

  test.each([
    ['NOT_LEADER', 10250, 'server is not the leader'],
    ['LEADERSHIP_LOST', 10506, 'server has lost leadership'],
    ['CHANGE_IN_PROGRESS', 5, 'a configuration change is already in progress'],
    ['NO_CONNECTION', 1, 'no connection to remote server available'],
    ['TRANSFER_FAILED', 1, 'leadership transfer failed'],
    ['MEMBER_NOT_FOUND', 1, 'from the node'],
    ['ANYTHING', 1, 'from the node'],
  ])('membership error %s', async (code, number, message) => {
    const at = SessionHarness.open();
    at.node.refusal = new QuorateError(code, 'from the node');
    at.send({ type: 'assign', id: 2n, role: 'spare' });
    await settle();
    expect(at.plain()).toEqual(failed(number, message));
  });

  test('node id 0 is refused where C stops the process', async () => {
    const at = SessionHarness.open();
    at.send({ type: 'add', id: 0n, address: 'a:1' });
    at.send({ type: 'transfer', id: 0n });
    await settle();
    expect(at.plain()).toEqual([...failed(1, 'server ID is not valid'), { type: 'empty' }]);
    expect(at.node.changes).toEqual(['transfer 0']);
  });

  test('Describe of an unknown format', () => {
    const at = SessionHarness.open();
    at.send({ type: 'describe', format: 1n });
    expect(at.plain()).toEqual(failed(15, 'bad format version'));
  });
});

describe('loss of leadership', () => {
  test('database and statements are gone, the socket stays', () => {
    const at = SessionHarness.open();
    at.node.sessions[0].options.lost();
    expect(at.node.sessions[0].closed).toBe(true);
    at.send(exec('x'));
    at.send({ type: 'open', name: 'test.db', flags: 0n, vfs: '' });
    expect(at.plain()).toEqual([...failed(12, 'no database opened'), { type: 'db', db: 0 }]);
    expect(at.node.sessions.length).toBe(2);
  });

  test('what runs is still answered by the node, then its session is closed', () => {
    const at = SessionHarness.open();
    at.send(exec('COMMIT'));
    at.node.sessions[0].options.lost();
    expect(at.node.sessions[0].closed).toBe(false);
    at.node.last.fail({ dqliteCode: 10, message: 'outcome unknown' });
    expect(at.plain()).toEqual(failed(10, 'outcome unknown'));
    expect(at.node.sessions[0].closed).toBe(true);
  });
});

describe('the end of a connection', () => {
  test('rolls back and says nothing more', async () => {
    const at = SessionHarness.open();
    at.send(query('SELECT x'));
    at.session.close();
    expect(at.node.sessions[0].closed).toBe(true);
    await settle();
    expect(at.take()).toEqual([]);
  });

  test('Connect hands over with the bytes that followed it', () => {
    const at = SessionHarness.open({}, '');
    const connect = encodeClientRequest({ type: 'connect', id: 5n, address: 'peer:9' });
    at.session.receive(new Uint8Array([...connect, 1, 2, 3]));
    expect(at.takenOver).toEqual({ id: 5n, address: 'peer:9', rest: new Uint8Array([1, 2, 3]) });
    expect(at.ended).toBeUndefined();
  });

  test('a Dump goes out in parts as fast as it is taken', async () => {
    const at = SessionHarness.open();
    at.node.images.set('big', new Uint8Array(40 * 4096).fill(3));
    at.buffered = 10 * 1024 * 1024;
    at.send({ type: 'dump', name: 'big' });
    at.buffered = 0;
    at.session.drained();
    await settle();
    at.send(leader);
    const [files, next] = at.plain();
    expect(next.type).toBe('server');
    if (files.type !== 'files') throw new Error(files.type);
    expect(files.files.map(({ name, bytes }) => [name, bytes.length])).toEqual([
      ['big', 40 * 4096],
      ['big-wal', 0],
    ]);
    expect(files.files[0].bytes.every((byte) => byte === 3)).toBe(true);
  });
});
