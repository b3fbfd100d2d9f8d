import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { LIMITS } from '../base/index.ts';
import { ReaderWorld, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const CONNECTIONS = 128;
const MANY =
  "with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000) select n, printf('%050d', n) from c";

/** A reader of which every connection is held by a query whose rows nobody takes. */
function exhausted() {
  const world = new World();
  world.lead();
  const reader = new ReaderWorld(world.machine.directory, world.clock);
  const queries = Array.from({ length: CONNECTIONS }, () => reader.statement(MANY));
  const pass = (ms: number) => {
    world.clock.advance(ms);
    reader.collect();
  };
  const codeOf = (request: number) => {
    const end = reader.answers.get(request)?.at(-1)?.end;
    return end?.kind === 'failed' ? end.failure.code : end?.kind;
  };
  return { reader, queries, pass, codeOf };
}

test('128 queries that nobody reads keep nobody out for longer than the idle limit (S2)', () => {
  const { reader, queries, pass, codeOf } = exhausted();
  const waiting = reader.statement('select 1');
  expect(codeOf(waiting)).toBeUndefined();
  pass(LIMITS.transactionIdleMs - 1);
  expect(codeOf(waiting)).toBeUndefined();
  pass(1);
  expect(codeOf(waiting)).toBe('done');
  expect(queries.map((query) => codeOf(query)).filter((code) => code !== undefined)).toEqual([
    'QUERY_STALLED',
  ]);
  // Those that are left have been idle for so long that each newcomer gets a place at once.
  expect(codeOf(reader.statement('select 2'))).toBe('done');
});

test('the query that was read last stays longest', () => {
  const { reader, queries, pass, codeOf } = exhausted();
  pass(LIMITS.transactionIdleMs - 10);
  for (const request of queries.slice(0, -1)) reader.send({ kind: 'credit', request, batches: 1 });
  const waiting = reader.statement(MANY);
  pass(10);
  expect(codeOf(waiting)).toBeUndefined();
  expect(reader.answers.get(waiting)).toHaveLength(2);
  expect(queries.filter((query) => codeOf(query) !== undefined)).toEqual([queries.at(-1)]);
});

test('while nobody waits for a connection a query may be read as slowly as one likes', () => {
  const { reader, queries, pass, codeOf } = exhausted();
  pass(100 * LIMITS.transactionIdleMs);
  for (const request of queries) reader.send({ kind: 'credit', request, batches: 1000 });
  expect(new Set(queries.map((query) => codeOf(query)))).toEqual(new Set(['done']));
});
