import { describe, expect, test } from 'vitest';
import { codeOf, dump, EnginePair, one, rows } from '../../test/support/engine-pair.ts';

const FILL = (count: number, bytes = 100): string =>
  `with recursive c(x) as (select 1 union all select x+1 from c where x<${count})
   insert into t select x, randomblob(${bytes}) from c`;

function withTable(count = 0, bytes = 100): EnginePair {
  const k = new EnginePair();
  k.write('create table t(a integer primary key, b)');
  if (count > 0) k.write(FILL(count, bytes));
  return k;
}

function expectSound(k: EnginePair): void {
  expect(k.problem()).toBe('');
  expect(k.end()).toBe(0);
}

describe('snapshots', () => {
  test('a reader sees one version over twenty commits, and its late write is stale (517)', () => {
    const k = withTable();
    k.write("insert into t(b) values('x')");
    const reader = k.open();
    reader.execute('begin');
    expect(one(reader, 'select count(*) from t')).toBe(1);
    for (let i = 0; i < 20; i++) k.write('insert into t(b) values(randomblob(1000))');
    expect(one(reader, 'select count(*) from t')).toBe(1);
    expect(codeOf(() => reader.execute("insert into t(b) values('z')"))).toBe(517);
    reader.execute('rollback');
    expect(one(reader, 'select count(*) from t')).toBe(21);
    expect(k.store.statistics().retainedSlots).toBe(0);
    expectSound(k);
  });

  test('a cursor in the middle of a scan is not disturbed by DELETE and VACUUM', () => {
    const k = withTable(5000);
    const reader = k.open();
    const { statement } = reader.prepare('select a from t');
    let count = 0;
    for (; count < 10; count++) statement?.step();
    k.write('delete from t where a>100');
    k.write('vacuum');
    while (statement?.step()) count++;
    statement?.release();
    expect(count).toBe(5000);
    expect(one(reader, 'select count(*) from t')).toBe(100);
    expectSound(k);
  });

  test('a cursor of the writer stays open over its own commits, and over those of another', () => {
    const k = withTable(500);
    const { statement } = k.writer.prepare('select a from t order by a');
    let count = 0;
    for (; count < 10; count++) statement?.step();
    k.write('update t set b=1 where a>50');
    const other = k.open({}, 'head');
    expect(codeOf(() => k.write('update t set b=2 where a>40', other))).toBe(0);
    while (statement?.step()) count++;
    statement?.release();
    expect(count).toBe(500);
    expectSound(k);
  });

  test('an explicit transaction that pins head is stale only after a real commit (M4)', () => {
    const k = withTable(10);
    const a = k.open({}, 'head');
    k.writer.execute('update t set b=1 where a=1');
    k.seal();
    // One entry is in flight; nobody commits between the SELECT and the UPDATE.
    a.execute('begin; select b from t where a=1; update t set b=b+1 where a=1; commit');
    expect(one(a, 'select b from t where a=1')).toBe(2);
    a.execute('begin');
    one(a, 'select b from t where a=1');
    k.writer.execute('update t set b=9 where a=2');
    expect(one(a, 'select b from t where a=1')).toBe(2);
    expect(codeOf(() => a.execute('update t set b=b+1 where a=1'))).toBe(517);
    expect(a.transaction).toBe('read');
    a.execute('rollback');
    expectSound(k);
  });

  test('connections that commit in turn onto one unsealed head see each other', () => {
    const k = withTable();
    const other = k.open({}, 'head');
    for (let i = 0; i < 40; i++) {
      (i % 2 === 0 ? k.writer : other).execute('insert into t(b) values(randomblob(900))');
    }
    expect(one(k.open(), 'select count(*) from t')).toBe(0);
    expect(one(other, 'select count(*) from t')).toBe(40);
    k.seal();
    expect(k.pending.length).toBe(1);
    k.publish();
    expect(one(k.open(), 'select count(*) from t')).toBe(40);
    expectSound(k);
  });

  test('a pin that is taken away fails with SNAPSHOT_TOO_OLD, and the next read works (S5)', () => {
    const k = withTable(2000);
    const reader = k.open({ cachePages: 10 });
    const { statement } = reader.prepare('select a, b from t');
    statement?.step();
    for (let i = 0; i < 3; i++) k.write('update t set b=randomblob(100)');
    expect(k.store.enforceBudget(0)).toBe(1);
    expect(() => {
      while (statement?.step());
    }).toThrow(expect.objectContaining({ code: 'SNAPSHOT_TOO_OLD', rawCode: 4 }));
    statement?.release();
    expect(one(reader, 'select count(*) from t')).toBe(2000);
    expectSound(k);
  });
});

