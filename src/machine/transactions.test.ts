import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { packed } from '../../test/support/batches.ts';
import type { Value } from '../base/index.ts';
import type { Submit } from './messages.ts';
import { rowsOf, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const A: Partial<Submit> = { session: 1 };
const B: Partial<Submit> = { session: 2 };
const C: Partial<Submit> = { session: 3 };

function ready(): World {
  const world = new World();
  world.lead();
  world.run('create table t(id integer primary key, x unique)');
  world.run("insert into t values(1, 'one'), (2, 'two')");
  world.settle();
  world.settle();
  return world;
}

describe('explicit transactions', () => {
  it('commit as one, and answer what they observed', () => {
    const world = ready();
    const begin = world.statement('begin', [], A);
    expect(world.last(begin)?.state).toEqual({ transaction: 'read', aborted: false, home: true });
    expect(world.last(begin)?.observed.kind).toBe('published');
    const insert = world.statement("insert into t values(3, 'three')", [], A);
    expect(world.last(insert)?.state.transaction).toBe('write');
    expect(world.last(insert)?.observed.kind).toBe('published');
    expect(world.seals).toEqual([]);
    const commit = world.statement('commit', [], A);
    expect(world.last(commit)?.observed).toMatchObject({ wrote: true, kind: 'speculative' });
    expect(world.last(commit)?.state).toEqual({ transaction: 'none', aborted: false, home: false });
    expect(world.seals.length).toBe(1);
  });

  it('see head when it is not published yet, and say so', () => {
    const world = ready();
    world.run("insert into t values(3, 'three')");
    world.run('begin', [], A);
    const select = world.statement('select count(*) from t', [], A);
    expect(rowsOf(world.answers.get(select) ?? [])).toEqual([[[3]]]);
    expect(world.last(select)?.observed).toMatchObject({ kind: 'speculative', wrote: false });
    const update = world.statement("update t set x = 'x' where id = 3", [], A);
    expect(world.code(update)).toBe('done');
  });

  it('fail with 517 only when another transaction really wrote', () => {
    const world = ready();
    world.run('begin', [], A);
    world.run('select * from t', [], A);
    world.settle();
    expect(world.code(world.statement("insert into t values(3, 'c')", [], A))).toBe('done');
    world.run('commit', [], A);
    world.run('begin', [], A);
    world.run('select * from t', [], A);
    world.run("insert into t values(4, 'd')");
    const end = world.end(world.statement("insert into t values(5, 'e')", [], A));
    expect(end).toMatchObject({ kind: 'failed', failure: { code: 'SQLITE_BUSY', rawCode: 517 } });
    world.run('rollback', [], A);
    expect(world.code(world.statement("insert into t values(5, 'e')", [], A))).toBe('done');
  });

  it('make others wait, in order, and never see them locked', () => {
    const world = ready();
    world.run('begin immediate', [], A);
    const b = world.statement("insert into t values(10, 'b')", [], B);
    const c = world.statement("insert into t values(11, 'c')", [], C);
    const beginC = world.statement('begin immediate', [], { session: 4 });
    expect([world.isDone(b), world.isDone(c), world.isDone(beginC)]).toEqual([false, false, false]);
    // The owner is not behind those who wait for it (M5 d).
    expect(world.code(world.statement("insert into t values(9, 'a')", [], A))).toBe('done');
    expect(world.isDone(b)).toBe(false);
    world.run('commit', [], A);
    expect([world.code(b), world.code(c), world.code(beginC)]).toEqual(['done', 'done', 'done']);
  });

  it('do not keep what came before them from being sealed (M5 c)', () => {
    const world = ready();
    world.run("insert into t values(20, 'a')");
    world.run("insert into t values(21, 'b')");
    world.run('begin immediate', [], A);
    world.run("insert into t values(22, 'c')", [], A);
    world.settle();
    world.settle();
    const select = world.statement('select max(id) from t', [], A);
    const observed = world.last(select)?.observed;
    expect(observed).toMatchObject({ kind: 'speculative', sequence: 4 });
    expect(world.machine.statistics().databases[0]).toMatchObject({ seals: 4 });
    // What was published does not contain the open transaction.
    expect(world.seals).toEqual([]);
  });

  it('time out in the queue, keeping the transaction', () => {
    const world = new World({
      limits: { writeQueueMs: 1000, transactionIdleMs: 1e6, transactionTotalMs: 1e6 },
    });
    world.lead();
    world.run('create table t(x)');
    world.run('begin immediate', [], A);
    world.run('begin', [], B);
    const waiting = world.statement('insert into t values(1)', [], B);
    world.clock.advance(1001);
    world.collect();
    expect(world.end(waiting)).toMatchObject({
      failure: { code: 'WRITE_QUEUE_TIMEOUT', rawCode: 5 },
    });
    expect(world.last(waiting)?.state).toMatchObject({ transaction: 'read', aborted: false });
    const late = world.statement('insert into t values(1)', [], { timeoutMs: 10 });
    world.clock.advance(11);
    world.collect();
    expect(world.code(late)).toBe('TIMEOUT');
    world.run('commit', [], A);
    world.run('insert into t values(2)', [], B);
    world.run('commit', [], B);
  });
});

describe('aborts (M12)', () => {
  it('end an idle transaction; nothing runs until ROLLBACK', () => {
    const world = ready();
    world.run('begin', [], A);
    world.run("insert into t values(3, 'c')", [], A);
    const waiting = world.statement("insert into t values(4, 'd')");
    world.clock.advance(5001);
    world.collect();
    expect(world.aborted).toEqual([1]);
    // The slot went on to the next one.
    expect(world.code(waiting)).toBe('done');
    const insert = world.statement("insert into t values(5, 'e')", [], A);
    expect(world.end(insert)).toMatchObject({ failure: { code: 'TX_ABORTED', rawCode: 4 } });
    expect(world.last(insert)?.state.aborted).toBe(true);
    expect(world.code(world.statement('commit', [], A))).toBe('TX_ABORTED');
    // COMMIT told the client: the session is as new.
    expect(world.code(world.statement("insert into t values(6, 'f')", [], A))).toBe('done');
    expect(world.rows('select id from t where changes() >= 0')).toEqual([[1], [2], [4], [6]]);
  });

  it('end a transaction that takes too long although its client is busy', () => {
    const world = ready();
    world.run('begin', [], A);
    for (let i = 0; i < 16; i++) {
      world.clock.advance(4000);
      world.collect();
      if (world.aborted.length > 0) break;
      world.statement('select 1', [], A);
    }
    expect(world.aborted).toEqual([1]);
    expect(world.code(world.statement('select 1', [], A))).toBe('TX_ABORTED');
    expect(world.code(world.statement('rollback', [], A))).toBe('done');
  });

  it('give the turn to write to the next one when a transaction has taken too long', () => {
    const world = ready();
    world.run('begin immediate', [], { ...A, transactionTotalMs: 100 });
    const waiting = world.statement("insert into t values(4, 'd')");
    world.clock.advance(101);
    world.collect();
    expect(world.aborted).toEqual([1]);
    expect(world.code(waiting)).toBe('done');
  });

  it('follow SQLite when it ends the transaction itself', () => {
    const world = ready();
    world.run('begin', [], A);
    world.run("insert into t values(3, 'c')", [], A);
    const failed = world.statement("insert or rollback into t values(4, 'c')", [], A);
    expect(world.end(failed)).toMatchObject({
      failure: { code: 'SQLITE_CONSTRAINT', rawCode: 2067 },
    });
    expect(world.last(failed)?.state).toEqual({ transaction: 'none', aborted: true, home: false });
    expect(world.code(world.statement("insert into t values(5, 'e')", [], A))).toBe('TX_ABORTED');
    expect(world.code(world.statement('rollback', [], A))).toBe('done');
    expect(world.seals).toEqual([]);
  });

  it('tell a plain client what C would tell it', () => {
    const world = ready();
    const plain: Partial<Submit> = { session: 5, format: 'dqlite' };
    world.run('begin', [], plain);
    world.statement("insert or rollback into t values(4, 'one')", [], plain);
    expect(world.end(world.statement('rollback', [], plain))).toMatchObject({
      failure: { rawCode: 1, message: 'cannot rollback - no transaction is active' },
    });
    expect(world.code(world.statement("insert into t values(4, 'd')", [], plain))).toBe('done');
  });

  it('leave a failed statement inside the transaction', () => {
    const world = ready();
    world.run('begin', [], A);
    world.run("insert into t values(3, 'c')", [], A);
    const failed = world.statement("insert into t values(4, 'c')", [], A);
    expect(world.code(failed)).toBe('SQLITE_CONSTRAINT');
    expect(world.last(failed)?.state).toEqual({ transaction: 'write', aborted: false, home: true });
    world.run('commit', [], A);
    expect(world.seals.length).toBe(1);
  });

  it('keep savepoints apart from transactions', () => {
    const world = ready();
    world.run('savepoint a', [], A);
    world.run("insert into t values(3, 'c')", [], A);
    world.run('savepoint b', [], A);
    world.run("insert into t values(4, 'd')", [], A);
    world.run('rollback to b', [], A);
    const release = world.statement('release a', [], A);
    expect(world.last(release)?.state.transaction).toBe('none');
    expect(world.last(release)?.observed).toMatchObject({ wrote: true });
    expect(world.rows('select count(*) + 0 * changes() from t')).toEqual([[3]]);
  });
});

describe('what an answer has observed (M5 a)', () => {
  it('is head for a write that changed nothing', () => {
    const world = ready();
    world.run("update t set x = 'X' where id = 1");
    const missed = world.statement("update t set x = 'Y' where x = 'one'");
    expect(world.end(missed)).toMatchObject({ results: [{ rowsAffected: 0 }] });
    expect(world.last(missed)?.observed).toMatchObject({
      kind: 'speculative',
      wrote: false,
      sequence: 3,
    });
  });

  it('is head for an error that a speculative row caused', () => {
    const world = ready();
    world.run("insert into t values(3, 'c')");
    const failed = world.statement("insert into t values(4, 'c')");
    expect(world.code(failed)).toBe('SQLITE_CONSTRAINT');
    expect(world.last(failed)?.observed).toMatchObject({
      kind: 'speculative',
      wrote: false,
      sequence: 3,
    });
    world.settle();
    const later = world.statement("insert into t values(4, 'c')");
    expect(world.last(later)?.observed).toEqual({ kind: 'published', index: world.index });
  });
});

describe('sessions', () => {
  it('have counters of their own on the shared connection (M11)', () => {
    const world = ready();
    world.run("insert into t values(30, 'a')", [], A);
    world.run("insert into t values(31, 'b'), (32, 'c')", [], B);
    const mine = 'select last_insert_rowid(), changes(), total_changes()';
    expect(world.rows(mine, [], A)).toEqual([[30, 1, 1]]);
    expect(world.rows(mine, [], B)).toEqual([[32, 2, 2]]);
    expect(world.run('create table u(x)', [], { ...B, format: 'dqlite' })).toMatchObject({
      rowsAffected: 2,
      lastInsertRowid: 32n,
    });
    expect(world.run('create table v(x)', [], B)).toMatchObject({ rowsAffected: 0 });
  });

  it('have changed nothing after a statement that failed, as in SQLite', () => {
    const world = ready();
    const mine = 'select last_insert_rowid(), changes(), total_changes()';
    const fail = (sql: string, session: Partial<Submit>) =>
      expect(world.code(world.statement(sql, [], session))).toBe('SQLITE_CONSTRAINT');
    world.run("insert into t values(30, 'a')", [], A);
    world.run("insert into t values(31, 'b'), (32, 'c'), (33, 'd')", [], B);
    fail("insert into t values(34, 'a')", A);
    expect(world.rows(mine, [], A)).toEqual([[30, 0, 1]]);
    expect(world.run('create table u(x)', [], { ...A, format: 'dqlite' })).toMatchObject({
      rowsAffected: 0,
      lastInsertRowid: 30n,
    });
    // What OR FAIL has done stays.
    fail("insert or fail into t values(35, 'e'), (36, 'f'), (37, 'a')", A);
    expect(world.rows(mine, [], A)).toEqual([[36, 2, 3]]);
    expect(world.code(world.statement('insert into none values(1)', [], A))).toBe('SQLITE_ERROR');
    expect(world.rows(mine, [], A)).toEqual([[36, 2, 3]]);
    expect(world.rows(mine, [], B)).toEqual([[33, 3, 3]]);
    world.run('begin', [], B);
    fail("update t set x = 'a' where id = 31", B);
    expect(world.rows(mine, [], B)).toEqual([[33, 0, 3]]);
  });

  it('keep temporary tables and settings to themselves', () => {
    const world = ready();
    world.run('create temp table mine(x)', [], A);
    world.run('insert into mine values(1)', [], A);
    expect(world.rows('select count(*) from mine', [], A)).toEqual([[1]]);
    expect(world.code(world.statement('insert into mine values(1)', [], B))).toBe('SQLITE_ERROR');
    world.run('pragma foreign_keys = off', [], B);
    expect(world.rows('pragma foreign_keys', [], B)).toEqual([[0]]);
    expect(world.rows('pragma foreign_keys', [], A)).toEqual([[1]]);
    expect(world.last(world.statement('select 1', [], A))?.state.home).toBe(true);
    expect(world.seals).toEqual([]);
    world.send({ kind: 'close-session', session: 1 });
    expect(world.code(world.statement('insert into mine values(1)', [], A))).toBe('SQLITE_ERROR');
  });

  it('keep what their text does not show to themselves too (M11)', () => {
    const world = ready();
    // The first words do not say that this table is temporary; SQLite does.
    const create = 'create table "temp".mine(x)';
    expect(world.end(world.submit({ action: 'describe', sql: create }))?.kind).toBe('described');
    world.run(create, [], A);
    world.run('insert into mine values(1)', [], A);
    expect(world.rows('select count(*) from mine', [], A)).toEqual([[1]]);
    expect(world.code(world.statement('select * from mine', [], B))).toBe('SQLITE_ERROR');
    const statements = ["insert into t values(50, 'q')", create, 'insert into mine values(5)'];
    const parameters = { kind: 'positional', values: [] } as const;
    const batch = world.submit({
      action: 'batch',
      mode: 'write',
      statements: packed(statements.map((sql) => ({ sql, parameters }))),
    });
    expect(world.end(batch)).toMatchObject({ kind: 'done', results: { length: 3 } });
    const count = "select count(*), changes() from t where x = 'q'";
    expect(world.rows(count, [], B)).toEqual([[1, 0]]);
    expect(world.code(world.statement('select * from mine', [], B))).toBe('SQLITE_ERROR');
  });

  it('get floats and integers as they were bound', () => {
    const world = ready();
    world.run('create table bound(a, b, c)');
    const sql = 'insert into bound values(?, ?, ?) returning typeof(a), typeof(b), typeof(c)';
    expect(world.rows(sql, [1, 1n, -0.5])).toEqual([['real', 'integer', 'real']]);
  });

  it('are rolled back when they are closed', () => {
    const world = ready();
    world.run('begin immediate', [], A);
    world.run("insert into t values(40, 'a')", [], A);
    const waiting = world.statement("insert into t values(40, 'b')");
    world.send({ kind: 'close-session', session: 1 });
    expect(world.code(waiting)).toBe('done');
  });
});

describe('scripts and batches', () => {
  it('run the statements of a text, each its own transaction', () => {
    const world = ready();
    const request = world.submit({
      action: 'script',
      sql: "insert into t values(?, 'a'); -- first\n insert into t values(?, ?); select 1; ;",
      parameters: [50, 51, 'b'],
      rows: 'drop',
    });
    expect(world.end(request)).toMatchObject({ kind: 'done', results: { length: 3 } });
    expect(world.seals[0]?.transactions).toBe(2);
    const failing = world.submit({
      action: 'script',
      sql: "insert into t values(60, 'q'); insert into t values(60, 'r'); insert into t values(61, 's')",
      parameters: [],
      rows: 'drop',
    });
    expect(world.end(failing)).toMatchObject({
      kind: 'failed',
      failure: { code: 'SQLITE_CONSTRAINT', statementIndex: 1 },
      results: { length: 1 },
    });
  });

  it('may contain a transaction, but not leave one open without a session', () => {
    const world = ready();
    const whole = world.submit({
      action: 'script',
      sql: "begin; insert into t values(70, 'a'); commit;",
      parameters: [],
      rows: 'refuse',
    });
    expect(world.code(whole)).toBe('done');
    const open = world.submit({
      action: 'script',
      sql: "begin; insert into t values(71, 'b');",
      parameters: [],
      rows: 'refuse',
    });
    expect(world.code(open)).toBe('TRANSACTION_OPEN');
    expect(world.code(world.statement("insert into t values(71, 'b')"))).toBe('done');
  });

  it('wait inside a script like everybody', () => {
    const world = ready();
    world.run('begin immediate', [], A);
    const script = world.submit({
      action: 'script',
      sql: "select 1; insert into t values(80, 'a'); insert into t values(81, 'b')",
      parameters: [],
      rows: 'drop',
    });
    expect(world.isDone(script)).toBe(false);
    world.run('rollback', [], A);
    expect(world.code(script)).toBe('done');
  });

  it('are all or nothing as a batch', () => {
    const world = ready();
    const statement = (sql: string) => ({
      sql,
      parameters: { kind: 'positional', values: [] } as const,
    });
    const good = world.submit({
      action: 'batch',
      mode: 'write',
      statements: packed([
        statement("insert into t values(90, 'a') returning id"),
        statement("insert into t values(91, 'b')"),
        statement('select count(*) from t'),
      ]),
    });
    expect(world.end(good)).toMatchObject({ kind: 'done', results: { length: 3 } });
    expect(rowsOf(world.answers.get(good) ?? [])).toEqual([[[90]], [], [[4]]]);
    expect(world.seals[0]?.transactions).toBe(1);
    const bad = world.submit({
      action: 'batch',
      mode: 'deferred',
      statements: packed([
        statement("insert into t values(92, 'c')"),
        statement("insert into t values(92, 'd')"),
      ]),
    });
    expect(world.end(bad)).toMatchObject({
      kind: 'failed',
      failure: { code: 'SQLITE_CONSTRAINT', statementIndex: 1 },
      results: [],
    });
    expect(world.rows('select count(*) + 0 * changes() from t')).toEqual([[4]]);
    const sneaky = world.submit({
      action: 'batch',
      mode: 'write',
      statements: packed([statement('commit')]),
    });
    expect(world.code(sneaky)).toBe('BATCH_TRANSACTION');
  });

  it('run one text again and again with other parameters, as if each time was the first', () => {
    const world = ready();
    const insert = (...values: (bigint | string)[]) => ({
      sql: 'insert into t values(?, ?) on conflict do update set x = excluded.x returning x, changes()',
      parameters: { kind: 'positional', values } as const,
    });
    const good = world.submit({
      action: 'batch',
      mode: 'write',
      statements: packed([insert(90n, 'a'), insert(91n), insert(91n, 'b')]),
    });
    expect(world.end(good)).toMatchObject({
      kind: 'done',
      results: [{ rowsAffected: 1 }, { rowsAffected: 1 }, { rowsAffected: 1 }],
    });
    const texts = rowsOf(world.answers.get(good) ?? []).map((rows) => rows[0]?.[0]);
    expect(texts).toEqual(['a', null, 'b']);
    const drop = { sql: 'drop table u', parameters: { kind: 'positional', values: [] } as const };
    const make = { ...drop, sql: 'create table u(x)' };
    const fill = { ...drop, sql: 'insert into u values(1)' };
    const statements = [make, fill, fill, drop, make, fill, drop, drop];
    const bad = world.submit({ action: 'batch', mode: 'write', statements: packed(statements) });
    expect(world.end(bad)).toMatchObject({
      kind: 'failed',
      failure: { code: 'SQLITE_ERROR', statementIndex: 7 },
    });
  });

  it('store every value of a batch as it was given', () => {
    const world = ready();
    world.run('create table v(id integer primary key, x)');
    const values = [
      ...[0n, -1n, 2n ** 31n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)],
      ...[1.5, -0, 1e300, null, new Uint8Array(), new Uint8Array([0, 255])],
      ...['', 'a\0b', 'ä€😀', 'x'.repeat(300), `${'x'.repeat(300)}ä`, 'y'.repeat(70_000)],
    ];
    const batch = world.submit({
      action: 'batch',
      mode: 'write',
      statements: packed([
        ...values.map((value) => ({
          sql: 'insert into v(x) values (?)',
          parameters: { kind: 'positional', values: [value] } as const,
        })),
        {
          sql: 'update v set x = $x where id = :id',
          parameters: {
            kind: 'named',
            values: [
              ['id', 2n],
              ['$x', 'named'],
            ],
          },
        },
      ]),
    });
    expect(world.end(batch)).toMatchObject({ kind: 'done', results: { length: 20 } });
    const stored = values.map((value) => (Object.is(value, -0) ? 0 : value));
    stored[1] = 'named';
    const read = world.rows('select x from v where changes() >= 0 order by id').map(([x]) => x);
    const exact = (x: Value) => (Number.isSafeInteger(x) ? BigInt(Number(x)) : x);
    expect(read.map(exact)).toEqual(stored.map(exact));
    expect(world.rows("select count(*) + 0 * changes() from v where typeof(x) = 'real'")).toEqual([
      [3],
    ]);
    const surplus = world.submit({
      action: 'batch',
      mode: 'write',
      statements: packed([
        { sql: 'delete from v', parameters: { kind: 'positional', values: [1n] } },
      ]),
    });
    expect(world.code(surplus)).toBe('PARAMETERS');
    const unknown = world.submit({
      action: 'batch',
      mode: 'write',
      statements: packed([
        { sql: 'delete from v where id = :id', parameters: { kind: 'named', values: [['x', 1n]] } },
      ]),
    });
    expect(world.code(unknown)).toBe('PARAMETERS');
  });

  it('are part of the transaction of their session', () => {
    const world = ready();
    world.run('begin', [], A);
    world.run("insert into t values(100, 'a')", [], A);
    const statements = ["insert into t values(101, 'b')", "insert into t values(101, 'c')"].map(
      (sql) => ({ sql, parameters: { kind: 'positional', values: [] } as const }),
    );
    const bad = world.submit({ action: 'batch', mode: 'write', statements: packed(statements) }, A);
    expect(world.code(bad)).toBe('SQLITE_CONSTRAINT');
    expect(world.last(bad)?.state).toMatchObject({ transaction: 'write', aborted: false });
    world.run('commit', [], A);
    expect(world.rows('select count(*) + 0 * changes() from t')).toEqual([[3]]);
  });
});

