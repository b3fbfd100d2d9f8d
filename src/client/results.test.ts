import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeCluster } from '../../test/fakes/fake-cluster.ts';
import { result, rowBatch } from '../../test/fakes/fake-server.ts';
import { QuorateError, type Value } from '../base/index.ts';
import { parameterNames } from './parameter-names.ts';
import { mayCommit, surelyReadOnly } from './read-only.ts';
import { rowFactory } from './rows.ts';
import type { InValue } from './types.ts';
import { toParameters, toValue } from './values.ts';

test('rows have columns by name and by index', () => {
  const row = rowFactory(['id', 'name'])([7, 'lamp']);
  expect({ ...row }).toEqual({ id: 7, name: 'lamp' });
  expect(Object.keys(row)).toEqual(['id', 'name']);
  expect([row[0], row[1], row.length]).toEqual([7, 'lamp', 2]);
  expect(Array.from(row)).toEqual([7, 'lamp']);
  expect(JSON.stringify(row)).toBe('{"id":7,"name":"lamp"}');
});

test('odd column names hide neither index nor length', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('length', '0', '1', '7', 'a', 'a', '__proto__', 'toString', ''), {
        minLength: 1,
        maxLength: 6,
      }),
      (columns) => {
        const values = columns.map((_, i) => i * 10);
        const row = rowFactory(columns)(values);
        expect(row.length).toBe(columns.length);
        expect(values.map((_, i) => row[i])).toEqual(values);
        for (const [i, name] of columns.entries()) {
          const index = Number(name);
          const hidden = name === 'length' || (name !== '' && index < columns.length);
          if (hidden) expect(Object.hasOwn(row, name)).toBe(false);
          else expect(row[name]).toBe(columns.indexOf(name) * 10);
          expect(i).toBeGreaterThanOrEqual(0);
        }
      },
    ),
  );
});

test('parameters become SQL values', () => {
  const buffer = new Uint8Array([1, 2]).buffer;
  const date = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
  expect([true, false, date, buffer, null, 'x', 2n ** 63n - 1n].map((x) => toValue(x))).toEqual([
    1,
    0,
    '2026-01-02T03:04:05.006Z',
    new Uint8Array([1, 2]),
    null,
    'x',
    2n ** 63n - 1n,
  ]);
  expect(toParameters({ a: 1, ':b': true })).toEqual({
    kind: 'named',
    values: [
      ['a', 1],
      [':b', 1],
    ],
  });
});

test.each([
  [Number.NaN, 'INVALID_ARGUMENT'],
  [new Date(Number.NaN), 'INVALID_ARGUMENT'],
  [2n ** 63n, 'INTEGER_RANGE'],
  [-(2n ** 63n) - 1n, 'INTEGER_RANGE'],
  [undefined, 'INVALID_ARGUMENT'],
  [{}, 'INVALID_ARGUMENT'],
  [Symbol('x'), 'INVALID_ARGUMENT'],
])('%s is refused as parameter', (value, code) => {
  let thrown: unknown;
  try {
    // What callers without types may pass.
    toValue(value as InValue);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(QuorateError);
  expect(thrown).toMatchObject({ code });
});

test('a bad parameter leaves the connection unharmed', async () => {
  const cluster = new FakeCluster();
  const db = cluster.client.database('d');
  await expect(db.execute('select ?', [Number.NaN])).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  await cluster.clock.until(db.execute('select 1'));
  expect(cluster.a.connections).toBe(1);
});

const BIG = 2n ** 53n;

test.each([
  ['auto', [1, BIG]],
  ['bigint', [1n, BIG]],
] as const)('integers: %s', async (integers, values) => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => peer.rows(request.request, ['x'], [[1], [BIG]]);
  const db = cluster.client.database('d', { integers });
  const rows = await cluster.clock.until(db.query<{ x: Value }>('select x'));
  expect(rows.map(({ x }) => x)).toEqual(values);
});

test("integers: 'number' never rounds, and the next call is not hurt", async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type === 'run') peer.rows(request.request, ['x'], [[1], [BIG]]);
  };
  const db = cluster.client.database('d', { integers: 'number' });
  const failed = cluster.clock.until(db.query('select x'));
  await expect(failed).rejects.toMatchObject({ code: 'INTEGER_RANGE' });
  cluster.a.onRequest = (request, peer) => peer.rows(request.request, ['x'], [[3]]);
  expect(await cluster.clock.until(db.query('select x'))).toEqual([{ x: 3 }]);
});

test('a committed write whose rows cannot be shown says that it is committed', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type === 'run') peer.rows(request.request, ['x'], [[BIG]]);
  };
  const db = cluster.client.database('d', { integers: 'number' });
  const failed = cluster.clock.until(db.query('insert into t values (1) returning x'));
  await expect(failed).rejects.toMatchObject({ code: 'INTEGER_RANGE', outcome: 'committed' });
  expect(cluster.statements).toHaveLength(1);
});