describe('transactions', () => {
  test('rollback, savepoints, failing statements', () => {
    const k = new EnginePair();
    const db = k.writer;
    k.write('create table t(a integer primary key, b unique)');
    k.write('begin; insert into t values(1,1); rollback');
    expect(one(db, 'select count(*) from t')).toBe(0);
    k.write(
      `begin; insert into t values(1,1); savepoint s1; insert into t values(2,2); savepoint s2;
       insert into t values(3,3); rollback to s1; release s1; insert into t values(4,4); commit`,
    );
    expect(rows(db, 'select a from t')).toEqual([[1], [4]]);
    expect(codeOf(() => k.write('insert into t values(5,5),(6,6),(7,1)'))).toBe(2067);
    expect(one(db, 'select count(*) from t')).toBe(2);
    expect(k.store.hasWriter).toBe(false);
    db.execute('begin');
    expect(codeOf(() => db.execute('insert or fail into t values(8,8),(9,1)'))).toBe(2067);
    db.execute('commit');
    expect(one(db, 'select count(*) from t where a=8')).toBe(1);
    db.execute('begin; insert into t values(10,10)');
    expect(codeOf(() => db.execute('insert or rollback into t values(11,1)'))).toBe(2067);
    expect(db.autocommit).toBe(true);
    expect(one(db, 'select count(*) from t')).toBe(3);
    expectSound(k);
  });

  test('states: autocommit, none, read, write', () => {
    const k = withTable(1);
    const db = k.writer;
    expect([db.autocommit, db.transaction, db.pinnedChange]).toEqual([true, 'none', undefined]);
    db.execute('begin');
    expect([db.autocommit, db.transaction]).toEqual([false, 'none']);
    one(db, 'select a from t');
    expect(db.transaction).toBe('read');
    expect(db.pinnedChange).toBe(k.store.head.change);
    db.execute('savepoint s');
    db.execute('update t set b=1');
    expect(db.transaction).toBe('write');
    db.execute('release s');
    expect(db.autocommit).toBe(false);
    db.execute('commit');
    expect([db.autocommit, db.transaction]).toEqual([true, 'none']);
    db.execute('savepoint outer_one');
    expect(db.autocommit).toBe(false);
    db.execute('release outer_one');
    expect(db.autocommit).toBe(true);
    expectSound(k);
  });

  test('BEGIN IMMEDIATE keeps a second writer out; a transaction without changes changes nothing', () => {
    const k = withTable();
    const other = k.open({}, 'head');
    k.writer.execute('begin immediate; insert into t values(1,1)');
    expect(codeOf(() => other.execute('insert into t values(2,2)'))).toBe(5);
    expect(one(other, 'select count(*) from t')).toBe(0);
    k.writer.execute('commit');
    other.execute('insert into t values(2,2)');
    k.commit();
    const { change } = k.store.head;
    other.execute('begin immediate; commit; begin; update t set b=1 where a=99; commit');
    expect(k.store.head.change).toBe(change);
    expect(k.store.hasUnsealed).toBe(false);
    expectSound(k);
  });

  test('a large transaction, with an index and a cache that spills, and its rollback', () => {
    const k = new EnginePair({}, { cachePages: 50 });
    const db = k.writer;
    k.write('create table t(a integer primary key, b text); create index i on t(b)');
    const fill = FILL(30_000).replace('randomblob(100)', 'hex(randomblob(20))');
    k.write(fill);
    const before = dump(k.store);
    db.execute('begin; delete from t where a%2=0; update t set b=a; rollback');
    expect(before.equals(dump(k.store))).toBe(true);
    expect(k.store.speculative).toBe(false);
    k.write(
      'begin; delete from t where a%2=0; savepoint x; update t set b=a; rollback to x; commit',
    );
    expect(one(db, 'select count(*) from t')).toBe(15_000);
    k.write('drop index i');
    expectSound(k);
  });

  test('a transaction above the limit fails with TX_TOO_LARGE and leaves nothing', () => {
    for (const cachePages of [20, 5000]) {
      const k = new EnginePair({ transactionBytes: 100 * 4096 }, { cachePages });
      const db = k.writer;
      k.write('create table t(a integer primary key, b)');
      expect(() => k.write(FILL(1000, 4000))).toThrow(
        expect.objectContaining({ code: 'TX_TOO_LARGE', rawCode: 13 }),
      );
      expect([db.tooLarge, db.autocommit]).toEqual([true, true]);
      expect(k.store.speculative).toBe(false);
      // Pages that SQLite need not write still travel.
      const holes =
        'begin; insert into t values(1,zeroblob(1000000)); delete from t; insert into t values(1,2); commit';
      expect(() => k.write(holes)).toThrow(expect.objectContaining({ code: 'TX_TOO_LARGE' }));
      k.write('insert into t values(1,1)');
      expect(one(db, 'select count(*) from t')).toBe(1);
      expectSound(k);
    }
  });

  test('pages that SQLite never wrote are replicated as zeroes (M10)', () => {
    const k = withTable();
    k.writer.execute(
      `begin; insert into t values(1, zeroblob(400000)); delete from t;
       insert into t values(2,'x'); commit`,
    );
    k.seal();
    const [{ seal }] = k.pending;
    expect(seal.pageNumbers.length).toBeGreaterThan(90);
    expect(Array.from(seal.pageNumbers)).toEqual(
      Array.from({ length: seal.pages }, (_, i) => i + 1),
    );
    k.publish();
    for (let i = 0; i < 100; i++) k.write(`update t set b='${i}'`);
    expectSound(k);
  });

  test('an insert into an existing page replicates one page', () => {
    const k = withTable(10);
    k.writer.execute("insert into t(b) values('small')");
    k.seal();
    expect(k.pending[0]?.seal.pageNumbers.length).toBe(1);
    expectSound(k);
  });

  test('a commit refused by the hook fails with that code, unchanged, and is rolled back', () => {
    let refusal = 0;
    const committed: boolean[] = [];
    const k = new EnginePair(
      {},
      { hooks: { beforeCommit: () => refusal, committed: (changed) => committed.push(changed) } },
    );
    k.write('create table t(a integer primary key, b)');
    expect(committed).toEqual([true]);
    for (const code of [10250, 10506]) {
      refusal = code;
      expect(codeOf(() => k.writer.execute('insert into t values(1,1)'))).toBe(code);
      expect(k.writer.autocommit).toBe(true);
      k.writer.execute('begin; insert into t values(1,1)');
      expect(codeOf(() => k.writer.execute('commit'))).toBe(code);
      expect(k.writer.autocommit).toBe(true);
    }
    refusal = 0;
    expect(k.store.speculative).toBe(false);
    k.write('insert into t values(2,2)');
    expect(rows(k.writer, 'select a from t')).toEqual([[2]]);
    expect(committed).toEqual([true, true]);
    expectSound(k);
  });

  test('giving back a half-run INSERT … RETURNING commits it, unless the hook refuses', () => {
    let refusal = 0;
    const k = new EnginePair({}, { hooks: { beforeCommit: () => refusal } });
    k.write('create table t(a integer primary key)');
    const { statement } = k.writer.prepare('insert into t values(1),(2) returning a');
    expect(statement?.step()).toBe(true);
    refusal = 1;
    statement?.release();
    refusal = 0;
    expect(k.store.speculative).toBe(false);
    expect(one(k.writer, 'select count(*) from t')).toBe(0);
    expectSound(k);
  });
});