describe('limits', () => {
  it('refuse a result that is too large to be kept, with the whole transaction', () => {
    const world = ready();
    const failed = world.statement(
      'with recursive c(n) as (select 3 union all select n + 1 from c where n < 40) insert into t select n, zeroblob(600000) || n from c returning x',
    );
    expect(world.code(failed)).toBe('RESULT_TOO_LARGE');
    expect(world.rows('select count(*) + 0 * changes() from t')).toEqual([[2]]);
    world.run('begin', [], A);
    world.run("insert into t values(3, 'c')", [], A);
    const large = world.statement(
      'with recursive c(n) as (select 1 union all select n + 1 from c where n < 40) select zeroblob(600000), max(id) from c, t group by n',
      [],
      A,
    );
    expect(world.code(large)).toBe('RESULT_TOO_LARGE');
    expect(world.last(large)?.state).toEqual({ transaction: 'none', aborted: true, home: false });
  });

  it('refuse a transaction that is too large', () => {
    const world = new World({ limits: { transactionBytes: 1024 * 1024 } });
    world.lead();
    world.run('create table t(x)');
    const failed = world.statement('insert into t values(zeroblob(3000000))');
    expect(world.end(failed)).toMatchObject({ failure: { code: 'TX_TOO_LARGE', rawCode: 13 } });
    expect(world.code(world.statement('insert into t values(1)'))).toBe('done');
  });

  it('refuse writes beyond the queue without keeping anything of them', () => {
    const world = new World({ limits: { writeQueue: 1 } });
    world.lead();
    world.run('create table t(x)');
    world.settle();
    world.run('begin immediate', [], A);
    const waiting = world.statement('insert into t values(1)');
    const refuse = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const refused = world.statement(`insert into t values('${i}${'x'.repeat(2000)}')`);
        expect(world.code(refused)).toBe('WRITE_QUEUE_FULL');
      }
    };
    refuse(0, 200);
    const bytes = world.machine.statistics().wasmBytes;
    refuse(200, 4000);
    expect(world.machine.statistics().wasmBytes).toBe(bytes);
    world.run('commit', [], A);
    expect(world.code(waiting)).toBe('done');
  });

  it('start nothing while too much is unsealed, or the gate is closed', () => {
    const world = new World({ limits: { unsealedPages: 16, sealWindow: 1 } });
    world.lead();
    world.run('create table t(x)');
    world.run('insert into t values(zeroblob(100000))');
    const waiting = world.statement('insert into t values(1)');
    expect(world.isDone(waiting)).toBe(false);
    world.commit(1);
    expect(world.code(waiting)).toBe('done');
    world.settle();
    world.send({ kind: 'gate', open: false });
    const gated = world.statement('insert into t values(2)');
    const begin = world.statement('begin', [], A);
    expect([world.isDone(gated), world.isDone(begin)]).toEqual([false, false]);
    world.send({ kind: 'gate', open: true });
    expect([world.code(gated), world.code(begin)]).toEqual(['done', 'done']);
  });

  it('replace an instance of SQLite that has grown too large, when nobody has state in it', () => {
    const world = new World({ limits: { engineBytes: 16 * 1024 * 1024 } });
    world.lead();
    world.run('create table t(x)');
    world.run('begin', [], A);
    world.run('insert into t values(zeroblob(20000000))');
    expect(world.machine.statistics().wasmBytes).toBeGreaterThan(16 * 1024 * 1024);
    world.run('rollback', [], A);
    expect(world.machine.statistics().wasmBytes).toBeLessThan(16 * 1024 * 1024);
    expect(world.rows('select length(x), changes() >= 0 from t')).toEqual([[20000000, 1]]);
    world.settle();
  });

  it('restrict the names of new databases', () => {
    const world = ready();
    for (const name of ['', ':memory:', 'file:x', '../x', '.x', 'a/b', 'é', 'x'.repeat(256)]) {
      const request = world.statement('create table t(x)', [], { database: name });
      expect(world.code(request)).toBe('DATABASE_NAME');
    }
    expect(world.code(world.statement('create table t(x)', [], { database: 'a-b_c.9' }))).toBe(
      'done',
    );
  });
});