test('a result as JSON', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    const batch = rowBatch(['a', 'b', 'c'], [[1, BIG, new Uint8Array([255, 0])]]);
    peer.send({ type: 'rows', request: request.request, statementIndex: 0, batch });
    const columns = { columns: ['a', 'b', 'c'], columnTypes: ['INTEGER', '', 'BLOB'] };
    peer.end(request.request, {
      results: [result({ ...columns, rowsAffected: 1, lastInsertRowid: BIG })],
    });
  };
  const db = cluster.client.database('d');
  const set = await cluster.clock.until(db.execute('insert …'));
  expect([set.rowsAffected, set.lastInsertRowid]).toEqual([1, BIG]);
  expect(JSON.parse(JSON.stringify(set))).toEqual({
    columns: ['a', 'b', 'c'],
    columnTypes: ['INTEGER', '', 'BLOB'],
    rows: [[1, '9007199254740992', '/wA=']],
    rowsAffected: 1,
    lastInsertRowid: '9007199254740992',
  });
});

test('a batch has one result for each statement, with its rows', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type !== 'run') return;
    for (const [index, more, next] of [
      [0, false, false],
      [2, true, false],
      [2, false, true],
    ] as const) {
      const batch = rowBatch(['x'], [[index * 10]], { more, next });
      peer.send({ type: 'rows', request: request.request, statementIndex: index, batch });
    }
    const columns = { columns: ['x'] };
    peer.end(request.request, { results: [result(columns), result(), result(columns)] });
  };
  const db = cluster.client.database('d');
  const sets = await cluster.clock.until(
    db.batch(['select 1', ['insert into t values (?)', [1]], { sql: 'select 2' }], 'deferred'),
  );
  expect(sets.map(({ rows }) => rows)).toEqual([[{ x: 0 }], [], [{ x: 20 }, { x: 20 }]]);
  expect(cluster.a.requests[0]).toMatchObject({ kind: 'batch', mode: 'deferred' });
});

test('a batch of reads alone is a read, any other a write', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) =>
    peer.end(request.request, { results: [result(), result()] });
  const db = cluster.client.database('d');
  await cluster.clock.until(db.batch(['select 1', 'select 2']));
  await cluster.clock.until(db.batch(['select 1', 'delete from t']));
  expect(await db.batch([])).toEqual([]);
  const modes = cluster.a.requests.map((request) => request.type === 'run' && request.mode);
  expect(modes).toEqual(['read', 'write']);
});

test('prepare asks for the description once', async () => {
  const cluster = new FakeCluster();
  cluster.a.onRequest = (request, peer) => {
    if (request.type === 'run') peer.rows(request.request, ['x'], [[request.statements.length]]);
    const description = {
      readonly: true,
      tail: 0,
      parameters: [':a'],
      columns: ['x'],
      columnTypes: [''],
    };
    if (request.type === 'describe') {
      peer.send({ type: 'description', request: request.request, description });
    }
  };
  const db = cluster.client.database('d');
  using prepared = db.prepare<{ x: number }>('select :a as x');
  expect(await cluster.clock.until(prepared.all({ a: 1 }))).toEqual([{ x: 1 }]);
  expect(await cluster.clock.until(prepared.describe())).toMatchObject({ parameters: [':a'] });
  await prepared.describe();
  expect(cluster.a.requests.map(({ type }) => type)).toEqual(['run', 'describe']);
});

test.each([
  ['select 1', true],
  ['  -- why\n /* and */ SELECT 1', true],
  ['values (1)', true],
  ['with x as (select 1) select * from x', true],
  ['with x as (select 1) insert into t select * from x', false],
  ['explain query plan delete from t', true],
  ['insert into t values (1)', false],
  ['-- select\ndelete from t', false],
  ['pragma user_version = 3', false],
  ['selects', false],
  ['', false],
])('%s reads only: %s', (sql, reading) => {
  expect(surelyReadOnly(sql)).toBe(reading);
});

test.each([
  [' /* x */ commit;', true],
  [';; -- x\nEnd', true],
  ['release s', true],
  ['select 1', false],
  ['1', false],
])('%j may end a transaction: %s', (sql, expected) => {
  expect(mayCommit(sql)).toBe(expected);
});

test('placeholders are numbered as SQLite does', () => {
  expect(parameterNames('select ?, :a, @b, $c, :a, ?')).toEqual([
    undefined,
    ':a',
    '@b',
    '$c',
    undefined,
  ]);
  expect(parameterNames('select ?3, ?, :x, ?1')).toEqual(['?1', undefined, '?3', undefined, ':x']);
  expect(parameterNames(`select ':a', "?", [:b], \`?\` -- :c\n /* :d */, a$e`)).toEqual([]);
});
