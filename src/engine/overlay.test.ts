import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { PageStore, SlotArena } from '../pages/index.ts';
import { type Connection, compileSqlite, createEngine, Overlay } from './index.ts';

const bytes = readFileSync(
  createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm'),
);
const engine = createEngine(compileSqlite(bytes), {
  ...{ clock: { wallMs: () => 0 }, random: new SeededRandom(1) },
});

/** A store with 200 rows of about a page each. */
function below(): PageStore {
  const store = new PageStore(new SlotArena({ poison: true }));
  const connection = engine.open(store);
  connection.pinPolicy = 'head';
  connection.execute(
    'create table t(id integer primary key, x); with recursive c(n) as (select 1 union all select n + 1 from c where n < 200) ' +
      'insert into t select n, zeroblob(3000) from c',
  );
  connection.close();
  const seal = store.seal();
  if (seal !== undefined) store.publish(seal, 7);
  return store;
}

function open(overlay: Overlay): Connection {
  const connection = engine.open(overlay.store, {
    hooks: { committed: () => overlay.committed() },
  });
  connection.pinPolicy = 'head';
  return connection;
}

function value(connection: Connection, sql: string): unknown {
  const { statement } = connection.prepare(sql);
  statement?.step();
  const found = statement?.value(0);
  statement?.release();
  return found;
}

it('begins as the version below, keeps what it writes to itself, and survives shrinking and growing', () => {
  const store = below();
  const overlay = new Overlay(store);
  expect(overlay.index).toBe(7);
  const connection = open(overlay);
  connection.execute("delete from t where id > 3; update t set x = 'new' where id = 1; vacuum");
  expect(overlay.store.head.pages).toBeLessThan(store.published.pages);
  expect(overlay.store.memory.find(overlay.store.head.root, store.published.pages)).toBe(0);
  // What was cut off below must not show through when the file grows again.
  connection.execute(
    'create table u as select * from t; insert into u select id, zeroblob(9000) from u',
  );
  expect(value(connection, 'pragma integrity_check')).toBe('ok');
  expect(value(connection, "select group_concat(x) from t where typeof(x) = 'text'")).toBe('new');
  const reader = engine.open(store);
  expect(value(reader, 'select count(*) from t')).toBe(200);
  expect(value(reader, 'pragma integrity_check')).toBe('ok');
  reader.close();
  connection.close();
  overlay.close();
  overlay.close();
});

it('says when its memory is used up, and the version below is whole', () => {
  const store = below();
  const overlay = new Overlay(store, 1 << 20);
  const connection = open(overlay);
  expect(() => connection.execute('update t set x = zeroblob(9000)')).toThrow();
  expect(overlay.exhausted).toBe(true);
  connection.close();
  overlay.close();
  const reader = engine.open(store);
  expect(value(reader, 'select sum(length(x)) from t')).toBe(600_000);
  reader.close();
});

it('refuses to read on when the version below was taken away', () => {
  const store = below();
  const overlay = new Overlay(store);
  const connection = open(overlay);
  const writer = engine.open(store);
  writer.pinPolicy = 'head';
  writer.execute('update t set x = 1');
  const seal = store.seal();
  if (seal !== undefined) store.publish(seal, 8);
  store.enforceBudget(0);
  expect(() => value(connection, 'select sum(length(x)) from t')).toThrow('for too long');
  writer.close();
  connection.close();
  overlay.close();
});
