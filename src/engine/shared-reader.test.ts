import { expect, test } from 'vitest';
import { codeOf, EnginePair, one, rows, testEngine } from '../../test/support/engine-pair.ts';
import { SharedPageReader, SlotMemory } from '../pages/index.ts';

/** An engine as another thread has it: own instance, own views of the slabs that were posted to it. */
function readerThread(k: EnginePair) {
  const memory = new SlotMemory();
  const port: [number, SharedArrayBuffer][] = k.store.memory
    .slabs()
    .map((buffer, index) => [index, buffer]);
  k.store.memory.onSlab = (index, buffer) => port.push([index, buffer]);
  let drained = 0;
  memory.onMissingSlab = () => {
    drained++;
    for (const [index, buffer] of port.splice(0)) memory.addSlab(index, buffer);
  };
  const source = new SharedPageReader(memory, k.store.share(), 3);
  return { engine: testEngine(), source, drained: () => drained };
}

test('a reader of another thread sees published versions, through slabs it asks for', () => {
  const k = new EnginePair();
  const { engine, source, drained } = readerThread(k);
  const db = engine.open(source, { readOnly: true });
  expect(codeOf(() => one(db, 'select * from t'))).toBe(1);
  k.write('create table t(a integer primary key, b)');
  const fill =
    'with recursive c(x) as (select 1 union all select x+1 from c where x<3000) insert into t select null, randomblob(400) from c';
  k.writer.execute(fill);
  expect(one(db, 'select count(*) from t')).toBe(0);
  k.commit();
  expect(one(db, 'select count(*) from t')).toBe(3000);
  expect(drained()).toBeGreaterThan(0);
  expect(one(db, 'pragma integrity_check')).toBe('ok');
  const { statement } = db.prepare('select a from t');
  statement?.step();
  for (let i = 0; i < 5; i++) k.write('update t set b=randomblob(400)');
  let count = 1;
  while (statement?.step()) count++;
  statement?.release();
  expect(count).toBe(3000);
  expect(k.problem()).toBe('');
  k.store.collect();
  expect(k.store.statistics().liveVersions).toBe(1);
  k.end();
});

test('it cannot write, and a pin that is taken away fails cleanly', () => {
  const k = new EnginePair();
  k.write('create table t(a integer primary key, b)');
  k.write(
    'with recursive c(x) as (select 1 union all select x+1 from c where x<3000) insert into t select x, randomblob(400) from c',
  );
  const { engine, source } = readerThread(k);
  const db = engine.open(source, { cachePages: 10 });
  expect(codeOf(() => db.execute('begin immediate'))).toBe(8);
  expect(codeOf(() => db.execute('insert into t values(0,0)'))).toBe(8);
  const { statement } = db.prepare('select b from t');
  statement?.step();
  k.write('update t set b=1');
  k.write('update t set b=2');
  expect(k.store.enforceBudget(0)).toBe(1);
  expect(() => {
    while (statement?.step());
  }).toThrow(expect.objectContaining({ code: 'SNAPSHOT_TOO_OLD' }));
  statement?.release();
  expect(rows(db, 'select distinct b from t')).toEqual([[2]]);
  engine.closeAll();
  expect(k.end()).toBe(0);
});