describe('speculation', () => {
  test('five transactions, two committed, three dropped', () => {
    const k = withTable(500);
    for (let i = 1; i <= 5; i++) {
      k.writer.execute(`insert into t(b) values('spec${i}')`);
      k.seal();
    }
    const reader = k.open();
    expect(one(reader, 'select count(*) from t')).toBe(500);
    k.publish(2);
    expect(one(reader, 'select count(*) from t')).toBe(502);
    expect(k.revert()).toEqual([k.writer]);
    expect([k.writer.closed, reader.closed]).toEqual([true, false]);
    const writer = k.open({}, 'head');
    expect(one(writer, 'select count(*) from t')).toBe(502);
    for (let i = 0; i < 4; i++) k.write("insert into t(b) values('after')", writer);
    expect(one(reader, 'select group_concat(b) from t where a>500')).toBe(
      'spec1,spec2,after,after,after,after',
    );
    expectSound(k);
  });

  test('a dropped CREATE TABLE and another with the same cookie and root (M3)', () => {
    const k = withTable();
    const a = k.open({}, 'head');
    const bystander = k.open();
    expect(one(bystander, 'select count(*) from t')).toBe(0);
    a.execute('create table a(x,y); insert into a values(5,6)');
    k.seal();
    expect(k.revert()).toEqual([a]);
    expect(() => a.prepare('select 1')).toThrow(/closed/);
    // What a new leader does: its schema cookie and root page are those of the dropped table.
    const leader = k.open({}, 'head');
    k.write("create table b(p); insert into b values('b')", leader);
    const c = k.open({}, 'head');
    expect(codeOf(() => c.execute('insert into a values(1,2)'))).toBe(1);
    expect(codeOf(() => one(bystander, 'select * from a'))).toBe(1);
    expect(rows(bystander, 'select * from b')).toEqual([['b']]);
    expectSound(k);
  });

  test('a transaction open at the revert can neither write nor commit; nothing of it remains', () => {
    const k = withTable(3000);
    k.writer.execute('insert into t(b) values(1)');
    const b = k.open({ cachePages: 10 }, 'head');
    b.execute('begin immediate; update t set b=2 where a<10');
    // The store reverts in the middle of SQL (M8); the connection is closed only later.
    k.store.revert();
    expect(codeOf(() => b.execute('commit'))).not.toBe(0);
    expect(k.store.hasWriter).toBe(false);
    expect(k.revert()).toEqual([k.writer, b]);
    const c = k.open({}, 'head');
    expect(one(c, 'select count(*) from t')).toBe(3000);
    k.write('insert into t(b) values(9)', c);
    expectSound(k);
  });

  test('a revert from the progress hook interrupts the statement', () => {
    let revert = false;
    const k: EnginePair = new EnginePair(
      {},
      {
        hooks: {
          progress: () => {
            if (revert) k.store.revert();
            return revert;
          },
        },
      },
    );
    k.write('create table t(a integer primary key, b)');
    revert = true;
    expect(codeOf(() => k.writer.execute(FILL(50_000)))).toBe(9);
    revert = false;
    expect(k.writer.autocommit).toBe(true);
    expect(k.store.hasWriter).toBe(false);
    expect(one(k.writer, 'select count(*) from t')).toBe(0);
    k.write('insert into t values(1,1)');
    expectSound(k);
  });

  test('seals taken while a transaction is open hold nothing of it (M5)', () => {
    const k = withTable(100);
    k.writer.execute('update t set b=1 where a=1');
    const b = k.open({}, 'head');
    b.execute('begin; update t set b=2 where a=2');
    k.seal();
    k.publish();
    expect(rows(k.open(), 'select b from t where a=1')).toEqual([[1]]);
    expect(one(k.open(), 'select count(*) from t where b=2')).toBe(0);
    b.execute('update t set b=3 where a=3; commit');
    k.commit();
    expect(rows(k.open(), 'select b from t where a<4')).toEqual([[1], [2], [3]]);
    expectSound(k);
  });

  test('a follower applies under an open reader', () => {
    const k = withTable();
    const reader = k.engine.open(k.follower);
    k.write('insert into t(b) values(1)');
    reader.execute('begin');
    expect(one(reader, 'select count(*) from t')).toBe(1);
    for (let i = 0; i < 50; i++) k.write('insert into t(b) values(1)');
    expect(one(reader, 'select count(*) from t')).toBe(1);
    reader.execute('commit');
    expect(one(reader, 'select count(*) from t')).toBe(51);
    expect(k.follower.statistics().retainedSlots).toBe(0);
    expectSound(k);
  });
});

describe('random operations against a model', () => {
  test('two writers, two readers, seals, publishes, reverts', () => {
    const k = withTable();
    k.write('create index i on t(b)');
    let seed = 42;
    const random = (limit: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >>> 8) % limit;
    };
    let head = new Map<number, string>();
    let published = head;
    const sealed: Map<number, string>[] = [];
    let writers = [k.writer, k.open({}, 'head')];
    const readers = [0, 1].map(() => ({
      connection: k.open(),
      snapshot: undefined as Map<number, string> | undefined,
    }));
    let reverts = 0;
    for (let i = 0; i < 3000; i++) {
      const operation = random(100);
      if (operation < 55) {
        const writer = writers[random(2)];
        const key = random(400);
        const text = `v${random(1e6)}${'x'.repeat(random(200))}`;
        head = new Map(head);
        if (random(3) === 0) {
          head.delete(key);
          rows(writer, 'delete from t where a=?', key);
        } else {
          head.set(key, text);
          rows(writer, 'replace into t values(?,?)', key, text);
        }
      } else if (operation < 65) {
        if (k.store.hasUnsealed) sealed.push(head);
        k.seal();
        expect(k.pending.length).toBe(sealed.length);
      } else if (operation < 75) {
        if (sealed.length > 0) published = sealed.shift() ?? published;
        k.publish(1);
      } else if (operation < 78) {
        k.revert();
        sealed.length = 0;
        head = published;
        writers = writers.map((writer) => (writer.closed ? k.open({}, 'head') : writer));
        reverts++;
      } else {
        const reader = readers[random(2)];
        const { connection } = reader;
        if (reader.snapshot !== undefined && random(2) === 0) {
          connection.execute('commit');
          reader.snapshot = undefined;
        } else if (reader.snapshot === undefined && random(2) === 0) {
          connection.execute('begin; select 1 from t');
          reader.snapshot = published;
        }
        const expected = [...(reader.snapshot ?? published)].sort(([a], [b]) => a - b);
        expect(rows(connection, 'select a,b from t order by a')).toEqual(expected);
      }
      if (i % 500 === 0) expect(one(writers[0], 'pragma integrity_check')).toBe('ok');
    }
    expect(reverts).toBeGreaterThan(20);
    for (const { connection, snapshot } of readers) if (snapshot) connection.execute('commit');
    expectSound(k);
  });
});

describe('a flush', () => {
  test('counts the pages that the COMMIT changes, and leaves the transaction open', () => {
    const k = withTable(50);
    k.writer.execute('begin immediate');
    k.writer.execute('create table u(x); create index ux on u(x); update t set b = 1 where a = 7');
    expect(k.store.writeSet.count).toBe(0);
    k.writer.flush();
    expect(k.writer.autocommit).toBe(false);
    k.writer.execute('insert into u values (1)');
    const pages = k.writer.flush();
    expect(pages).toBeGreaterThanOrEqual(4);
    k.writer.execute('commit');
    k.seal();
    expect(k.pending[0].seal.pageNumbers.length).toBe(pages);
    expect(one(k.writer, 'select count(*) from u')).toBe(1);
    expectSound(k);
  });

  test('is undone by a rollback, and fails as the COMMIT would', () => {
    const k = withTable(50);
    k.writer.execute('begin; delete from t');
    k.writer.flush();
    k.writer.execute('rollback');
    expect(one(k.writer, 'select count(*) from t')).toBe(50);
    k.write('create table c(t references t(a) deferrable initially deferred)');
    k.writer.execute('begin; insert into c values (99)');
    expect(codeOf(() => k.writer.flush())).toBe(787);
    k.writer.execute('rollback');
    expectSound(k);
  });
});
